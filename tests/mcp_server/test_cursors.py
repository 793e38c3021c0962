"""Cursors: given back they lead on, and whatever else a client sends is refused in words."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.cursors import Cursor, digest, read_cursor
from stillroom.errors import ToolError


def test_a_cursor_comes_back_as_it_was_given() -> None:
    given_out = Cursor("list_sources", 7, "水库", digest("name"))
    assert read_cursor(given_out.word, "list_sources", about=digest("name")) == given_out


def test_a_cursor_of_another_tool_is_refused() -> None:
    with pytest.raises(ToolError, match="is no cursor of search_library: needed is next_cursor") as caught:
        read_cursor(Cursor("list_sources", 7).word, "search_library")
    assert caught.value.hint == "search_library without cursor begins anew"


def test_a_cursor_of_other_arguments_is_refused() -> None:
    with pytest.raises(ToolError, match="belongs to other arguments"):
        read_cursor(Cursor("search_library", 5, about=digest("a")).word, "search_library", about=digest("b"))


@pytest.mark.parametrize(
    "packed", ["[]", '["s",-1,"",""]', '["s",true]', '{"a":1}', "[" * 5_000, '["s","5","",""]']
)
def test_what_is_packed_like_a_cursor_and_is_none_is_refused(packed: str) -> None:
    word = base64.urlsafe_b64encode(packed.encode()).decode()
    with pytest.raises(ToolError, match="is no cursor of s"):
        read_cursor(word, "s")


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_any_other_text_is_refused_and_shown_short(word: str) -> None:
    with pytest.raises(ToolError) as caught:
        read_cursor(word, "search_library")
    assert len(caught.value.message) < 500
