"""Places that callers share: each may hold so many, and whoever comes too late waits in a queue.

Nobody who takes all that one caller may have keeps another waiting. It knows nothing of requests.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True, eq=False)
class _Waiter:
    caller: str
    granted: asyncio.Future[bool]


class Places:
    """A number of places; used in one event loop.

    A place that is free goes to the caller who holds the fewest, and of equals to whoever came first; callers
    who hold their share wait. Where the queue is full, the caller who waits with the most requests loses the
    newest of them to another caller.

    Args:
        total: of places.
        share: of one caller at most.
        most_waiting: requests that wait for a place; None for any number.
    """

    def __init__(self, total: int, *, share: int, most_waiting: int | None = 0) -> None:
        self._free = total
        self._share = share
        self._most_waiting = most_waiting
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    @asynccontextmanager
    async def held(self, caller: str) -> AsyncIterator[None]:
        """Hold a place for the length of a block, waited for as long as it takes; any number may wait."""
        await self.take(caller, seconds=None)
        try:
            yield
        finally:
            self.give_back(caller)

    async def take(self, caller: str, *, seconds: float | None = 0) -> bool:
        """Whether the caller got a place within that time, None for any; it must be given back."""
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
        while (waiter := self._next()) is not None:
            self._waiting.remove(waiter)
            self._grant(waiter.caller)
            waiter.granted.set_result(True)

    def _next(self) -> _Waiter | None:
        """Who gets the free place; None where there is none, or nobody may take it."""
        able = (one for one in self._waiting if not one.granted.done() and self._may_take(one.caller))
        return min(able, key=lambda one: self._held[one.caller], default=None)

    def _may_take(self, caller: str) -> bool:
        return self._free > 0 and self._held[caller] < self._share

    def _grant(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _room_to_wait(self, caller: str) -> bool:
        if self._most_waiting is None or len(self._waiting) < self._most_waiting:
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
