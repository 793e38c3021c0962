"""A run that goes round in circles is noticed, and one that gets on is not."""

from __future__ import annotations

import pytest

from agents.running.loops import AGAIN, LoopGuard, call_key, is_notice_copied


def looping(*turns: str) -> list[bool]:
    """What the guard says of turns that each make the calls of their letters."""
    guard = LoopGuard()
    return [guard.decided("", list(calls)) for calls in turns]


@pytest.mark.parametrize("turns", ["aaa", "abab", "xabab", "abcabc", "abaca"])
def test_going_round_is_noticed_at_its_last_turn_and_not_before(turns: str) -> None:
    assert looping(*turns) == [False] * (len(turns) - 1) + [True]


@pytest.mark.parametrize("turns", ["abcdef", "aab", "abba", "abcab"])
def test_getting_on_is_no_loop(turns: str) -> None:
    assert not any(looping(*turns))


def test_the_same_calls_in_another_order_are_the_same_turn() -> None:
    assert looping("ab", "cd", "ba", "dc") == [False, False, False, True]


def test_a_long_thought_for_the_third_time_is_a_loop_and_a_short_one_is_not() -> None:
    guard = LoopGuard()
    long = "I should look at the first document again, to be sure of the number."
    assert [guard.decided(long, [call]) for call in "abc"] == [False, False, True]
    guard = LoopGuard()
    assert not any(guard.decided("Let me look.", [call]) for call in "abcdefg")


def test_the_same_failure_with_trivially_changed_arguments_is_noticed_at_the_third() -> None:
    guard = LoopGuard()
    tries = ["notes.md", "Notes.MD", " notes-2.md"]
    assert [guard.failed("read", {"path": path}) for path in tries] == [False, False, True]


@pytest.mark.parametrize("tries", [["a.md", "b.md", "c.md"], ["1/0", "2/0", "3/0"]])
def test_failures_of_other_arguments_are_honest_tries(tries: list[str]) -> None:
    guard = LoopGuard()
    assert not any(guard.failed("read", {"path": path}) for path in tries)


def test_a_call_is_known_whatever_the_order_of_its_arguments() -> None:
    assert call_key("t", {"a": 1, "b": 2}) == call_key("t", {"b": 2, "a": 1})
    assert call_key("t", {"a": 1}) != call_key("u", {"a": 1})


@pytest.mark.parametrize(
    "answer",
    [
        AGAIN,
        f"{AGAIN}\n6 * 7 = 42",
        "you made this very call before",
        "Error: You made this very call before; this is its result",
        f"The result is: {AGAIN}",
    ],
)
def test_the_notice_of_a_repeated_call_is_known_when_it_comes_back(answer: str) -> None:
    assert is_notice_copied(answer)


@pytest.mark.parametrize(
    "answer", ["", "42", "As I made this very call before, the result is 42.", "Error: 42"]
)
def test_an_answer_is_no_copied_notice(answer: str) -> None:
    assert not is_notice_copied(answer)
