"""The servers of an ``mcp.json`` for the length of a ``with`` block: their tools, and why some are not there.

Nothing is started before the tools are asked for; then all servers start at once, and one that hangs does not
hold up the others. A server is started, and its tools are given, only as a person has approved it.
"""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from pydantic import Field

from agents.background import start_in_background
from agents.mcp_servers.config import Problem
from agents.mcp_servers.failures import plain_words
from agents.mcp_servers.fingerprints import changes, definitions_of, fingerprint
from agents.mcp_servers.foreign_tools import adapted, is_callable
from agents.mcp_servers.logs import quiet_logs
from agents.mcp_servers.names import tool_names
from agents.mcp_servers.programs import require_program
from agents.tools import CALL_SECONDS, tool
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from anyio.from_thread import BlockingPortal
    from mcp.types import Tool as ServedTool

    from agents.mcp_servers.approvals import Approval, Approvals
    from agents.mcp_servers.config import McpConfig, ServerConfig
    from agents.mcp_servers.fingerprints import Change
    from agents.mcp_servers.server import McpServer
    from agents.tools import Tool

# Importing a large server takes seconds on a slow disk, and npx fetches it first.
START_SECONDS: Final = 30.0
# What a person waits for tools before a question is worked on without the ones that are not there yet.
PATIENCE_SECONDS: Final = 10.0
# Foreign names in a message.
_NAMES_CHARACTERS: Final = 200
_LEFT_OUT_CHARACTERS: Final = 600
_READ_RESOURCE: Final = "read_resource"


class Ask(Protocol):
    """Asks a person, and blocks until there is an answer."""

    def start(self, server: ServerConfig) -> bool:
        """Whether the server may be started, which was never approved before."""
        ...

    def use(self, server: ServerConfig, served: tuple[ServedTool, ...], changed: tuple[Change, ...]) -> bool:
        """Whether its tools may be used; ``changed`` is what differs from an earlier approval."""
        ...


