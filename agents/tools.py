"""A tool: a typed function that a model may call.

The signature is the schema, the docstring the description, so the agent and the MCP server offer
the very same function. Nothing here knows which tools exist, what they do, or who calls them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel, TypeAdapter, ValidationError

from agents.call_context import CallContext, serving
from agents.result_pages import PAGE_CHARACTERS
from agents.signature import arguments_model, describe, parameters_schema, result_schema
from stillroom.errors import StillroomError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.result_pages import ResultPages
    from rag.document import Citation

# What most MCP clients wait for one call.
CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gives back.

    Attributes:
        text: for a model to read, at most about ``PAGE_CHARACTERS`` long.
        data: the same as JSON values, uncut, for programs.
        citations: quotes that were found, word for word, in the library.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    citations: tuple[Citation, ...] = ()


@runtime_checkable
class Report(Protocol):
    """A typed result that knows how it reads. A ``citations`` attribute is taken along where it has one."""

    def to_text(self) -> str:
        """The result as a model should read it."""
        ...


@dataclass(frozen=True)
class Tool:
    """A function with what a model must know to call it.

    Attributes:
        description: what it does and when to use it.
        function: called with keyword arguments; it may return a ``ToolResult``, a ``Report``, a
            dataclass, a pydantic model or a plain JSON value.
        parameters: JSON schema of the arguments, an object that refuses unknown names.
        read_only: it changes nothing.
        destructive: it may delete or overwrite; meaningless where ``read_only`` is set.
        open_world: it reaches beyond this machine and its library.
        needs_consent: a person is asked before it runs (``agents.running.consent``).
        timeout_seconds: what one call may take.
        server: the MCP server that it is of; empty for Stillroom's own.
        pages: keeps what is too long for one result; None where the rest is left out.
        arguments: validates the arguments; None where the far side does (a tool of an MCP server).
    """

    name: str
    description: str
    function: Callable[..., object]
    parameters: Mapping[str, Any]
    read_only: bool = True
    destructive: bool = False
    open_world: bool = False
    needs_consent: bool = False
    timeout_seconds: float = CALL_SECONDS
    server: str = ""
    pages: ResultPages | None = field(default=None, repr=False)
    arguments: type[BaseModel] | None = field(default=None, repr=False)

    @cached_property
    def argument_names(self) -> tuple[str, ...]:
        """The names that the schema knows, in the order of the signature."""
        return tuple(self.parameters.get("properties", {}))

    @property
    def signature(self) -> str:
        """Name and arguments in one line, those that may be left out with a question mark."""
        required = set(self.parameters.get("required", ()))
        names = [name if name in required else f"{name}?" for name in self.argument_names]
        return f"{self.name}({', '.join(names)})"

    @cached_property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON schema of ``ToolResult.data``; None where the function does not say what it returns."""
        return None if self.arguments is None else result_schema(self.function)

    def call(self, arguments: Mapping[str, Any], context: CallContext | None = None) -> ToolResult:
        """Validate the arguments and run the function.

        Args:
            arguments: as a model or a client wrote them.
            context: what the function may know of its call; None for one that nobody can stop.

        Raises:
            ToolError: an argument is missing, unknown or of a wrong type, each named with what was
                needed; or the function failed, with its own message and hint.
        """
        keywords = self._validated(arguments)
        try:
            with serving(context or CallContext()):
                value = self.function(**keywords)
        except ToolError:
            raise
        except StillroomError as error:
            raise ToolError(f"{self.name}: {error.message}", hint=error.hint) from error
        return to_result(value, self.pages)

    def _validated(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.arguments is None:
            return dict(arguments)
        try:
            checked = self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolError(_refusal(self, error), hint=self.signature) from error
        return {name: getattr(checked, name) for name in type(checked).model_fields}


def tool(
    function: Callable[..., object],
    *,
    read_only: bool = True,
    destructive: bool = False,
    open_world: bool = False,
    needs_consent: bool | None = None,
    timeout_seconds: float = CALL_SECONDS,
) -> Tool:
    """A tool from a typed function: signature to schema, docstring to descriptions.

    Args:
        function: its annotations and its docstring say all that a model must know.
        read_only: it changes nothing.
        destructive: it may delete or overwrite.
        open_world: it reaches beyond this machine and its library.
        needs_consent: a person is asked before it runs; None for every tool that is not ``read_only``.
        timeout_seconds: what one call may take.

    Raises:
        TypeError: a parameter has no annotation or cannot be passed by name.

    Example:
        >>> def double(n: int) -> int:
        ...     '''Double a number.'''
        ...     return 2 * n
        >>> tool(double).call({"n": 21}).text
        '42'
    """
    description, per_argument = describe(function)
    model = arguments_model(function, per_argument)
    return Tool(
        name=function.__name__,
        description=description,
        function=function,
        parameters=parameters_schema(model),
        read_only=read_only,
        destructive=destructive,
        open_world=open_world,
        needs_consent=not read_only if needs_consent is None else needs_consent,
        timeout_seconds=timeout_seconds,
        arguments=model,
    )


def to_result(value: object, pages: ResultPages | None = None) -> ToolResult:
    """A function's value as text within the limit, as JSON data, and its citations."""
    capped = pages.first_page if pages else cap_text
    if isinstance(value, ToolResult):
        return ToolResult(capped(value.text), value.data, value.citations)
    plain = TypeAdapter(type(value)).dump_python(value, mode="json")
    data = plain if isinstance(plain, dict) else {"result": plain}
    citations: tuple[Citation, ...] = getattr(value, "citations", ())
    return ToolResult(capped(_readable(value, plain)), data, citations)


def cap_text(text: str, *, limit: int = PAGE_CHARACTERS) -> str:
    """The text, or its first ``limit`` characters and a plain note of how many were left out."""
    if len(text) <= limit:
        return text
    left_out = len(text) - limit
    return f"{text[:limit]}\n[cut: {left_out} of {len(text)} characters left out; ask for less at a time]"


def _readable(value: object, plain: object) -> str:
    if isinstance(value, Report):
        return value.to_text()
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _refusal(tool_called: Tool, error: ValidationError) -> str:
    """One line that names each bad argument, the value seen, and what was needed."""
    problems = []
    for detail in error.errors(include_url=False):
        name = ".".join(str(part) for part in detail["loc"]) or "arguments"
        match detail["type"]:
            case "missing":
                problems.append(f"{name!r} is missing")
            case "extra_forbidden":
                problems.append(f"{name!r} is unknown")
            case _:
                problems.append(f"{name!r} = {_short(detail['input'])}: {detail['msg']}")
    return f"{tool_called.name}: " + "; ".join(problems)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 (fits one line of a terminal)
