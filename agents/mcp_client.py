"""One MCP server, open for the length of a block: its tools as ``agents.tools.Tool``, its resources as text.

For programs and tests that name a server themselves and trust it. The servers of an ``mcp.json``, with
approvals and restarts, are ``agents.mcp_servers.servers``'s. A server's citations are not taken as checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agents.call_context import current_call
from agents.mcp_servers.config import Process
from agents.mcp_servers.foreign_tools import adapted
from agents.mcp_servers.programs import what_is_missing
from agents.mcp_servers.results import resource_text, to_result
from agents.mcp_servers.transport import Observations, Route, route_to
from agents.tools import cap_text
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp.client import Transport
    from mcp.server import MCPServer, Server
    from mcp.types import Tool as ServedTool

    from agents.call_context import CallContext
    from agents.mcp_servers.session import Session
    from agents.tools import Tool, ToolResult

# Importing a large server takes seconds on a slow disk; Codex gives its servers 10 s.
START_SECONDS = 30.0
# What most MCP clients wait for one call.
CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class McpConnection:
    """An open MCP server. Its methods block, and may be called from any thread.

    Attributes:
        name: how messages call the server: its command, or its own name.
        call_seconds: what one call may take.
    """

    name: str
    call_seconds: float
    _session: Session = field(repr=False)

    @property
    def protocol_version(self) -> str:
        """The MCP revision that both sides speak, for example ``2026-07-28``."""
        return self._session.client.protocol_version

    def tools(self, *, prefix: str = "") -> tuple[Tool, ...]:
        """The server's tools; ``prefix`` keeps two servers' names apart.

        Raises:
            McpError: the server does not answer, or its list does not end.
        """
        if self._session.stale:
            self._session.refresh()
        return tuple(
            adapted(served, prefix + served.name, self._call, call_seconds=self.call_seconds)
            for served in self._session.served
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool by the name that the server gave it.

        Raises:
            ToolError: the tool refused or failed, is unknown, gave what its own schema forbids, or took
                longer than ``call_seconds``.
            McpError: the server is gone.
        """
        result = self._session.call(name, arguments, seconds=self.call_seconds, context=current_call())
        read = to_result(name, result, self._session.secrets)
        return type(read)(cap_text(read.text), read.data)

    def read_resource(self, uri: str) -> str:
        """A resource's text.

        Raises:
            McpError: there is no such resource, or the server cannot read it.
        """
        result = self._session.ask(uri, lambda client: client.read_resource(uri))
        return "".join(resource_text(part) for part in result.contents)

    def _call(self, served: ServedTool, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = self._session.call(served.name, arguments, seconds=self.call_seconds, context=context)
        return to_result(served.name, result, self._session.secrets)


@contextmanager
def open_server(
    target: Sequence[str] | MCPServer[Any] | Server[Any] | Transport,
    *,
    environment: Mapping[str, str] | None = None,
    mode: Literal["auto", "legacy"] = "auto",
    start_seconds: float = START_SECONDS,
    call_seconds: float = CALL_SECONDS,
) -> Iterator[McpConnection]:
    """Open an MCP server for the length of a ``with`` block; a process that was started ends with it.

    Args:
        target: a command with its arguments, to speak with over stdio; or a server in this process; or any
            transport of the SDK's.
        environment: what a started process gets beside PATH, HOME and the few others that the SDK passes on.
        mode: ``legacy`` forces the handshake from before revision 2026-07-28.
        start_seconds: what the server may take until its tools are listed; with ``auto`` the SDK's own probe
            takes 10 s of a server that stays silent before that.
        call_seconds: what one call may take.

    Raises:
        McpError: the command cannot be started, ends at once, or does not speak MCP in time.

    Example:
        >>> with open_server(["stillroom", "mcp", "serve"]) as server:  # doctest: +SKIP
        ...     [tool.name for tool in server.tools()]
    """
    from anyio.from_thread import start_blocking_portal

    from agents.mcp_servers.session import Session

    name = _shown(target)
    entered, observed = _entered(target, environment or {}, name)
    with start_blocking_portal() as portal:
        session = Session(name, entered, portal, mode, start_seconds, observed=observed)
        try:
            try:
                session.open().result()
            except McpError as error:
                words = observed.last_words()
                told = f"{error.message}; {words}" if words else error.message
                raise McpError(told, hint=error.hint) from error
            yield McpConnection(name, call_seconds, session)
        finally:
            session.wait_closed()


def _entered(
    target: Sequence[str] | MCPServer[Any] | Server[Any] | Transport,
    environment: Mapping[str, str],
    name: str,
) -> tuple[Any, Observations]:
    """What the SDK's client takes, and where what must be known of a failure is kept.

    Raises:
        McpError: the program is not there.
    """
    if not isinstance(target, Sequence):
        return target, Observations()
    command, *arguments = [target] if isinstance(target, str) else target
    process = Process(command, tuple(arguments), environment, Path.cwd())
    if missing := what_is_missing(process, {}):
        raise McpError(f"{name} cannot be started: {missing}", hint="name the program by its absolute path")
    route: Route = route_to(process, {})
    return route.transport, route.observed


def _shown(target: object) -> str:
    if isinstance(target, Sequence):
        return target if isinstance(target, str) else " ".join(target)
    return str(getattr(target, "name", type(target).__name__))
