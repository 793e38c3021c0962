"""Ends a chat model's requests that are under way, from another thread, whatever they wait for.

A server stops computing when its client is gone, and a thread that reads from a connection notices only when
something comes: so the connection itself is shut down. It knows connections and no requests.
"""

from __future__ import annotations

import socket
import threading
import weakref
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What httpcore says when a connection is open, and its stream comes with it.
_OPENED: Final = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class HangUp:
    """Given to ``deploy.chat.chat_model``, it ends all requests of that model: for good, or those of now.

    Example:
        >>> hang_up = HangUp()
        >>> model = chat_model(endpoint, max_tokens=64, hang_up=hang_up)  # doctest: +SKIP
        >>> hang_up.now()  # in another thread: model.invoke(...) raises at once
    """

    def __init__(self) -> None:
        self.done = threading.Event()
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def now(self) -> None:
        """Shut every connection down; requests that come later are refused."""
        self.done.set()
        self.once()

    def once(self) -> None:
        """Shut every connection down; requests that come later are sent."""
        with self._lock:
            for connection in list(self._sockets):
                _shut(connection)

    def pause(self, seconds: float) -> None:
        """Wait that long before another attempt, or until there is none."""
        self.done.wait(seconds)

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """What ``httpx`` calls as a request's ``trace`` extension: keeps the connection that it opened."""
        if name not in _OPENED:
            return
        connection = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(connection)
            if self.done.is_set():
                _shut(connection)


_CURRENT: ContextVar[HangUp | None] = ContextVar("hang_up", default=None)


def current_hang_up() -> HangUp | None:
    """What ends the requests of models that are made here; None where nobody said."""
    return _CURRENT.get()


@contextmanager
def hung_up_by(hang_up: HangUp) -> Iterator[None]:
    """Let it end the requests of all models that are made in a ``with`` block, however deep in calls.

    Whoever does a piece of work that may be cancelled seldom knows whether a model is asked on the way.
    """
    token = _CURRENT.set(hang_up)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def _shut(connection: socket.socket) -> None:
    # It may be closed already, by its own end or by the other.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
