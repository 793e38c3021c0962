"""A function's signature and docstring, as a pydantic model and descriptions.

It reads annotations and the Google style of docstrings. It does not know what a tool is, nor who calls it.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncIterator, Iterator
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

if TYPE_CHECKING:
    from collections.abc import Callable

# A docstring's heads that end the description: what follows is for programmers, not for a model.
_SECTION: Final = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Attributes|Note):\s*$")
_DESCRIBING: Final = ("Args", "Attributes")
_ARGUMENT: Final = re.compile(r" {4}(\w+)(?: \([^)]*\))?: (.*)")

# Under these, a schema holds values or names, and no schema whose words could be left out.
_VALUES: Final = ("default", "const", "enum", "examples", "required")
_NAMED: Final = ("properties", "$defs", "patternProperties")


def describe(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """The docstring's text before its first section, and the description of each argument.

    Example:
        >>> def double(n: int) -> int:
        ...     '''Double a number.
        ...
        ...     Args:
        ...         n: the number.
        ...     '''
        ...     return 2 * n
        >>> describe(double)
        ('Double a number.', {'n': 'the number.'})
    """
    return _read_docstring(function.__doc__ or "")


def _read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """As `describe`; a class's attributes are read as a function's arguments are."""
    section = ""
    description: list[str] = []
    members: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(docstring).splitlines():
        if head := _SECTION.match(line):
            section, name = head.group(1), ""
        elif not section:
            description.append(line)
        elif section not in _DESCRIBING or not line.strip():
            continue
        elif opens := _ARGUMENT.fullmatch(line.rstrip()):
            name = opens.group(1)
            members[name] = opens.group(2)
        elif name:
            members[name] += f" {line.strip()}"
    return "\n".join(description).strip(), members


def arguments_model(function: Callable[..., object], descriptions: dict[str, str]) -> type[BaseModel]:
    """A pydantic model with one field a parameter, under the parameter's name as its alias.

    Unknown names are refused, and so are infinities, which JSON does not have.

    Raises:
        TypeError: a parameter has no annotation, or one that names something unknown, or is positional-only
            or variadic; or the function yields, where a tool returns. That is a mistake of the programmer
            who wrote the function, so it is not a StillroomError.
    """
    hints = _hints(function)
    if _yields(function, hints.get("return")):
        raise TypeError(f"{function.__name__}: it yields its result piece by piece; a tool returns one value")
    fields: dict[str, Any] = {}
    for number, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{function.__name__}: parameter {name!r} cannot be passed by its name")
        if name not in hints:
            raise TypeError(f"{function.__name__}: parameter {name!r} has no annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        # A parameter may have a name that a model's own method has, such as copy or json.
        fields[f"argument_{number}"] = (
            hints[name],
            Field(default, alias=name, description=descriptions.get(name)),
        )
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(function.__name__, __config__=config, **fields)


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    """The annotations, names in them looked up.

    Raises:
        TypeError: one of them names what is not known where the function stands.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        unknown = re.compile(rf"\b{re.escape(str(error.name))}\b")
        annotations = getattr(function, "__annotations__", {})
        where = next((name for name, written in annotations.items() if unknown.search(str(written))), "?")
        raise TypeError(
            f"{function.__name__}: the annotation of {where!r} names {error.name!r}, which is not known there"
        ) from error


def _yields(function: Callable[..., object], returned: object) -> bool:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return True
    kind = typing.get_origin(returned) or returned
    return isinstance(kind, type) and issubclass(kind, Iterator | AsyncIterator)


def parameters_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON schema without what costs a model tokens and says nothing new to it.

    Titles repeat the names; of a nested class's docstring, the attributes' words go to the attributes.
    """
    schema = model.model_json_schema()
    schema.setdefault("properties", {})
    return _without_words_of_its_own(schema)


def result_schema(function: Callable[..., object]) -> dict[str, Any] | None:
    """JSON schema of what the function returns, where that is an object; None otherwise."""
    returned = _hints(function).get("return")
    if not (isinstance(returned, type) and (is_dataclass(returned) or issubclass(returned, BaseModel))):
        return None
    return _without_words_of_its_own(TypeAdapter(returned).json_schema(mode="serialization"))


def _without_words_of_its_own(schema: dict[str, Any]) -> dict[str, Any]:
    """An object's schema, thinned; its own description is the tool's."""
    thinned: dict[str, Any] = _thinned(schema)
    thinned.pop("description", None)
    return thinned


def _thinned(node: Any) -> Any:  # noqa: ANN401 - any node of a JSON schema
    """A schema node without generated titles, and with descriptions for a model instead of docstrings."""
    if isinstance(node, list):
        return [_thinned(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in _NAMED:
            # A property may itself be called title or default.
            kept[key] = {name: _thinned(member) for name, member in value.items()}
        elif key in _VALUES:
            kept[key] = value
        elif key != "title":
            kept[key] = _thinned(value)
    if "properties" in kept and "description" in kept:
        description, members = _read_docstring(kept.pop("description"))
        kept = {"description": description, **kept} if description else kept
        for name, said in members.items():
            if name in kept["properties"]:
                kept["properties"][name].setdefault("description", said)
    return kept
