"""A tool that changes something runs after a yes, and not without."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from agents.running.consent import Consent, Decision
from agents.tools import tool
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.tools import Tool


def erase(path: str) -> str:
    """Erase a file."""
    return path


def look(path: str) -> str:
    """Look at a file."""
    return path


ERASE = tool(erase, read_only=False, destructive=True)
LOOK = tool(look)


class Person:
    """Answers the same each time, and counts."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.asked: list[Mapping[str, Any]] = []

    def ask(self, _: Tool, arguments: Mapping[str, Any]) -> Decision:
        """What ``Consent`` calls."""
        self.asked.append(arguments)
        return self.decision


def test_what_only_reads_is_not_asked_for() -> None:
    Consent().check(LOOK, {"path": "a"})


def test_without_anybody_to_ask_nothing_runs_that_changes_something_unless_it_is_allowed() -> None:
    nobody = Consent()
    with pytest.raises(ToolError, match="erase was not run: it needs a person's yes") as refused:
        nobody.check(ERASE, {"path": "a"})
    assert nobody.unasked == ["erase"]
    assert refused.value.hint == "--allow erase allows it beforehand"
    Consent(allowed=frozenset({"erase"})).check(ERASE, {"path": "a"})
    Consent(allowed=frozenset({"*"})).check(ERASE, {"path": "a"})


def test_once_is_asked_again_and_always_is_not() -> None:
    once, always = Person(Decision.ONCE), Person(Decision.ALWAYS)
    for person, times in ((once, 2), (always, 1)):
        consent = Consent(ask=person.ask)
        consent.check(ERASE, {"path": "a"})
        consent.check(ERASE, {"path": "b"})
        assert len(person.asked) == times


def test_what_was_refused_is_not_asked_for_again_with_the_same_arguments() -> None:
    person = Person(Decision.NO)
    consent = Consent(ask=person.ask)
    for path in ("a", "a", "b"):
        with pytest.raises(ToolError, match="the user said no"):
            consent.check(ERASE, {"path": path})
    assert person.asked == [{"path": "a"}, {"path": "b"}]


def test_several_threads_ask_one_at_a_time() -> None:
    asking = threading.Lock()

    def ask(_: Tool, __: Mapping[str, Any]) -> Decision:
        assert asking.acquire(blocking=False)
        asking.release()
        return Decision.ONCE

    consent = Consent(ask=ask)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: consent.check(ERASE, {"path": str(number)}), range(40)))
