"""A connection that is given only so much time: to send a request's head, to read what was sent to it.

uvicorn waits for both without end, so a few hundred clients that do nothing would take every connection. It
knows of HTTP what the parser's state says, and nothing of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

# A head is a few hundred bytes. A client that answers a 413 with more body is heard for a moment, so that it
# can read the answer, and then cut off.
HEAD_SECONDS: Final = 10.0
LINGER_SECONDS: Final = 5.0
UNREAD_SECONDS: Final = 30.0
# Below the 1,024 files that a process may have open where nobody raised it.
MOST_CONNECTIONS: Final = 768

_Stage = Literal["head", "linger", "served"]


class PatientProtocol(H11Protocol):
    """uvicorn's own protocol with an end to its patience."""

    head_seconds = HEAD_SECONDS
    linger_seconds = LINGER_SECONDS
    unread_seconds = UNREAD_SECONDS
    most_connections = MOST_CONNECTIONS

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (passed on)
        super().__init__(*arguments, **options)
        self._stage: _Stage = "served"
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or drop it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._enter("served")
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is waited for now."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """See what is waited for after a response."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """The client does not read: it has a while to begin."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It read."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _should_upgrade(self) -> bool:
        """No: nothing but HTTP is spoken. uvicorn's own answer advises to install a library."""
        return False

    def _look(self) -> None:
        if self.transport.is_closing():
            self._enter("served")
        elif self.conn.their_state is h11.IDLE:
            self._enter("head")
        elif self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            self._enter("linger")
        else:
            self._enter("served")

    def _enter(self, stage: _Stage) -> None:
        if stage == self._stage:
            return
        self._stage = stage
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if stage != "served":
            seconds = self.head_seconds if stage == "head" else self.linger_seconds
            self._deadline = self.loop.call_later(seconds, self.transport.abort)
