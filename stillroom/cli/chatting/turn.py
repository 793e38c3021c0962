"""One question at work: the agent runs in a thread of its own, and this one draws, asks and hears Ctrl-C.

Only the thread that calls ``follow`` touches the terminal. It does not know what the work is.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from agents.background import start_in_background
from stillroom.cli.chatting.keyboard import counting_ctrl_c, silent_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.agent import AgentRun
    from agents.running.events import AgentEvent
    from stillroom.cli.chatting.keyboard import CtrlC
    from stillroom.cli.chatting.screen import Screen

T = TypeVar("T")

# Between two drawings: what a spinner needs to look alive.
_TICK_SECONDS: Final = 0.08
# After Ctrl-C a run ends itself, and keeps what it has. Longer than this nobody wants to wait for it.
_PATIENCE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _InFront(Generic[T]):
    """Something to do on the terminal, for which a thread of the run waits.

    Attributes:
        otherwise: what it comes to where nobody looks any more.
    """

    act: Callable[[], T]
    otherwise: T
    reply: Future[T]


@dataclass
class Turn:
    """One question's.

    Args:
        screen: where it is shown.
    """

    screen: Screen
    cancelled: threading.Event = field(default_factory=threading.Event)
    _told: queue.SimpleQueue[AgentEvent | _InFront[Any] | str] = field(default_factory=queue.SimpleQueue)
    _gone: bool = False
    # What is put in front is done or refused: none comes in behind whoever looks no more.
    _door: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, event: AgentEvent) -> None:
        """Take an event of the run, from any thread."""
        self._told.put(event)

    def say(self, text: str) -> None:
        """What is waited for from now on, from any thread."""
        self._told.put(text)

    def in_front(self, act: Callable[[], T], otherwise: T) -> T:
        """Do something on the terminal, such as asking, in the thread that owns it; from any thread.

        Args:
            act: what is done, with everything that moves out of the way.
            otherwise: what it comes to where the person stopped the run, or does not wait for it any more.
        """
        wanted = _InFront(act, otherwise, Future())
        with self._door:
            if self._gone or self.cancelled.is_set():
                return otherwise
            self._told.put(wanted)
        return wanted.reply.result()

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
            with self._door:
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
        if isinstance(told, _InFront):
            self._do(told)
        elif isinstance(told, str):
            self.screen.say(told)
        else:
            self.screen.show(told)

    def _do(self, wanted: _InFront[Any]) -> None:
        self.screen.pause()
        came_of_it = wanted.otherwise
        try:
            if not self.cancelled.is_set():
                came_of_it = wanted.act()
        finally:
            wanted.reply.set_result(came_of_it)

    def _refuse_rest(self) -> None:
        """Let no thread wait for a reply that never comes."""
        while not self._told.empty():
            told = self._told.get()
            if isinstance(told, _InFront):
                told.reply.set_result(told.otherwise)
