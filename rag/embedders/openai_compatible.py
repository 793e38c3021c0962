"""The OpenAI API for vectors, ``/v1/embeddings``: vLLM, llama.cpp, text-embeddings-inference and others.

None of them says which weights are behind a model's name, so what tells one model from another is where a
fixed text comes to lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rag.embedders.embedding_server import OK, EmbeddingServer
from rag.embedders.outline import outline_hash
from rag.embedders.served import TooLong
from rag.embedders.vector_rows import vector_rows
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders.cache import VectorCache
    from rag.embedders.embedding_server import Reply

_DEFAULT_MAX_TOKENS: Final = 512
_NOT_FOUND: Final = 404
_NO_VECTORS_HINT: Final = (
    "choose a model that embeds; vLLM serves one with --runner pooling, llama.cpp with --embeddings"
)

# The same weights give the same vector but for the last digits, which depend on the batch and the device: a
# cosine of .9999 and more. Other weights, even of one family, are below .99.
_SAME_COSINE: Final = 0.999
_PROBE_KEY: Final = b"probe"


class OpenAiApi:
    """A model of a server with OpenAI's API; see `rag.embedders.served.EmbeddingApi`.

    Args:
        model: its name there.
        server: its address usually ends in ``/v1``.
        cache: remembers where the fixed text lay.

    Raises:
        ModelError: nobody answers there.
    """

    def __init__(self, model: str, server: EmbeddingServer, cache: VectorCache) -> None:
        self.model = model
        self.name = f"openai:{model}"
        self._server = server
        self._cache = cache
        self._served = self._find_served()
        self.max_tokens = self._find_max_tokens()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | TooLong:
        """See `rag.embedders.served.EmbeddingApi`."""
        reply = self._server.post("/embeddings", {"model": self.model, "input": list(texts)})
        if reply.too_long:
            return TooLong(reply.words)
        if reply.status != OK or not isinstance(reply.body, dict):
            raise self._refusal(reply)
        data = reply.body.get("data")
        rows = data if isinstance(data, list) and all(isinstance(row, dict) for row in data) else []
        # The order is by index, not by place: a server may answer as its batches are done.
        ordered = sorted(rows, key=lambda row: row["index"] if isinstance(row.get("index"), int) else 0)
        return vector_rows([row.get("embedding") for row in ordered], expected=len(texts), source=self.name)

    def identity(self, probe: NDArray[np.float32]) -> str:
        """See `rag.embedders.served.EmbeddingApi`: a hash of the vector's outline.

        The vector that the hash was first made from is remembered, and taken again for one that is equal but
        for the last digits, so that a restart of the server changes nothing.
        """
        import numpy as np

        known = self._cache.read(self.name, [_PROBE_KEY]).get(_PROBE_KEY, b"")
        if len(known) == probe.nbytes:
            remembered = np.frombuffer(known, dtype=np.float32)
            if float(remembered @ probe) >= _SAME_COSINE:
                return outline_hash(remembered)
        self._cache.write(self.name, {_PROBE_KEY: probe.tobytes()})
        return outline_hash(probe)

    def _find_served(self) -> list[dict[str, Any]]:
        """The models that the server lists; none where it lists none."""
        reply = self._server.get("/models")
        listed = reply.body.get("data") if reply.status == OK and isinstance(reply.body, dict) else None
        return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []

    def _find_max_tokens(self) -> int:
        """What vLLM says (``max_model_len``), or llama.cpp (``meta``)."""
        own = next((entry for entry in self._served if entry.get("id") == self.model), {})
        meta = own.get("meta") if isinstance(own.get("meta"), dict) else {}
        stated = own.get("max_model_len") or (meta or {}).get("n_ctx")
        return stated if isinstance(stated, int) and stated > 0 else _DEFAULT_MAX_TOKENS

    def _refusal(self, reply: Reply) -> ModelError:
        names = [str(entry.get("id")) for entry in self._served]
        if reply.no_model or (reply.status == _NOT_FOUND and names and self.model not in names):
            has = f"; it has {', '.join(names)}" if names else ""
            return ModelError(
                f"the server at {self._server.url} has no model {self.model!r}{has}",
                hint=f"STILLROOM_EMBEDDER=openai:{names[0] if names else 'MODEL'}",
            )
        if reply.status == _NOT_FOUND and not names:
            return self._server.refusal(
                reply, "/embeddings", hint="the address usually ends in /v1: STILLROOM_EMBEDDER_URL=URL"
            )
        return self._server.refusal(reply, f"embedding with {self.model}", hint=_NO_VECTORS_HINT)


def with_version(url: str) -> str:
    """The URL with ``/v1`` where it names a host alone.

    Example:
        >>> with_version("http://localhost:8000"), with_version("https://example.com/api/v3")
        ('http://localhost:8000/v1', 'https://example.com/api/v3')
    """
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1"
