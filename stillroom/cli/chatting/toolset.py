"""The tools of a chat: Stillroom's own, those of MCP servers, and which of them a person turned off.

It opens a server when its tools are first wanted. How a person is asked about one is not known here.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from agents.mcp_servers.servers import Ask, McpServers
    from agents.result_pages import ResultPages
    from agents.tools import Tool
    from stillroom.cli.rooms import Rooms


ALL: Final = "*"


@dataclass
class Toolset:
    """Any thread may ask for the tools; those of MCP servers may make it wait.

    Args:
        rooms: give the rooms of now, which another library changes.
        only: these alone, by name; all where none is named.
        none: no tools at all.
        mcp: those of MCP servers too.
        allow: names of those that need no yes; ``*`` for all.
        ask: asks a person about a server; None where nobody can be asked.

    Attributes:
        off: names that the model is not given.
    """

    rooms: Callable[[], Rooms]
    only: tuple[str, ...] = ()
    none: bool = False
    mcp: bool = True
    allow: frozenset[str] = frozenset()
    ask: Ask | None = None
    off: set[str] = field(default_factory=set)
    _own: tuple[Tool, ...] | None = None
    _pages: ResultPages | None = None
    _servers: McpServers | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _names: tuple[str, ...] = ()
    _told: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def names_if_known(self) -> tuple[str, ...]:
        """The names, as of the last time that somebody wanted the tools."""
        return self._names

    def own(self) -> tuple[Tool, ...]:
        """Stillroom's own, made once: that takes half a second."""
        from agents.toolbox import toolbox

        with self._lock:
            if self._own is None:
                rooms = self.rooms()
                self._own = toolbox(rooms.services(), rooms.access)
                self._names = tuple(tool.name for tool in self._own)
            return self._own

    def all(self) -> tuple[Tool, ...]:
        """All that this chat may use, also those that are off.

        Raises:
            NoSuchToolError: one that was named is not there.
            SettingsError: the configuration of the MCP servers cannot be read.
        """
        if self.none:
            return ()
        from agents.result_pages import ResultPages
        from agents.toolbox import paged

        with self._lock:
            servers = self._entered()
            foreign = servers.tools() if servers else ()
            self._pages = self._pages or ResultPages()
            tools = self._chosen(paged((*self.own(), *foreign), self._pages), self.only, servers)
            self._names = tuple(tool.name for tool in tools)
            self._check_allowed(tools, self.allow, servers)
            return tools

    def check_names(self) -> None:
        """Look at the names on the command line before anything is asked; starts no server.

        Where MCP servers are configured, names that may be of their tools wait until those are known.

        Raises:
            NoSuchToolError: no tool can have such a name.
            SettingsError: the configuration of the MCP servers cannot be read.
        """
        if self.none or not (self.only or self.allow - {ALL}):
            return
        from agents.toolbox import paged

        config = self.rooms().mcp_config() if self.mcp else None
        if config and (config.servers or config.problems):
            only, allow = ([name for name in names if "__" not in name] for names in (self.only, self.allow))
            servers = None
        else:
            only, allow, servers = list(self.only), list(self.allow), self._entered()
        tools = self._chosen(paged(self.own()), only, servers)
        self._check_allowed(
            [tool for tool in tools if not self.only or tool.name in self.only], allow, servers
        )

    def on(self) -> tuple[Tool, ...]:
        """Those that the model is given."""
        return tuple(tool for tool in self.all() if tool.name not in self.off)

    def new_problems(self) -> tuple[str, ...]:
        """Why tools of MCP servers are not there, each told once."""
        with self._lock:
            problems = self._servers.problems if self._servers else ()
            said = [f"{one.message}; {one.hint}" if one.hint else one.message for one in problems]
            new = [text for text in said if text not in self._told]
            self._told.update(new)
            return tuple(new)

    def begin(self) -> None:
        """Begin to start the servers that a person approved before, and wait for none of them."""
        with self._lock:
            servers = None if self.none else self._entered()
            if servers is None:
                return
            approvals = self.rooms().mcp_approvals()
            for config in servers.config.servers:
                if not config.disabled and approvals.of(config) is not None:
                    servers.begin(config.name)

    def forget_library(self) -> None:
        """Make Stillroom's own tools anew: they work on another library."""
        with self._lock:
            self._own, self._pages = None, None

    def close(self) -> None:
        """End the servers; safe to call twice."""
        with self._lock:
            self._open.close()
            self._servers = None

    def _chosen(
        self, tools: Sequence[Tool], names: Sequence[str], servers: McpServers | None
    ) -> tuple[Tool, ...]:
        """The tools that were named, or all where none was.

        Raises:
            NoSuchToolError: there is none of a name; what brings it.
        """
        from stillroom.cli.chatting.missing_tool import missing_tool

        known = [tool.name for tool in tools]
        for name in names:
            if name not in known:
                raise missing_tool(name, known, servers)
        return tuple(tool for tool in tools if not names or tool.name in names)

    def _check_allowed(
        self, tools: Sequence[Tool], names: Collection[str], servers: McpServers | None
    ) -> None:
        """Stop where a yes is given beforehand to what is no tool of these.

        Raises:
            NoSuchToolError: there is none of a name; what brings it, or which could be allowed.
        """
        from stillroom.cli.chatting.missing_tool import not_to_allow

        for name in sorted(names):
            if name != ALL and all(tool.name != name for tool in tools):
                raise not_to_allow(name, tools, servers, only=self.only)

    def _entered(self) -> McpServers | None:
        """The configured servers, none of them started; None where there are none."""
        if not self.mcp:
            return None
        if self._servers is None:
            self._servers = self._open.enter_context(self.rooms().mcp_servers(ask=self.ask))
        return self._servers
