"""One session with an MCP server: opened, asked and closed on the event loop's thread, used from any other.

The SDK's client is asynchronous and everything that calls a tool here is not, so requests are handed to one
loop that all sessions share. It does not know what a server is trusted with, nor what to do when it dies.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from agents.mcp_servers.failures import ConnectionLostError, plain_words, translated
from agents.mcp_servers.redaction import Secrets
from agents.mcp_servers.transport import Observations
from stillroom.errors import McpError, ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import anyio
    from anyio.from_thread import BlockingPortal
    from mcp import Client
    from mcp.client.session import IncomingMessage
    from mcp.types import CallToolResult, LoggingMessageNotificationParams
    from mcp.types import Tool as ServedTool

    from agents.call_context import CallContext

T = TypeVar("T")

_LOGGER: Final = logging.getLogger(__name__)
# How often a waiting caller looks whether it is still wanted; a result wakes it at once.
_LOOK_SECONDS: Final = 0.05
# A foreign name in a message.
_NAME_CHARACTERS: Final = 100
# A server that never ends its list must not hang its client, nor fill its memory.
_MOST_PAGES: Final = 100
_MOST_TOOLS: Final = 1_000
# The SDK closes stdin, waits 2 s, terminates, waits 2 s, kills.
_CLOSE_SECONDS: Final = 8.0


@dataclass
class Session:
    """A session that is opened by ``open`` and over after ``close``; it cannot be opened again.

    Attributes:
        name: how messages call the server.
        target: what the SDK's ``Client`` takes.
        portal: to the loop.
        mode: ``legacy`` forces the handshake from before revision 2026-07-28.
        start_seconds: what the server may take until its tools are listed.
        observed: what the transport keeps of a failure.
        served: its tools, as last listed.
        stale: the server said that its list has changed since.
    """

    name: str
    target: Any
    portal: BlockingPortal = field(repr=False)
    mode: Literal["auto", "legacy"] = "auto"
    start_seconds: float = 30.0
    secrets: Secrets = field(default=Secrets(), repr=False)
    observed: Observations = field(default_factory=Observations, repr=False)
    served: tuple[ServedTool, ...] = field(default=(), repr=False)
    stale: bool = False
    opened_at: float = field(default=0.0, repr=False)
    _client: Client | None = field(default=None, repr=False)
    _stop: anyio.Event | None = field(default=None, repr=False)
    _running: Future[None] | None = field(default=None, repr=False)

    def open(self) -> Future[None]:
        """Begin; the future is done when the tools are listed, or holds an ``McpError``."""
        ready: Future[None] = Future()
        self._running = self.portal.start_task_soon(self._run, ready)
        return ready

    @property
    def client(self) -> Client:
        """The SDK's client.

        Raises:
            ConnectionLostError: the session is not open, or no longer.
        """
        if self._client is None or self._running is None or self._running.done():
            raise ConnectionLostError(f"{self.name}: the connection is closed", sent=False)
        return self._client

    @property
    def lived_seconds(self) -> float:
        """Time since the tools were listed."""
        return time.monotonic() - self.opened_at

    @property
    def process_ended(self) -> bool:
        """Whether the server's process is known to be gone, so that nothing that is sent now can reach it."""
        return self.observed.process_ended

    def call(
        self, tool: str, arguments: Mapping[str, Any], *, seconds: float, context: CallContext
    ) -> CallToolResult:
        """Call a tool by the name that the server gave it.

        Args:
            tool: the server's name of it.
            arguments: as its schema asks.
            seconds: what the call may take; signs of progress do not extend it.
            context: ends it early, and is told of progress.

        Raises:
            ToolError: the server refused, did not answer in time, or nobody waits any more.
            ConnectionLostError: it is gone.
        """

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            context.progress(message or "working", min(1.0, progress / total) if total else None)

        remaining = context.remaining_seconds
        limit = seconds if remaining is None else min(seconds, remaining)
        subject = plain_words(f"{tool} of {self.name}", limit=_NAME_CHARACTERS)
        with translated(ToolError, subject, self.secrets):
            request = partial(
                self.client.call_tool,
                tool,
                dict(arguments),
                read_timeout_seconds=limit,
                progress_callback=tell,
            )
            return self._wait(subject, self.portal.start_task_soon(request), context, limit)

    def ask(self, subject: str, request: Callable[[Client], Awaitable[T]]) -> T:
        """Any other request, such as reading a resource.

        Raises:
            McpError: the server refused or did not answer.
        """
        with translated(McpError, subject, self.secrets):
            return self.portal.call(request, self.client)

    def refresh(self) -> None:
        """List the tools again.

        Raises:
            McpError: the server does not answer, or its list has no end.
        """
        self.stale = False
        self.served = self.ask(self.name, self._listed)

    def close(self) -> Future[None] | None:
        """Begin to end it, and the process that was started for it; the future is done when it has."""
        running = self._running
        if running is None or running.done():
            return None
        if self._stop is None or self._client is None:
            running.cancel()  # it still starts; the loop ends only after the process did
            return None
        with suppress(RuntimeError):  # the loop is gone, and the session with it
            self.portal.start_task_soon(self._stop.set)
        return running

    def wait_closed(self) -> None:
        """End it and wait until it has ended."""
        if (running := self.close()) is not None:
            with suppress(FutureTimeoutError):
                running.exception(_CLOSE_SECONDS)

    def _wait(self, tool: str, future: Future[T], context: CallContext, limit: float) -> T:
        """The future's result; the SDK tells the server to stop where nobody wants it any more."""
        from mcp import MCPError
        from mcp.types import REQUEST_TIMEOUT

        try:
            while not wait([future], _LOOK_SECONDS).done:
                if context.cancelled.is_set():
                    raise ToolError(f"{tool}: stopped, as nobody waits for the result any more")
            return future.result()
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"{tool}: no answer within {limit:g} s; the call was given up") from error
            raise
        finally:
            future.cancel()

    async def _run(self, ready: Future[None]) -> None:
        """The session's whole life, in one task, as its cancel scopes ask."""
        import anyio

        self._stop = anyio.Event()
        subject = f"{self.name} opened no MCP session"
        try:
            with translated(McpError, subject, self.secrets):
                deadline = anyio.current_time() + self.start_seconds
                with anyio.CancelScope(deadline=deadline) as scope:
                    async with self._made_client() as client, anyio.create_task_group() as tasks:
                        self.served = await self._listed(client)
                        scope.deadline = math.inf
                        self._client, self.opened_at = client, time.monotonic()
                        tasks.start_soon(self._watch_list, client)
                        ready.set_result(None)
                        await self._stop.wait()
                        tasks.cancel_scope.cancel()
                if scope.cancelled_caught:
                    raise TimeoutError(f"no answer within {self.start_seconds:g} s")
        except McpError as error:
            if not ready.done():
                ready.set_exception(error)
        finally:
            if not ready.done():
                ready.set_exception(ConnectionLostError(f"{self.name}: stopped while it started"))

    def _made_client(self) -> Client:
        from mcp import Client
        from mcp.types import Implementation

        from stillroom import __version__

        return Client(
            self.target,
            mode=self.mode,
            read_timeout_seconds=self.start_seconds,
            client_info=Implementation(name="stillroom", version=__version__),
            message_handler=self._heard,
            logging_callback=self._logged,
            # Servers of the newest revision log only on demand.
            log_level="debug" if _LOGGER.isEnabledFor(logging.DEBUG) else None,
            # What a server offers is asked of the server each time: approvals depend on it.
            cache=None,
        )

    async def _listed(self, client: Client) -> tuple[ServedTool, ...]:
        """All pages of the tools."""
        if client.server_capabilities.tools is None:
            return ()
        listed: list[ServedTool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if cursor is None or len(listed) > _MOST_TOOLS:
                break
        if cursor is not None or len(listed) > _MOST_TOOLS:
            raise McpError(f"{self.name} lists more than {_MOST_TOOLS} tools or {_MOST_PAGES} pages of them")
        return tuple(listed)

    async def _watch_list(self, client: Client) -> None:
        """Hear of changes of the list, where they must be asked for: from revision 2026-07-28 on."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        with suppress(MCPError, ListenNotSupportedError, SubscriptionLost, TimeoutError):
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.stale = True

    async def _heard(self, message: IncomingMessage) -> None:
        from mcp.types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self.stale = True
        elif isinstance(message, Exception):
            _LOGGER.debug("%s wrote what is not MCP (%s)", self.name, type(message).__name__)

    async def _logged(self, params: LoggingMessageNotificationParams) -> None:
        _LOGGER.debug("%s logs (%s): %s", self.name, params.level, self.secrets.redact(str(params.data)))
