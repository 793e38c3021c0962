"""A tool: a typed function that a model may call.

The signature is the schema, the docstring the description, so the agent and the MCP server offer
the very same function. Nothing here knows which tools exist, what they do, or who calls them.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from agents.bounded_call import awaited, ended_call
from agents.call_context import CallContext, current_call
from agents.foreign_schema import argument_problems
from agents.signature import arguments_model, describe, parameters_schema, result_schema
from agents.slips import set_right
from agents.tool_result import Report, ToolResult, cap_text, to_result
from stillroom.errors import StillroomError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from agents.result_pages import ResultPages

__all__ = ["CALL_SECONDS", "Report", "Tool", "ToolResult", "cap_text", "to_result", "tool"]

# What most MCP clients wait for one call.
CALL_SECONDS: Final = 60.0
# A value in a refusal fits one line of a terminal; what an exception says, a few.
_VALUE_CHARACTERS: Final = 60
# And of all of them together: a model that was told this much mends the first ones.
_REFUSAL_CHARACTERS: Final = 1_000
_SAID_CHARACTERS: Final = 400


@dataclass(frozen=True)
class Tool:
    """A function with what a model must know to call it.

    Attributes:
        description: what it does and when to use it.
        function: called with keyword arguments in a thread of its own, where ``current_call()`` says what
            is known of the call; it may be a coroutine function. It may return a ``ToolResult``, a
            ``Report``, a dataclass, a pydantic model or a plain JSON value.
        parameters: JSON schema of the arguments, an object that refuses unknown names.
        read_only: it changes nothing.
        destructive: it may delete or overwrite; meaningless where ``read_only`` is set.
        open_world: it reaches beyond this machine and its library.
        needs_consent: a person is asked before it runs (``agents.running.consent``).
        timeout_seconds: what one call may take.
        precheck: is given the arguments before a person is asked, and raises a ``ToolError`` for those that
            would be refused anyway; it has no effect of its own, and reaches nothing.
        server: the MCP server that it is of; empty for Stillroom's own.
        pages: keeps what is too long for one result; None where the rest is left out.
        arguments: validates the arguments; None where ``parameters`` are somebody else's (a tool of an MCP
            server's), which are checked as far as they make sense.
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
    precheck: Callable[..., None] | None = field(default=None, repr=False)
    server: str = ""
    pages: ResultPages | None = field(default=None, repr=False)
    arguments: type[BaseModel] | None = field(default=None, repr=False)

    @cached_property
    def argument_names(self) -> tuple[str, ...]:
        """The names that the schema knows, in the order of the signature."""
        properties = self.parameters.get("properties")
        return tuple(properties) if isinstance(properties, Mapping) else ()

    @property
    def signature(self) -> str:
        """Name and arguments in one line, those that may be left out with a question mark."""
        required = self.parameters.get("required")
        needed = required if isinstance(required, list) else []
        names = [name if name in needed else f"{name}?" for name in self.argument_names]
        return f"{self.name}({', '.join(names)})"

    @cached_property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON schema of ``ToolResult.data``; None where the function does not say what it returns."""
        return None if self.arguments is None else result_schema(self.function)

    def call(self, arguments: Mapping[str, Any], context: CallContext | None = None) -> ToolResult:
        """Validate the arguments and run the function.

        It ends when the result is there, when ``timeout_seconds`` or the context's time are over, or soon
        after the context is cancelled; a function that goes on all the same is not waited for.

        Args:
            arguments: as a model or a client wrote them; unambiguous slips are set right.
            context: what the function may know of its call; None for one that nobody can stop.

        Raises:
            ToolError: an argument is missing, unknown or of a wrong type, each named with the value seen and
                what was needed; or the function failed, whatever it raised; or it gave nothing in time.
        """
        future = ended_call(
            self.name,
            lambda: self._run(arguments),
            context=context or CallContext(),
            seconds=self.timeout_seconds,
        )
        result = self._result_of(future)
        capped = self.pages.first_page if self.pages else cap_text
        return ToolResult(capped(result.text), result.data, result.citations)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Refuse arguments that ``call`` would refuse, as far as can be told without any effect.

        Raises:
            ToolError: as ``call``.
        """
        try:
            read = self._validated(arguments)
            if self.precheck is not None:
                self.precheck(**read)
        except ToolError:
            raise
        except Exception as error:
            raise self._refused(error) from error

    def _run(self, arguments: Mapping[str, Any]) -> ToolResult:
        value = self.function(**self._validated(arguments))
        return to_result(awaited(value, current_call()) if inspect.isawaitable(value) else value)

    def _result_of(self, future: Future[ToolResult]) -> ToolResult:
        """The result; what was raised instead, as a ``ToolError``: no tool ends a run."""
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, ToolError):
            raise error
        raise self._refused(error) from error

    def _refused(self, error: BaseException) -> ToolError:
        """What was raised, as what the model is told of it."""
        if isinstance(error, StillroomError):
            return ToolError(f"{self.name}: {error.message}", hint=error.hint)
        logging.getLogger(__name__).debug("%s failed", self.name, exc_info=error)
        said = _short(_words(error), _SAID_CHARACTERS)
        return ToolError(f"{self.name} failed: {type(error).__name__}{f': {said}' if said else ''}")

    def _validated(self, arguments: object) -> dict[str, Any]:
        if not isinstance(arguments, Mapping):
            seen = _short(repr(arguments), _VALUE_CHARACTERS)
            raise ToolError(f"{self.name}: its arguments must be one object, not {seen}", hint=self.signature)
        read = set_right(arguments, self.parameters)
        if self.arguments is None:
            if problems := argument_problems(read, self.parameters):
                raise ToolError(f"{self.name}: {'; '.join(problems)}", hint=self.signature)
            return read
        try:
            # As JSON and strictly: pydantic's own leniency would take true for the integer 1.
            checked = self.arguments.model_validate_json(json.dumps(read), strict=True)
        except ValidationError as error:
            raise ToolError(_refusal(self, error), hint=self.signature) from error
        fields = type(checked).model_fields
        return {field.alias or name: getattr(checked, name) for name, field in fields.items()}


