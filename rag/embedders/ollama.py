"""Ollama's own API for vectors: ``/api/tags``, ``/api/show`` and ``/api/embed``.

Ollama shortens a text silently unless it is told not to, and its default context is smaller than many
models'; both are always said. The digest that it gives each model tells one from another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rag.embedders.embedding_server import OK, EmbeddingServer
from rag.embedders.served import TooLong
from rag.embedders.vector_rows import vector_rows
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

DEFAULT_URL: Final = "http://127.0.0.1:11434"
# Passages have some 200 tokens; a larger context only takes memory.
_MOST_TOKENS: Final = 2048
_DEFAULT_MAX_TOKENS: Final = 512
_DIGEST_CHARACTERS: Final = 12
_SUGGESTION: Final = "ollama pull bge-m3; STILLROOM_EMBEDDER=ollama:bge-m3"


class OllamaApi:
    """A model of an Ollama server; see `rag.embedders.served.EmbeddingApi`.

    Raises:
        ModelError: nobody answers there, or the model was not pulled.
    """

    def __init__(self, model: str, server: EmbeddingServer) -> None:
        self.model = model
        self.name = f"ollama:{model}"
        self._server = server
        self._digest = self._find_digest()
        self.max_tokens = self._find_max_tokens()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | TooLong:
        """See `rag.embedders.served.EmbeddingApi`."""
        body = {
            "model": self.model,
            "input": list(texts),
            "truncate": False,
            "options": {"num_ctx": self.max_tokens},
        }
        reply = self._server.post("/api/embed", body)
        if reply.too_long:
            return TooLong(reply.words)
        if reply.no_model:
            raise self._not_pulled()
        if reply.status != OK or not isinstance(reply.body, dict):
            raise self._server.refusal(reply, f"embedding with {self.model}", hint=_SUGGESTION)
        return vector_rows(reply.body.get("embeddings"), expected=len(texts), source=self.name)

    def identity(self, _probe: NDArray[np.float32]) -> str:
        """See `rag.embedders.served.EmbeddingApi`: the digest."""
        return self._digest

    def _find_digest(self) -> str:
        reply = self._server.get("/api/tags")
        if reply.status != OK or not isinstance(reply.body, dict):
            raise self._server.refusal(
                reply, "/api/tags", hint="is that an Ollama? STILLROOM_EMBEDDER_URL=URL"
            )
        tagged = self.model if ":" in self.model else f"{self.model}:latest"
        listed: list[Any] = reply.body.get("models") or []
        for entry in listed:
            if isinstance(entry, dict) and entry.get("name") == tagged and entry.get("digest"):
                return str(entry["digest"]).removeprefix("sha256:")[:_DIGEST_CHARACTERS]
        raise self._not_pulled()

    def _find_max_tokens(self) -> int:
        reply = self._server.post("/api/show", {"model": self.model})
        facts = reply.body.get("model_info") if isinstance(reply.body, dict) else None
        lengths = [
            value
            for name, value in (facts or {}).items()
            if name.endswith(".context_length") and isinstance(value, int) and value > 0
        ]
        return min([_MOST_TOKENS, *lengths]) if lengths else _DEFAULT_MAX_TOKENS

    def _not_pulled(self) -> ModelError:
        return ModelError(
            f"the Ollama at {self._server.url} has no model {self.model!r}",
            hint=f"ollama pull {self.model}",
        )
