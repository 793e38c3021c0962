"""Which conversation a chat goes on with, and under which name it is kept.

One that was given no name is kept as ``last``, so that ``--continue`` can go on with it, until the next one
without a name takes its place. How conversations are kept is ``agents.memory``'s business.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.memory.conversation import Conversation
    from agents.memory.conversations import Conversations

LAST: Final = "last"


class Keeping:
    """The conversation of a chat; any thread may ask for it.

    Args:
        conversations: opens what is kept, when it is first needed.
        name: empty for one without a name.
        resume: go on with the last one that had none.
    """

    def __init__(self, conversations: Callable[[], Conversations], name: str, *, resume: bool) -> None:
        self._conversations = conversations
        self._name = name or LAST
        self._anew = self._name == LAST and not resume
        self.problem = ""
        self._opened: Conversation | None = None
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return self._name

    def conversation(self) -> Conversation | None:
        """It, opened at its first use: a chat in which nothing is asked leaves the last one as it is.

        None where a new one without a name cannot be kept, such as while another chat has the last one
        open: nobody asked for it to be kept. ``problem`` says why.

        Raises:
            ConversationError: it cannot be read.
            ConversationBusyError: another process has it open.
            EnvironmentUnfitError: no space or no permission.
        """
        with self._lock:
            if self._opened is None and not self.problem:
                try:
                    self._opened = self._first()
                except StillroomError as error:
                    if not self._anew:
                        raise
                    self.problem = f"{error.message}; {error.hint}" if error.hint else error.message
                else:
                    self._anew = False
            return self._opened

    def _first(self) -> Conversation:
        kept = self._conversations()
        if self._anew and any(one.name == LAST for one in kept.list()):
            kept.delete(LAST)
        return kept.open(self._name)

    def open(self, name: str) -> Conversation:
        """Go on with another, or begin one of that name.

        Raises:
            ConversationError: the name cannot be one, or it cannot be read; the old one stays open.
            ConversationBusyError: another process has it open.
        """
        with self._lock:
            if self._opened is not None and name == self._opened.name:
                return self._opened
            opened = self._conversations().open(name)
            self.close()
            self._name, self._anew, self._opened, self.problem = opened.name, False, opened, ""
            return opened

    def clear(self) -> None:
        """Begin one without a name; the old one stays kept if it has one."""
        with self._lock:
            self.close()
            self._name, self._anew, self.problem = LAST, True, ""

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
