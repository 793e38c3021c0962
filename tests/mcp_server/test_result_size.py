"""What fits into a result, as text and as JSON."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.result_size import beginning, first_that_fit, json_characters, shortened

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(deadline=None, derandomize=True)
@given(text=TEXTS, room=st.integers(0, 80))
def test_a_beginning_is_as_long_as_its_room_allows(text: str, room: int) -> None:
    kept = beginning(text, room)
    assert text.startswith(kept)
    assert json_characters(kept) - len('""') <= room
    if kept != text:
        assert json_characters(text[: len(kept) + 1]) - len('""') > room


@settings(deadline=None, derandomize=True)
@given(text=TEXTS, limit=st.integers(3, 80))
def test_what_is_shortened_says_so(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= max(limit, 3)
    assert short == text or short.endswith("...")


def test_items_are_kept_while_they_fit_and_none_after() -> None:
    assert first_that_fit(["aaaa", "bb", "cccccccc", "d"], 20) == ("aaaa", "bb")
    assert json_characters(list(first_that_fit(["ab"] * 100, 50))) <= 52


def test_characters_are_counted_as_a_client_reads_them() -> None:
    assert json_characters({"水": "坝"}) == len(json.dumps({"水": "坝"}, ensure_ascii=False))
