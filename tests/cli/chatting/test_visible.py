"""Nothing that a model wrote reaches the terminal as a command, and nothing that is judged stays unseen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillroom.cli.chatting.visible import harmless, revealed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x07\x08", "\\x07\\x08"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m", "\\x9b31m"),
        (
            "tab\tstays, 中文 stays, 👨\u200d👩\u200d👧 stays",
            "tab\tstays, 中文 stays, 👨\u200d👩\u200d👧 stays",
        ),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_no_control_character_is_left_in_any_text(text: str) -> None:
    shown = harmless(text)

    assert not [character for character in shown if ord(character) < 32 and character not in "\n\t"]
    assert not [character for character in shown if 0x7F <= ord(character) <= 0x9F]
    shown.encode()


@pytest.mark.parametrize(
    "unseen",
    ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00a0", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\n"],
)
def test_what_cannot_be_seen_is_revealed(unseen: str) -> None:
    assert (
        revealed(f"rm{unseen} -rf")
        == f"rm{ascii(unseen)[1:-1] if unseen != chr(10) else chr(92) + 'x0a'} -rf"
    )


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_a_revealed_text_has_only_characters_that_are_seen(text: str) -> None:
    assert revealed(text).isprintable()
