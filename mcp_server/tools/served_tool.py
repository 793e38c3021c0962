"""A tool as MCP clients see it: a typed function, with what an IDE shows a person and links to read on.

Values only. It does not know which tools there are, nor how a request comes in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.tools import Tool
    from mcp_server.callers import Caller


@dataclass(frozen=True, slots=True)
class Link:
    """A resource that a result points to.

    Attributes:
        uri: to be read with ``resources/read``.
        name: short, such as a document's title.
        description: why one would read it.
    """

    uri: str
    name: str
    description: str = ""


def _none(_data: Mapping[str, Any]) -> tuple[Link, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ServedTool:
    """A tool with what the protocol says of it beside its schema.

    Attributes:
        tool: its name, description, schemas, and what it may do.
        title: what an IDE shows a person.
        idempotent: calling it again with the same arguments changes nothing more.
        links: the resources that a result's data points to; they are sent beside it.
        waits: it does nothing but wait for work that goes on elsewhere, and keeps no other call waiting.
        slow: a model works for it: it keeps none but its kind waiting, so that a search stays quick.
        output_schema: of the result's data, where it is not the tool's own.
        function_for: the tool's function on behalf of a caller; None where it is the same for all.
    """

    tool: Tool
    title: str
    idempotent: bool = True
    links: Callable[[Mapping[str, Any]], tuple[Link, ...]] = _none
    waits: bool = False
    slow: bool = False
    output_schema: Mapping[str, Any] | None = None
    function_for: Callable[[Caller], Callable[..., object]] | None = None

    @property
    def name(self) -> str:
        """By which it is called."""
        return self.tool.name

    def for_caller(self, caller: Caller) -> Tool:
        """The tool to call for this caller."""
        if self.function_for is None:
            return self.tool
        return replace(self.tool, function=self.function_for(caller))