@dataclass
class McpServers:
    """The servers that are configured and not disabled. A context manager; its methods block.

    Args:
        config: of all of them.
        approvals: what a person said yes to before.
        environment: ours, of which processes are given the harmless part.
        ask: None where nobody can be asked; what is not approved is left out then.
        only: names of the servers that are wanted; None for all.
        start_seconds: what each may take until its tools are listed.
        call_seconds: what one call may take, unless the configuration says otherwise.
        patience_seconds: what ``tools`` waits for those that start.

    Example:
        >>> with McpServers(config, approvals, environment) as servers:  # doctest: +SKIP
        ...     run_agent(question, endpoint=endpoint, tools=[*own, *servers.tools()])
    """

    config: McpConfig
    approvals: Approvals
    environment: Mapping[str, str] = field(repr=False)
    ask: Ask | None = None
    only: Collection[str] | None = None
    start_seconds: float = START_SECONDS
    call_seconds: float = CALL_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    _problems: dict[str, Problem] = field(default_factory=dict, repr=False)
    _started: dict[str, tuple[McpServer, Future[None]]] = field(default_factory=dict, repr=False)
    _late: set[str] = field(default_factory=set, repr=False)
    _declined: set[str] = field(default_factory=set, repr=False)
    _portal: BlockingPortal | None = field(default=None, repr=False)
    _open: ExitStack = field(default_factory=ExitStack, repr=False)

    def __enter__(self) -> Self:
        """Start nothing yet."""
        self._open.enter_context(quiet_logs([server.secrets for server in self.config.servers]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all sessions at once, and the processes that were started for them."""
        # Also where waiting for one is interrupted: the loop's thread would keep the process alive.
        with self._open:
            stopping = [start_in_background(server.stop) for server, _ in self._started.values()]
            for one in stopping:
                one.result()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why tools are not there, as of the last ``tools``; the entries that cannot be read come first."""
        unreadable = [problem for problem in self.config.problems if self._is_wanted(problem.server)]
        return (*unreadable, *self._problems.values())

    def tools(self) -> tuple[Tool, ...]:
        """The tools of all servers that are there and approved, names unique; those that changed asked again.

        To be called before each run: a server that was still starting may be there now.
        """
        self._problems.clear()
        wanted = [one for one in self.config.servers if not one.disabled and self._is_wanted(one.name)]
        for config, approval in zip(wanted, self.approvals.of_each(wanted), strict=True):
            if self._may_start(config, approval):
                self._start(config)
        until = time.monotonic() + self.patience_seconds
        ready = [server for server, future in self._started.values() if self._is_ready(server, future, until)]
        tools: list[Tool] = []
        for server in ready:
            if self._may_use(server):
                tools += tools_of(server, taken=[tool.name for tool in tools])
                self._note_left_out(server)
        return tuple(tools)

    def begin(self, name: str) -> None:
        """Begin to start a server beside the others, whether approved or not: for a person who named it.

        Raises:
            SettingsError: no server has that name.
        """
        self._start(self.config.find(name))

    def started(self, name: str) -> McpServer:
        """A server that is started, whether approved or not; waits until it is.

        Raises:
            SettingsError: no server has that name.
            McpError: it cannot be started.
        """
        self.begin(name)
        server, future = self._started[name]
        try:
            future.result()
        except McpError as error:
            config = server.config
            if error.hint != config.commands.line("test", name):
                raise
            # Who named it has just tested it.
            raise type(error)(error.message, hint=_by_hand(config)) from error
        return server

    def _is_wanted(self, name: str) -> bool:
        return self.only is None or name in self.only

    def _may_start(self, config: ServerConfig, approval: Approval | None) -> bool:
        """Whether a person has approved it, now or before. A configuration from elsewhere starts nothing."""
        if config.name in self._started or approval is not None:
            return True
        if config.identity not in self._declined and self.ask is not None:
            try:
                require_program(config, self.environment)
            except McpError as error:
                self._note(config, error.message, hint=error.hint)
                return False
            if self.ask.start(config):
                return True
        self._declined.add(config.identity)
        self._note(config, f"the MCP server {config.name} is not approved, and was not started")
        return False

    def _start(self, config: ServerConfig) -> None:
        """Begin to start it, beside the others."""
        from agents.mcp_servers.server import McpServer

        if config.name in self._started:
            return
        if self._portal is None:
            from anyio.from_thread import start_blocking_portal

            self._portal = self._open.enter_context(start_blocking_portal())
        server = McpServer(config, self._portal, self.environment, self.start_seconds, self.call_seconds)
        self._started[config.name] = (server, start_in_background(server.start))

    def _is_ready(self, server: McpServer, future: Future[None], until: float) -> bool:
        """Whether it is there; waits as long as patience lasts, which is one for all."""
        name = server.config.name
        # Whom patience was spent on once is not waited for again.
        patience = 0.0 if name in self._late else max(0.0, until - time.monotonic())
        try:
            future.result(patience)
            server.refresh()
        except FutureTimeoutError:
            self._late.add(name)
            self._note(
                server.config, f"the MCP server {name} is still starting; its tools come later", hint=""
            )
        except McpError as error:
            self._problems[name] = Problem(name, error.message, error.hint)
        else:
            return True
        return False

    def _may_use(self, server: McpServer) -> bool:
        """Whether what it says of its tools is what a person approved, now or before."""
        config, served = server.config, server.served
        approval = self.approvals.of(config)
        now = definitions_of(served)
        if approval is not None and approval.fingerprint == fingerprint(now):
            return True
        changed = changes(approval.tools, now) if approval else ()
        offer = config.identity + fingerprint(now)
        if offer not in self._declined and self.ask is not None:
            if self.ask.use(config, served, changed):
                self.approvals.record(config, served, now=datetime.now().astimezone())
                return True
            self._declined.add(offer)
        names = plain_words(", ".join(change.tool for change in changed), limit=_NAMES_CHARACTERS)
        what = f"changed what it says of its tools ({names})" if changed else "is not approved"
        self._note(config, f"the MCP server {config.name} {what}; its tools are left out")
        return False

    def _note_left_out(self, server: McpServer) -> None:
        """Say which tools are not there though their server is."""
        config = server.config
        if server.left_out:
            words = plain_words("; ".join(server.left_out), limit=_LEFT_OUT_CHARACTERS)
            message = f"the MCP server {config.name} lists what is no tool by the protocol, left out: {words}"
            self._note(config, message, hint=config.commands.line("test", config.name))

    def _note(self, config: ServerConfig, message: str, *, hint: str | None = None) -> None:
        name = config.name
        approve = config.commands.line("approve", name)
        self._problems[name] = Problem(name, message, approve if hint is None else hint)


def _by_hand(config: ServerConfig) -> str:
    """What a person can do about a server that does not start."""
    if config.transport == "stdio":
        return f"run its command by hand and read what it prints: {config.shown}"
    return f"see that its server runs, and that the address is right: {config.shown}"


def tools_of(server: McpServer, *, taken: Collection[str] = ()) -> list[Tool]:
    """The tools of a server that is started, whether a person approved them or not.

    Args:
        server: was started.
        taken: names that other tools have already.
    """
    config = server.config
    own = [served.name for served in server.served]
    names = tool_names(config.name, own, taken=taken)
    tools = [
        adapted(
            served,
            names[served.name],
            server.call,
            server=config.name,
            allowed=served.name in config.allowed,
            call_seconds=config.call_seconds or server.call_seconds,
        )
        for served in {served.name: served for served in server.served}.values()
        if is_callable(served)
    ]
    if server.session is not None and server.session.client.server_capabilities.resources is not None:
        name = tool_names(config.name, [_READ_RESOURCE], taken=[*taken, *names.values()])[_READ_RESOURCE]
        tools.append(_resource_tool(server, name))
    return tools


def _resource_tool(server: McpServer, name: str) -> Tool:
    """Reads the server's resources. What is asked for travels to the server, so it asks like any other."""

    def read_resource(uri: Annotated[str, Field(max_length=2_000)] = "") -> str:
        """Read a resource of an MCP server by its address; without one, list the addresses.

        Args:
            uri: as the list or a link in a result has it.
        """
        return server.read_resource(uri)

    allowed = _READ_RESOURCE in server.config.allowed
    made = tool(read_resource, open_world=True, needs_consent=not allowed)
    description = f"{made.description} The server is {server.config.name}."
    return replace(made, name=name, description=description, server=server.config.name)
