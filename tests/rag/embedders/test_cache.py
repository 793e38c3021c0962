"""The cache of vectors: each text embedded once, in a file with a limit that may go at any time."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from rag.embedders.cache import CachedEmbedder, VectorCache

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray


class CountingEmbedder:
    """Stands where the real one does and counts the texts that reach it; vectors are of the text's length."""

    name = "counting"
    dimensions = 2
    max_tokens = 10
    fingerprint = "counting-1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The length of each text, and 1."""
        self.texts.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The same for one text."""
        vector: NDArray[np.float32] = self.embed_documents([text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


def test_a_text_seen_before_is_not_embedded_again(tmp_path: Path) -> None:
    for _ in range(2):
        model = CountingEmbedder()
        cached = CachedEmbedder(model, VectorCache(tmp_path / "vectors.sqlite3"))
        vectors = cached.embed_documents(["aa", "b", "aa"])
        assert vectors.tolist() == [[2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert model.texts == []


def test_a_damaged_cache_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    cached = CachedEmbedder(CountingEmbedder(), VectorCache(path))
    assert cached.embed_documents(["aa"]).tolist() == [[2.0, 1.0]]
    cached.embed_documents(["aa"])
    assert VectorCache(path).read("counting-1", [b"?"]) == {}


def test_an_unwritable_cache_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cached = CachedEmbedder(CountingEmbedder(), VectorCache(tmp_path / "file" / "vectors.sqlite3"))
    assert cached.embed_documents(["aa"]).tolist() == [[2.0, 1.0]]


def test_many_texts_are_looked_up_at_once(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite3")
    stored = {number.to_bytes(4, "big"): str(number).encode() for number in range(2500)}
    cache.write("one", stored)
    cache.write("other", dict.fromkeys(stored, b"other"))
    assert cache.read("one", [*stored, b"unknown"]) == stored
    assert cache.read("one", []) == {}


def test_a_full_cache_loses_what_was_not_used_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    path = tmp_path / "vectors.sqlite3"
    cache = VectorCache(path, most_bytes=550_000)
    oldest, used, newest = (
        {f"{name}{number}".encode(): bytes(1536) for number in range(100)} for name in ("old", "used", "new")
    )
    cache.write("one", oldest)
    cache.write("one", used)
    clock[0] += 100_000
    assert len(cache.read("one", list(used))) == 100
    cache.write("one", newest)

    assert len(cache.read("one", list(oldest))) < 100
    assert len(cache.read("one", list(used))) == 100
    assert len(cache.read("one", list(newest))) == 100
    for number in range(40):
        clock[0] += 10
        cache.write("one", {f"{number}/{key.decode()}".encode(): value for key, value in newest.items()})
    assert path.stat().st_size < 1_000_000


def test_a_cache_of_an_earlier_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE vectors (fingerprint TEXT, text_hash BLOB, vector BLOB)")
        connection.execute("INSERT INTO vectors VALUES ('one', x'00', x'00')")
    cache = VectorCache(path)
    assert cache.read("one", [b"\0"]) == {}
    cache.write("one", {b"\0": b"new"})
    assert cache.read("one", [b"\0"]) == {b"\0": b"new"}
