"""A body is unpacked as far as the limit, whatever it would unpack to."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.toolkit.web_body import Body
from stillroom.errors import ToolError


def bare(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()


@settings(deadline=None)
@given(st.binary(max_size=2_000), st.integers(1, 50), st.integers(0, 2_500))
def test_body_is_the_same_however_it_is_packed_and_cut_into_pieces(
    content: bytes, piece: int, limit: int
) -> None:
    ways = [
        ("", content),
        ("identity", content),
        ("gzip", gzip.compress(content)),
        ("x-gzip", gzip.compress(content[:9]) + gzip.compress(content[9:])),
        ("Deflate ", zlib.compress(content)),
    ]
    if len(content) > 2:
        ways.append(("deflate", bare(content)))
    for encoding, packed in ways:
        body = Body(encoding, limit)
        for start in range(0, len(packed), max(piece, 3)):
            body.add(packed[start : start + max(piece, 3)])
        assert body.content == content[:limit]
        assert body.cut == (len(content) > limit)


def test_bomb_is_unpacked_no_further_than_the_limit() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    assert len(bomb) < 250_000
    body = Body("gzip", 1_000)
    body.add(bomb)
    assert (len(body.content), body.cut) == (1_000, True)


def test_file_of_very_many_small_packed_parts_is_read() -> None:
    body = Body("gzip", 100_000)
    body.add(gzip.compress(b"x") * 5_000)
    assert body.content == b"x" * 5_000


def test_packed_body_that_ends_before_its_end_is_cut() -> None:
    body = Body("gzip", 1_000)
    body.add(gzip.compress(b"page " * 20)[:-9])
    assert body.cut


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ToolError, match="gzip or deflate were asked for"):
        Body(encoding, 10)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bytes_that_are_not_packed_as_stated_are_refused(encoding: str) -> None:
    body = Body(encoding, 10)
    with pytest.raises(ToolError, match=f"is no {encoding}"):
        body.add(b"\xff\xff\xff\xffplain")
