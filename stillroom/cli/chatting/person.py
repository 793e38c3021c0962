"""The person at the terminal, as the run's threads ask them: about a call, and about an MCP server.

Each question is put by the thread that owns the terminal. What a yes leads to is known elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.running.consent import Decision
from stillroom.cli.chatting.asking import ask_consent, ask_yes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp.types import Tool as ServedTool
    from rich.console import Console

    from agents.mcp_servers.config import ServerConfig
    from agents.mcp_servers.fingerprints import Change
    from agents.tools import Tool
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.chatting.turn import Turn


@dataclass
class Person:
    """Asked through the turn that is at work; without one, at once: then the terminal's own thread asks.

    Args:
        console: where it is shown what is asked about.
        texts: the chat's words.
    """

    console: Console
    texts: Texts
    turn: Turn | None = None

    def consent(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        """Whether a call may run."""

        def ask() -> Decision:
            return ask_consent(self.console, self.texts, tool, arguments)

        return self.turn.in_front(ask, Decision.NO) if self.turn else Decision.NO

    def start(self, server: ServerConfig) -> bool:
        """Whether an MCP server may be started."""
        from stillroom.cli.mcp_pages import show_server

        question = self.texts.mcp_start if server.transport == "stdio" else self.texts.mcp_connect
        return self._yes(lambda: show_server(self.console, server), question)

    def use(self, server: ServerConfig, served: tuple[ServedTool, ...], changed: tuple[Change, ...]) -> bool:
        """Whether its tools may be used, which the person did not see before."""
        from stillroom.cli.mcp_pages import show_changes, show_offer

        def show() -> None:
            if changed:
                show_changes(self.console, server, changed)
            else:
                show_offer(self.console, server, served)

        return self._yes(show, self.texts.mcp_use)

    def _yes(self, show: Callable[[], None], question: str) -> bool:
        def ask() -> bool:
            show()
            return ask_yes(question)

        return self.turn.in_front(ask, otherwise=False) if self.turn else ask()
