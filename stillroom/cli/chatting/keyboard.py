"""The keyboard while nobody is asked anything: what is typed does not appear in the middle of an answer.

It is kept for the next prompt, except where that asks for a yes: there only what is typed afterwards counts.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@dataclass
class CtrlC:
    """How often a person pressed it."""

    count: int = 0

    def pressed(self, _signal: int, _frame: FrameType | None) -> None:
        """Count it, and nothing else: this runs in the middle of anything."""
        self.count += 1


@contextmanager
def counting_ctrl_c() -> Iterator[CtrlC]:
    """Count Ctrl-C instead of raising, so that it never falls into the middle of drawing."""
    presses = CtrlC()
    if threading.current_thread() is not threading.main_thread():
        yield presses
        return
    before = signal.signal(signal.SIGINT, presses.pressed)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def silent_keys() -> Iterator[None]:
    """Show nothing of what is typed; Ctrl-C goes on to be heard."""
    descriptor = _terminal()
    if descriptor is None:
        yield
        return
    import termios

    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    # ICRNL off: a Return that is typed ahead stays one, and does not become the key for a new line.
    silent[0] &= ~termios.ICRNL
    silent[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def forget_typed() -> None:
    """Drop what was typed and not read yet: a yes counts only after its question."""
    descriptor = _terminal()
    if descriptor is not None:
        import termios

        termios.tcflush(descriptor, termios.TCIFLUSH)


def _terminal() -> int | None:
    """The terminal that is typed on; None where there is none, or the system has no such settings."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        return None
    return sys.stdin.fileno()
