"""What a model is told of a tool: its name, what it does, and the schema of its arguments.

Made of our own tools, of LangChain's, and of the dictionaries that LangChain passes on to a provider. It
calls none of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


# More choices than a line holds.
_MOST_CHOICES: Final = 8


class Offer(Protocol):
    """What is known of a tool that a model may call; ``agents.tools.Tool`` is one, too."""

    @property
    def name(self) -> str:
        """By which the model calls it."""
        ...

    @property
    def description(self) -> str:
        """What it does and when to use it."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of its arguments, an object."""
        ...


@dataclass(frozen=True)
class Offered:
    """A tool of LangChain's as a model is told of it."""

    name: str
    description: str
    parameters: Mapping[str, Any]


def offered(tool: BaseTool | Mapping[str, Any] | Offer) -> Offer:
    """What LangChain's agent has in ``request.tools``, as an offer.

    Arguments that LangChain injects (state, a store) are not the model's business and are left out.

    Raises:
        ToolError: a dictionary that describes no function, such as a provider's own search tool.

    Example:
        >>> offered({"type": "function", "function": {"name": "now", "parameters": {}}}).name
        'now'
    """
    from langchain_core.tools import BaseTool

    if isinstance(tool, BaseTool):
        schema: Any = tool.tool_call_schema
        parameters = schema if isinstance(schema, Mapping) else schema.model_json_schema()
        return Offered(tool.name, tool.description, parameters)
    if not isinstance(tool, Mapping):
        return tool
    function = tool.get("function", tool)
    name = function.get("name", function.get("title")) if isinstance(function, Mapping) else None
    parameters = function.get("parameters", function.get("input_schema")) if name else None
    if not isinstance(name, str) or not isinstance(parameters, Mapping):
        shown = ", ".join(f"{key}={value!r}" for key, value in tool.items())[:80]
        raise ToolError(
            f"a tool has no name or no schema: {shown}",
            hint="a provider's own tools need that provider: give the agent functions, or LangChain's tools",
        )
    return Offered(name, str(function.get("description", "")), parameters)


def argument_names(tool: Offer) -> tuple[str, ...]:
    """The names that the tool's schema knows, in its order; those that it needs at least."""
    properties = tool.parameters.get("properties")
    known = tuple(properties) if isinstance(properties, Mapping) else ()
    return (*known, *(name for name in needed_arguments(tool) if name not in known))


def needed_arguments(tool: Offer) -> tuple[str, ...]:
    """Names of the arguments that must be there."""
    required = tool.parameters.get("required")
    return tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()


def signature(tool: Offer) -> str:
    """Name and arguments in one line, those that may be left out with a question mark.

    Example:
        >>> properties = {"thing": {"type": "string"}, "unit": {"enum": ["g", "kg"]}}
        >>> signature(Offered("weigh", "", {"properties": properties, "required": ["thing"]}))
        'weigh(thing: string, unit?: "g" | "kg")'
    """
    properties = tool.parameters.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    needed = needed_arguments(tool)
    written = []
    for name in argument_names(tool):
        kind = _kind(known.get(name))
        written.append(f"{name}{'' if name in needed else '?'}{f': {kind}' if kind else ''}")
    return f"{tool.name}({', '.join(written)})"


def first_paragraph(text: str) -> str:
    """A description's first paragraph on one line."""
    return " ".join(text.strip().split("\n\n", 1)[0].split())


def _kind(schema: object) -> str:
    """An argument's type in a few characters; empty where its schema says none."""
    if not isinstance(schema, Mapping):
        return ""
    choices = schema.get("enum")
    if isinstance(choices, Sequence) and not isinstance(choices, str) and len(choices) <= _MOST_CHOICES:
        return " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
    match schema.get("type"):
        case "array":
            inner = _kind(schema.get("items"))
            return f"list of {inner}" if inner else "list"
        case str(kind):
            return kind
    return ""