def tool(
    function: Callable[..., object],
    *,
    read_only: bool = True,
    destructive: bool = False,
    open_world: bool = False,
    needs_consent: bool | None = None,
    timeout_seconds: float = CALL_SECONDS,
    precheck: Callable[..., None] | None = None,
) -> Tool:
    """A tool from a typed function: signature to schema, docstring to descriptions.

    Args:
        function: its annotations and its docstring say all that a model must know.
        read_only: it changes nothing.
        destructive: it may delete or overwrite.
        open_world: it reaches beyond this machine and its library.
        needs_consent: a person is asked before it runs; None for every tool that is not ``read_only``.
        timeout_seconds: what one call may take.
        precheck: takes the same arguments, and raises a ``ToolError`` for those that need not be asked about.

    Raises:
        TypeError: a parameter has no annotation or cannot be passed by name, or the function yields.

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
        precheck=precheck,
        arguments=model,
    )


def _refusal(tool_called: Tool, error: ValidationError) -> str:
    """One line that names each bad argument, the value seen, and what was needed."""
    problems = []
    for detail in error.errors(include_url=False):
        name = _short(".".join(str(part) for part in detail["loc"]) or "arguments", _VALUE_CHARACTERS)
        match detail["type"]:
            case "missing":
                problems.append(f"{name!r} is missing")
            case "extra_forbidden":
                problems.append(f"{name!r} is unknown")
            case _:
                problems.append(
                    f"{name!r} = {_short(repr(detail['input']), _VALUE_CHARACTERS)}: {detail['msg']}"
                )
    return _short(f"{tool_called.name}: " + "; ".join(problems), _REFUSAL_CHARACTERS)


def _words(error: BaseException) -> str:
    """What an exception says of itself; nothing where asking it fails in turn."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a foreign class, and its type is told all the same
        return ""


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
