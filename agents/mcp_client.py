"""Other programs' tools: opens an MCP server and gives its tools as ``agents.tools.Tool``.

The SDK's client is asynchronous and everything that calls a tool here is not, so one background thread owns
the event loop and the client, and calls are handed over to it. Nothing here knows what a tool does; what a
server says of its tools is untrusted text, and its citations are not taken as checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from agents.tools import Tool, ToolResult, cap_text
from stillroom.errors import McpError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anyio.from_thread import BlockingPortal
    from mcp import Client, StdioServerParameters
    from mcp.client import Transport
    from mcp.server import MCPServer, Server
    from mcp.types import ContentBlock
    from mcp.types import Tool as ServedTool

# Importing a large server takes seconds on a slow disk; Codex gives its servers 10 s.
START_SECONDS = 30.0
# What most MCP clients wait for one call.
CALL_SECONDS = 60.0
# A server that never ends its list must not hang its client.
_MAX_PAGES = 100
# A foreign description is shown to a model with every request.
_DESCRIPTION_CHARACTERS = 1_500
_START_HINT = "run the server's command by hand and read what it prints to stderr"


@dataclass(frozen=True, slots=True)
class McpConnection:
    """An open MCP server. Its methods block, and may be called from any thread but the connection's own.

    Attributes:
        name: how messages call the server: its command, or its own name.
        call_seconds: what one call may take.
    """

    name: str
    call_seconds: float
    _portal: BlockingPortal = field(repr=False)
    _client: Client = field(repr=False)

    @property
    def protocol_version(self) -> str:
        """The MCP revision that both sides speak, for example ``2026-07-28``."""
        return self._client.protocol_version

    def tools(self, *, prefix: str = "") -> tuple[Tool, ...]:
        """The server's tools, all pages of them; ``prefix`` keeps two servers' names apart.

        Raises:
            McpError: the server does not answer, or its list does not end.
        """
        return tuple(self._adapted(served, prefix) for served in self._all_tools())

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool by the name that the server gave it.

        Raises:
            ToolError: the tool refused or failed, is unknown, gave what its own schema forbids, or took
                longer than ``call_seconds``.
        """
        call = partial(self._client.call_tool, name, dict(arguments), read_timeout_seconds=self.call_seconds)
        with _translated(ToolError, name):
            result = self._portal.call(call)
        text = cap_text("\n".join(_block_text(block) for block in result.content))
        if result.is_error:
            # Stillroom's own server writes errors this way; other servers' texts stay whole.
            message, _, hint = text.partition("\nHint: ")
            raise ToolError(message or f"{name}: the tool failed and gave no reason", hint=hint)
        return ToolResult(text, result.structured_content or {})

    def read_resource(self, uri: str) -> str:
        """A resource's text.

        Raises:
            McpError: there is no such resource, or the server cannot read it.
        """
        from mcp.types import TextResourceContents

        with _translated(McpError, uri):
            result = self._portal.call(partial(self._client.read_resource, uri))
        return "".join(part.text for part in result.contents if isinstance(part, TextResourceContents))

    def _all_tools(self) -> Iterator[ServedTool]:
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            with _translated(McpError, self.name):
                page = self._portal.call(partial(self._client.list_tools, cursor=cursor))
            yield from page.tools
            if (cursor := page.next_cursor) is None:
                return
        raise McpError(f"{self.name} lists more than {_MAX_PAGES} pages of tools")

    def _adapted(self, served: ServedTool, prefix: str) -> Tool:
        """A served tool as ours; a hint that is left out counts as the dangerous answer, as in MCP."""
        hints = served.annotations
        return Tool(
            name=prefix + served.name,
            description=cap_text(served.description or served.name, limit=_DESCRIPTION_CHARACTERS),
            function=lambda **arguments: self.call(served.name, arguments),
            parameters=served.input_schema,
            read_only=bool(hints and hints.read_only_hint),
            destructive=not hints or hints.destructive_hint is not False,
            open_world=not hints or hints.open_world_hint is not False,
        )


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
        start_seconds: what the server may take to answer first; with ``auto`` the SDK's own probe takes 10 s
            of a server that stays silent before that.
        call_seconds: what one call may take.

    Raises:
        McpError: the command cannot be started, ends at once, or does not speak MCP in time.

    Example:
        >>> with open_server(["stillroom", "mcp", "serve"]) as server:  # doctest: +SKIP
        ...     [tool.name for tool in server.tools()]
    """
    from anyio.from_thread import start_blocking_portal
    from mcp import Client

    name = _shown(target)
    client = Client(_client_target(target, environment), mode=mode, read_timeout_seconds=start_seconds)
    with start_blocking_portal() as portal:
        session = portal.wrap_async_context_manager(client)
        with _translated(McpError, f"{name} opened no MCP session within {start_seconds:g} s"):
            session.__enter__()
        try:
            yield McpConnection(name, call_seconds, portal, client)
        finally:
            # The caller's own exception is kept from the client's task groups, which would wrap it.
            with _translated(McpError, name):
                session.__exit__(None, None, None)


def _client_target(
    target: Sequence[str] | MCPServer[Any] | Server[Any] | Transport, environment: Mapping[str, str] | None
) -> MCPServer[Any] | Server[Any] | Transport | StdioServerParameters:
    from mcp import StdioServerParameters

    if not isinstance(target, Sequence):
        return target
    command, *arguments = [target] if isinstance(target, str) else target
    return StdioServerParameters(command=command, args=arguments, env=dict(environment or {}))


def _shown(target: object) -> str:
    if isinstance(target, Sequence):
        return target if isinstance(target, str) else " ".join(target)
    return str(getattr(target, "name", type(target).__name__))


@contextmanager
def _translated(error_type: type[McpError | ToolError], subject: str) -> Iterator[None]:
    """Turn what the SDK raises into one of our errors, with what it was about in front."""
    from mcp import MCPError
    from pydantic import ValidationError

    try:
        yield
    except ExceptionGroup as group:
        # The client's task groups wrap what failed, once for each layer.
        expected, unexpected = group.split((MCPError, OSError))
        if expected is None or unexpected is not None:
            raise
        raise error_type(f"{subject}: {_first(expected)}", hint=_START_HINT) from group
    except MCPError as error:
        raise error_type(f"{subject}: {error.message}") from error
    except OSError as error:
        raise error_type(f"{subject}: {error.strerror or error}", hint=_START_HINT) from error
    except ValidationError as error:
        raise error_type(f"{subject}: the answer is not MCP ({error.error_count()} errors)") from error
    except RuntimeError as error:
        # The SDK's word for an answer against the tool's own schema; the portal's for a closed connection.
        raise error_type(f"{subject}: {error}") from error


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The first exception in nested groups."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


def _block_text(block: ContentBlock) -> str:
    """A block of a result as text; what cannot be text is named, so that its absence is seen."""
    from mcp.types import EmbeddedResource, ResourceLink, TextContent, TextResourceContents

    match block:
        case TextContent():
            return block.text
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case ResourceLink():
            return f"[resource {block.uri}]"
        case _:
            return f"[{block.type} left out]"
