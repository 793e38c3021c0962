"""A conversation's name is what a person types and finds again, in any script."""

from __future__ import annotations

import pytest

from agents.memory.names import checked_name
from stillroom.errors import ConversationError


@pytest.mark.parametrize(
    "name", ["taxes", "税务 2026", "Q3-plan_v1.2", "what's due (May)", "हिन्दी", "a" * 64]
)
def test_letters_and_digits_of_any_script_are_a_name(name: str) -> None:
    assert checked_name(f" {name} ") == name


def test_two_ways_to_write_the_same_letter_are_one_name() -> None:
    assert checked_name("cafe\u0301") == checked_name("caf\u00e9")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("  ", "is empty"),
        ("a" * 65, "65 characters"),
        ("-rf", "begins with '-'"),
        ("a/b", "has '/'"),
        ("a\nb", r"has '\\n'"),
        ("a\u200bb", "has '\\\\u200b'"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_the_reason(name: str, said: str) -> None:
    with pytest.raises(ConversationError, match=said):
        checked_name(name)
