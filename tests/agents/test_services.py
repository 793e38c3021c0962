"""What is slow to open is opened when it is needed, and once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.services import OpenedOnce
from stillroom.errors import LibraryBusyError


def test_threads_that_come_first_together_share_one_value() -> None:
    together = threading.Barrier(8)
    opened: list[object] = []

    def opening() -> object:
        opened.append(object())
        return opened[-1]

    service = OpenedOnce(opening)

    def use(_: int) -> object:
        together.wait(timeout=120)
        return service()

    with ThreadPoolExecutor(8) as threads:
        values = set(threads.map(use, range(8)))
    assert len(opened) == len(values) == 1


def test_error_is_not_kept() -> None:
    outcomes = iter([LibraryBusyError("busy"), None])

    def opening() -> str:
        if (error := next(outcomes)) is not None:
            raise error
        return "open"

    service = OpenedOnce(opening)
    with pytest.raises(LibraryBusyError):
        service()
    assert service() == "open"
