"""Work that runs ahead of whoever needs its results, in a thread of its own, but only so far.

It knows nothing of what the work is.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Result = TypeVar("Result")

# How often a thread that waits for room looks whether its results are still wanted.
_LOOK_SECONDS = 0.1


class Ahead(Generic[Result]):
    """An iterator whose items are made in a thread, at most ``most`` of them before they are asked for.

    An error in the making is raised where the item would have come.

    Args:
        items: made one after the other, in the thread.
        most: items that may wait.

    Example:
        >>> list(Ahead(iter(range(3)), most=1))
        [0, 1, 2]
    """

    def __init__(self, items: Iterator[Result], *, most: int) -> None:
        self._items = items
        self._waiting: queue.Queue[Result | BaseException | None] = queue.Queue(most)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def __iter__(self) -> Self:
        """Itself."""
        return self

    def __next__(self) -> Result:
        """The next item, waited for."""
        item = self._waiting.get()
        if item is None or isinstance(item, BaseException):
            # Whoever asks again is told the same.
            self._waiting.put(None)
            raise StopIteration if item is None else item
        return item

    @property
    def ready(self) -> bool:
        """Whether the next item need not be waited for."""
        return not self._waiting.empty()

    def close(self) -> None:
        """Stop after the item that is being made; nothing may be asked for any more."""
        self._closed.set()
        self._thread.join()

    def _make(self) -> None:
        last: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        # Passed on whole: the thread that asks raises it.
        except BaseException as error:  # noqa: BLE001
            last = error
        self._put(last)

    def _put(self, item: Result | BaseException | None) -> bool:
        while not self._closed.is_set():
            try:
                self._waiting.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False
