"""Arguments against a JSON schema that somebody else wrote: an MCP server's, of any quality.

What the schema forbids is refused here, before it travels. A schema that is broken, refers to what is not
there or loops forbids nothing: its server judges. Nothing is fetched, and no foreign pattern is matched: one
that backtracks would hold the whole process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jsonschema.exceptions import ValidationError

# What a model can still use.
_MOST_PROBLEMS: Final = 5
# A list of a million wrong items has as many.
_MOST_ERRORS: Final = 50
_SHOWN_CHARACTERS: Final = 60


def argument_problems(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What the schema finds wrong, each with the argument's name, the value seen and what was needed.

    Example:
        >>> argument_problems({"n": "x"}, {"type": "object", "properties": {"n": {"type": "integer"}}})
        ("'n' = 'x': is not of type 'integer'",)
    """
    import re

    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(_errors(arguments, schema), key=lambda error: [str(part) for part in error.path])
    except (SchemaError, Unresolvable, RecursionError, ArithmeticError, ValueError, re.error):
        return ()
    # Two branches of one schema may say the same.
    return tuple(dict.fromkeys(problem for error in errors for problem in _problems(error)))[:_MOST_PROBLEMS]


def _errors(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> list[ValidationError]:
    """The first that jsonschema finds, by the schema's own draft if it names one that is known."""
    validator = _validator(json.dumps(schema))
    return list(islice(validator.iter_errors(dict(arguments)), _MOST_ERRORS))


@lru_cache(maxsize=512)
def _validator(schema_json: str) -> Any:  # noqa: ANN401 - jsonschema's own types
    """Made once for each schema: checking the schema itself takes longer than a server on this machine."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for
    from referencing import Registry

    schema = json.loads(schema_json)
    named = isinstance(schema.get("$schema"), str)
    draft = validator_for(schema, default=Draft202012Validator) if named else Draft202012Validator
    draft.check_schema(schema)
    additional = draft.VALIDATORS["additionalProperties"]

    def additional_without_patterns(
        validator: Any,  # noqa: ANN401 - jsonschema's own types
        allowed: object,
        value: object,
        node: Mapping[str, Any],
    ) -> Iterator[ValidationError]:
        # A name may be one that the patterns allow.
        if "patternProperties" not in node:
            yield from additional(validator, allowed, value, node) or ()

    # An empty registry: without one, jsonschema fetches what a schema refers to.
    unmatched: Any = extend(  # type: ignore[no-untyped-call]
        draft,
        {
            "pattern": _says_nothing,
            "patternProperties": _says_nothing,
            "unevaluatedProperties": _says_nothing,
            "additionalProperties": additional_without_patterns,
        },
    )
    return unmatched(schema, registry=Registry())


def _says_nothing(_validator: object, _wanted: object, _value: object, _node: object) -> None:
    """A keyword that is left to the server."""


def _problems(error: ValidationError) -> Sequence[str]:
    path = ".".join(str(part) for part in error.absolute_path)
    within = f"{path}." if path else ""
    if error.validator == "required" and isinstance(error.instance, Mapping):
        needed: Any = error.validator_value
        missing = [name for name in needed if name not in error.instance]
        return [f"'{within}{name}' is missing" for name in missing]
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        return [f"'{within}{name}' is unknown" for name in error.instance if name not in known]
    shown = repr(error.instance)
    said = error.message.removeprefix(shown).strip()
    return [f"{path or 'arguments'!r} = {_short(shown)}: {_short(said, 3 * _SHOWN_CHARACTERS)}"]


def _short(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
