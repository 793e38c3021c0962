"""Places that callers share: each may hold so many, and whoever comes too late waits in a queue.

Nobody who takes all that one caller may have keeps another waiting. It knows nothing of requests.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Waiter:
    caller: str
    granted: asyncio.Future[bool]


class Places:
    """A number of places; used in one event loop.

    Whoever waits is served in the order of coming, but for callers who hold their share. Where the queue is
    full, the caller who waits with the most requests loses the newest of them to another caller.

    Args:
        total: of places.
        share: of one caller at most.
        most_waiting: requests that wait for a place.
    """

    def __init__(self, total: int, *, share: int, most_waiting: int = 0) -> None:
        self._free = total
        self._share = share
        self._most_waiting = most_waiting
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    async def take(self, caller: str, *, seconds: float = 0) -> bool:
        """Whether the caller got a place within that time; it must be given back."""
        if self._may_take(caller):
            self._grant(caller)
            return True
        if not self._room_to_wait(caller):
            return False
        waiter = _Waiter(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        taken = False
        try:
            async with asyncio.timeout(seconds):
                taken = await waiter.granted
        except TimeoutError:
            pass
        finally:
            if not taken:
                self._forget(waiter)
        return taken

    def give_back(self, caller: str) -> None:
        """Let the next have the place."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        for waiter in tuple(self._waiting):
            if not waiter.granted.done() and self._may_take(waiter.caller):
                self._waiting.remove(waiter)
                self._grant(waiter.caller)
                waiter.granted.set_result(True)

    def _may_take(self, caller: str) -> bool:
        return self._free > 0 and self._held[caller] < self._share

    def _grant(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _room_to_wait(self, caller: str) -> bool:
        if len(self._waiting) < self._most_waiting:
            return True
        counts = Counter(waiter.caller for waiter in self._waiting)
        greediest, most = counts.most_common(1)[0] if counts else (caller, 0)
        if most <= counts[caller] + 1:
            return False
        newest = next(waiter for waiter in reversed(self._waiting) if waiter.caller == greediest)
        self._waiting.remove(newest)
        if not newest.granted.done():
            newest.granted.set_result(False)
        return True

    def _forget(self, waiter: _Waiter) -> None:
        """Take a waiter who went away out of the queue, or the place back that it was just given."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.result():
            self.give_back(waiter.caller)
