"""Addresses of documents: there and back, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.addresses import Address, read_address
from stillroom.errors import ToolError

LIBRARIES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(deadline=None, derandomize=True)
@given(
    library=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True),
    document=NAMES,
    start=st.integers(0, 10**9),
)
def test_an_address_is_read_as_it_was_written(library: str, document: str, start: int) -> None:
    address = Address(library, document, start)
    assert read_address(address.uri) == address


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "library://default", "library://default/", "http://[", "", "library:"]
)
def test_what_is_no_document_is_no_address(uri: str) -> None:
    assert read_address(uri) is None


def test_a_start_that_a_client_left_empty_is_the_beginning() -> None:
    assert read_address("library://default/tea?start=") == Address("default", "tea")


@pytest.mark.parametrize("start", ["-1", "zz", "1.5", "٣", "9" * 40])
def test_a_start_that_is_no_offset_is_refused_with_the_address_that_works(start: str) -> None:
    with pytest.raises(ToolError, match="is no offset: needed is a number of characters") as caught:
        read_address(f"library://default/tea?start={start}")
    assert caught.value.hint == "library://default/tea"
