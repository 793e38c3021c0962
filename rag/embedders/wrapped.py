"""An embedder around another: it answers as the inner one does, but for what a subclass answers itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder


class WrappedEmbedder:
    """The inner embedder's own answers; see `rag.embedders.Embedder`.

    Args:
        model: the inner embedder.
        fingerprint: where the vectors are not the inner one's; otherwise its own.
    """

    def __init__(self, model: Embedder, *, fingerprint: str | None = None) -> None:
        self._model = model
        self.name = model.name
        self.dimensions = model.dimensions
        self.max_tokens = model.max_tokens
        self.fingerprint = model.fingerprint if fingerprint is None else fingerprint

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        return self._model.embed_documents(texts)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        return self._model.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        return self._model.count_tokens(text)
