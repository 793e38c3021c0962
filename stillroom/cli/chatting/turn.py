"""One question at work: the agent runs in a thread of its own, and this one draws, asks and hears Ctrl-C.

Only the thread that calls ``follow`` touches the terminal. It does not know what the work is.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agents.background import start_in_background
from agents.running.consent import Decision
from stillroom.cli.chatting.keyboard import counting_ctrl_c, silent_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.agent import AgentRun
    from agents.running.events import AgentEvent
    from agents.tools import Tool
    from stillroom.cli.chatting.keyboard import CtrlC
    from stillroom.cli.chatting.screen import Screen

# Between two drawings: what a spinner needs to look alive.
_TICK_SECONDS: Final = 0.08
# After Ctrl-C a run ends itself, and keeps what it has. Longer than this nobody wants to wait for it.
_PATIENCE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that needs a yes; the thread of the run waits for the reply."""

    tool: Tool
    arguments: Mapping[str, Any]
    reply: Future[Decision]


@dataclass
class Turn:
    """One question's.

    Args:
        screen: where it is shown.
        ask: asks a person about a call, on the terminal.
    """

    screen: Screen
    ask: Callable[[Tool, Mapping[str, Any]], Decision]
    cancelled: threading.Event = field(default_factory=threading.Event)
    _told: queue.SimpleQueue[AgentEvent | _Asked | str] = field(default_factory=queue.SimpleQueue)
    _gone: bool = False

    def tell(self, event: AgentEvent) -> None:
        """Take an event of the run, from any thread."""
        self._told.put(event)

    def say(self, text: str) -> None:
        """What is waited for from now on, from any thread."""
        self._told.put(text)

    def consent(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        """Ask the person, from the run's thread, and wait; no where nobody looks any more."""
        if self._gone or self.cancelled.is_set():
            return Decision.NO
        asked = _Asked(tool, arguments, Future())
        self._told.put(asked)
        return asked.reply.result()

    def follow(self, work: Callable[[], AgentRun]) -> AgentRun | None:
        """Show the work until it ends; None where the person would not wait for that.

        Raises:
            StillroomError: the work did.
        """
        running = start_in_background(work)
        try:
            with silent_keys(), counting_ctrl_c() as presses:
                self._watch(running, presses)
        finally:
            self._gone = True
            self._refuse_rest()
            self.screen.close()
        return running.result() if running.done() else None

    def _watch(self, running: Future[AgentRun], presses: CtrlC) -> None:
        heard, give_up_at = 0, None
        while not (running.done() and self._told.empty()):
            self._next()
            if presses.count > heard:
                heard = presses.count
                if self.cancelled.is_set():
                    return
                self.cancelled.set()
                self.screen.stopping()
                give_up_at = time.monotonic() + _PATIENCE_SECONDS
            if give_up_at is not None and time.monotonic() > give_up_at:
                return

    def _next(self) -> None:
        """Show what came, all of it at once; a moment without news moves the spinner."""
        try:
            told = self._told.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            self.screen.tick()
            return
        if isinstance(told, _Asked):
            self._answer(told)
        elif isinstance(told, str):
            self.screen.say(told)
        else:
            self.screen.show(told)

    def _answer(self, asked: _Asked) -> None:
        self.screen.pause()
        decision = Decision.NO
        try:
            if not self.cancelled.is_set():
                decision = self.ask(asked.tool, asked.arguments)
        finally:
            asked.reply.set_result(decision)

    def _refuse_rest(self) -> None:
        """Let no thread wait for a reply that never comes."""
        while not self._told.empty():
            told = self._told.get()
            if isinstance(told, _Asked):
                told.reply.set_result(Decision.NO)
