"""Arguments of a foreign tool: mended where what is meant is plain, then checked by the tool's own schema.

A model that reads the mistake at once can mend it; what a server says of it comes later and is worse. It does
not know where arguments come from, and calls nobody.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from agents.mcp_servers.failures import plain_words
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

_MOST_PROBLEMS: Final = 3
_PROBLEM_CHARACTERS: Final = 300
_PARSED: Final = frozenset({"integer", "number", "boolean", "array", "object"})


@dataclass(frozen=True)
class ArgumentCheck:
    """Checks the arguments of one tool.

    Attributes:
        tool: its name for models, for messages.
        schema: as the server gave it.
    """

    tool: str
    schema: Mapping[str, Any]

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as they are sent.

        Raises:
            ToolError: they are not what the schema asks for; the message names each and what was needed.
        """
        mended = self._mended(arguments)
        if self._validator is None:
            return mended
        from referencing.exceptions import Unresolvable

        try:
            errors = sorted(self._validator.iter_errors(mended), key=lambda error: list(map(str, error.path)))
        except (Unresolvable, RecursionError):
            return mended  # a schema that cannot be worked out here; the server checks as well
        if errors:
            problems = []
            for error in errors[:_MOST_PROBLEMS]:
                where = ".".join(str(part) for part in error.absolute_path)
                said = plain_words(error.message, limit=_PROBLEM_CHARACTERS)
                problems.append(f"{where}: {said}" if where else said)
            raise ToolError(f"{self.tool}: {'; '.join(problems)}", hint=self._signature)
        return mended

    @cached_property
    def _validator(self) -> Validator | None:
        """None where the schema is none."""
        from jsonschema import SchemaError
        from jsonschema.validators import Draft202012Validator, extend, validator_for
        from referencing import Registry

        kind = validator_for(self.schema, default=Draft202012Validator)
        try:
            kind.check_schema(dict(self.schema))
        except SchemaError:
            return None
        # A foreign pattern may take for ever to fail, and Python's matching cannot be stopped.
        patternless: type[Validator] = extend(  # type: ignore[no-untyped-call]
            kind, {"pattern": None, "patternProperties": None}
        )
        # Nothing is fetched: references lead within the schema or nowhere.
        return patternless(dict(self.schema), registry=Registry())

    @property
    def _signature(self) -> str:
        properties = self.schema.get("properties")
        required = self.schema.get("required") or ()
        names = properties if isinstance(properties, dict) else {}
        shown = [plain_words(name if name in required else f"{name}?", limit=60) for name in names]
        return f"{self.tool}({', '.join(shown)})"

    def _mended(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers and objects that were written as text, and nulls for what may be left out.

        Example:
            >>> ArgumentCheck("t", {"properties": {"n": {"type": "integer"}}})._mended({"n": "３", "m": None})
            {'n': 3}
        """
        properties = self.schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        required = self.schema.get("required") or ()
        mended = {}
        for name, value in arguments.items():
            node = known.get(name)
            types = _types(node)
            if value is None and name not in required and types and "null" not in types:
                continue
            if value is None and node is None:
                continue
            mended[name] = (
                _parsed(value, types) if isinstance(value, str) and "string" not in types else value
            )
        return mended


def _types(node: object) -> frozenset[str]:
    """The types that a property may have; none where its schema does not say."""
    if not isinstance(node, dict):
        return frozenset()
    said = node.get("type")
    types = {said} if isinstance(said, str) else set(said) if isinstance(said, list) else set()
    for branch in node.get("anyOf") or node.get("oneOf") or ():
        types |= _types(branch)
    return frozenset(str(one) for one in types)


def _parsed(text: str, types: frozenset[str]) -> object:
    """The value that the text stands for, if it is of one of the types; else the text."""
    if not types & _PARSED:
        return text
    try:
        # Chinese keyboards write full-width digits.
        value = json.loads(unicodedata.normalize("NFKC", text).strip())
    except (ValueError, RecursionError):
        return text
    return value if _type_of(value) & types else text


def _type_of(value: object) -> frozenset[str]:
    match value:
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"number"})
        case list():
            return frozenset({"array"})
        case dict():
            return frozenset({"object"})
        case _:
            return frozenset()
