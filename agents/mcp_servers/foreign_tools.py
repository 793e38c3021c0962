"""A foreign tool as ours: name, words and schema made fit for a model, and whether a person is asked.

What a server says of its tools is untrusted: it counts once a person has approved it (``approvals``), and a
hint that is left out counts as the dangerous answer, as MCP has it. It does not know how a call is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agents.call_context import current_call
from agents.foreign_schema import argument_problems
from agents.mcp_servers.failures import plain_words
from agents.mcp_servers.schemas import for_models
from agents.tools import Tool, cap_text
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp.types import Tool as ServedTool

    from agents.call_context import CallContext
    from agents.tools import ToolResult

# A foreign description is shown to a model with every request.
DESCRIPTION_CHARACTERS: Final = 1_500


def adapted(
    served: ServedTool,
    name: str,
    call: Callable[[ServedTool, Mapping[str, Any], CallContext], ToolResult],
    *,
    server: str = "",
    allowed: bool = False,
    call_seconds: float,
) -> Tool:
    """The served tool as one of ours.

    It runs without asking if it only reads and stays on this machine, or if the configuration allows it. A
    tool that reads and reaches out asks: what it is given to look for may hold what the library holds.

    Args:
        served: as the server lists it.
        name: for models, unique among all tools.
        call: makes the call, with arguments that were checked.
        server: whose it is.
        allowed: the configuration lists it as one that need not ask.
        call_seconds: what one call may take.
    """

    def precheck(**arguments: Any) -> None:  # noqa: ANN401 (as the schema has them)
        # The caller has checked them by what models are told, which may be less than the server asks.
        if problems := argument_problems(arguments, served.input_schema):
            raise ToolError(f"{name}: {'; '.join(problems)}")

    def function(**arguments: Any) -> ToolResult:  # noqa: ANN401 (as the schema has them)
        precheck(**arguments)
        return call(served, arguments, current_call())

    hints = served.annotations
    read_only = bool(hints and hints.read_only_hint)
    open_world = not hints or hints.open_world_hint is not False
    return Tool(
        name=name,
        description=described(served),
        function=function,
        parameters=for_models(served.input_schema),
        read_only=read_only,
        destructive=not read_only and (not hints or hints.destructive_hint is not False),
        open_world=open_world,
        needs_consent=not allowed and (not read_only or open_world),
        timeout_seconds=call_seconds,
        precheck=precheck,
        server=server,
    )


def described(served: ServedTool) -> str:
    """What the tool does in its server's words, made harmless and short enough."""
    words = plain_words(served.description or served.title or served.name, limit=10 * DESCRIPTION_CHARACTERS)
    return cap_text(words, limit=DESCRIPTION_CHARACTERS)


def is_callable(served: ServedTool) -> bool:
    """Whether an ordinary call is enough; some tools work only as a task that the client comes back for."""
    return served.execution is None or served.execution.task_support != "required"


def is_repeatable(served: ServedTool) -> bool:
    """Whether a call may be made again when nobody knows if the first one was carried out."""
    hints = served.annotations
    return bool(hints and (hints.read_only_hint or hints.idempotent_hint))
