"""A function's signature and docstring, as a pydantic model and descriptions.

It reads annotations and the Google style of docstrings. It does not know what a tool is, nor who calls it.
"""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

if TYPE_CHECKING:
    from collections.abc import Callable

# A docstring's heads that end the description: what follows is for programmers, not for a model.
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Attributes|Note):\s*$")
_ARGUMENT = re.compile(r"^(\w+)(?: \([^)]*\))?: (.*)$")


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
    section = ""
    description: list[str] = []
    arguments: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        if head := _SECTION.match(line):
            section = head.group(1)
        elif not section:
            description.append(line)
        elif section == "Args" and (text := line.strip()):
            argument = _ARGUMENT.match(text) if _is_argument_line(line) else None
            name = argument.group(1) if argument else name
            arguments[name] = argument.group(2) if argument else f"{arguments.get(name, '')} {text}".strip()
    return "\n".join(description).strip(), arguments


def _is_argument_line(line: str) -> bool:
    """Whether a line of an ``Args`` section opens an argument: four spaces in, not deeper."""
    return line.startswith("    ") and not line.startswith("     ")


def arguments_model(function: Callable[..., object], descriptions: dict[str, str]) -> type[BaseModel]:
    """A pydantic model with one field a parameter; unknown names are refused.

    Raises:
        TypeError: a parameter has no annotation, or is positional-only or variadic. That is a
            mistake of the programmer who wrote the function, so it is not a StillroomError.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{function.__name__}: parameter {name!r} cannot be passed by its name")
        if name not in hints:
            raise TypeError(f"{function.__name__}: parameter {name!r} has no annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=descriptions.get(name)))
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def parameters_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON schema without titles, which repeat the names and cost a model tokens."""
    schema = model.model_json_schema()
    schema.setdefault("properties", {})
    return {key: _untitled(value) for key, value in schema.items() if key not in ("title", "description")}


def result_schema(function: Callable[..., object]) -> dict[str, Any] | None:
    """JSON schema of what the function returns, where that is an object; None otherwise."""
    returned = typing.get_type_hints(function, include_extras=True).get("return")
    if not (isinstance(returned, type) and (is_dataclass(returned) or issubclass(returned, BaseModel))):
        return None
    schema = TypeAdapter(returned).json_schema(mode="serialization")
    return {key: _untitled(value) for key, value in schema.items() if key not in ("title", "description")}


def _untitled(node: object) -> object:
    """A schema node without pydantic's generated ``title`` strings; a property named title stays."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "title" or not isinstance(value, str)}
        return {key: _untitled(value) for key, value in kept.items()}
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    return node
