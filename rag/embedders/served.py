"""A model behind a server's API as an embedder: batches, texts that are too long, what vectors depend on.

The server's tokenizer is out of reach, so tokens are estimated. Nothing is ever cut off: a text that the
model does not take whole is embedded in parts, whose vectors are averaged by their length. How a server is
asked is known to the files beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rag.embedders.outline import PROBE
from rag.embedders.prompts import chosen, prompts_of
from rag.embedders.token_estimate import estimated_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders.options import EmbedderOptions

# Texts of one request: text-embeddings-inference takes no more, by its own default (--max-client-batch-size).
_BATCH_TEXTS: Final = 32
# Parts shorter than this are not made: a model that refuses so few characters would refuse all.
_SHORTEST_PART_CHARACTERS: Final = 64
# What a request with nothing in it but white space is replaced by; several servers refuse an empty text.
_BLANK: Final = "."


@dataclass(frozen=True, slots=True)
class TooLong:
    """A server's answer that a text is longer than its model reads."""

    words: str


class EmbeddingApi(Protocol):
    """One server's model."""

    @property
    def name(self) -> str:
        """As ``open_embedder`` takes it, such as ``ollama:bge-m3``."""

    @property
    def model(self) -> str:
        """The model's name on the server."""

    @property
    def max_tokens(self) -> int:
        """What the model reads of one text."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | TooLong:
        """A vector a text, as the server gives them."""

    def identity(self, probe: NDArray[np.float32]) -> str:
        """What changes when the server's model does; ``probe`` is the vector of a fixed text."""


class ServedEmbedder:
    """An embedder over an `EmbeddingApi`; see `rag.embedders.Embedder`.

    Raises:
        ModelError: the server cannot be asked, or has no such model, or that makes no vectors.
    """

    def __init__(self, api: EmbeddingApi, options: EmbedderOptions) -> None:
        self._api = api
        self._batch_texts = options.batch_size or _BATCH_TEXTS
        self._prompts = chosen(
            prompts_of(api.model), query=options.query_prompt, document=options.document_prompt
        )
        self.name = api.name
        self.max_tokens = api.max_tokens
        (probe,) = self._vectors("", [PROBE])
        self.dimensions: int = probe.shape[0]
        prompts = hashlib.sha256(repr(self._prompts).encode()).hexdigest()[:8]
        self.fingerprint = f"{api.name}/{api.identity(probe)}/{self.dimensions}/{prompts}"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        import numpy as np

        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        vectors = self._vectors(self._prompts.document, texts)
        if any(vector.shape != (self.dimensions,) for vector in vectors):
            lengths = sorted({vector.shape[0] for vector in vectors})
            raise ModelError(
                f"{self.name} gave vectors of {lengths} dimensions where it gave {self.dimensions} before",
                hint="stillroom ingest --rebuild, if its model was changed",
            )
        return np.stack(vectors)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        return self._vectors(self._prompts.query, [text])[0]

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`; an upper estimate."""
        return estimated_tokens(self._prompts.document + text)

    def _vectors(self, prompt: str, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """A unit vector a text, each the mean of its parts."""
        parts = [list(self._parts(prompt, text)) for text in texts]
        flat = [part for own in parts for part in own]
        embedded: list[NDArray[np.float32]] = []
        for first in range(0, len(flat), self._batch_texts):
            embedded += self._batch(prompt, flat[first : first + self._batch_texts])
        rows = iter(embedded)
        return [_mean([next(rows) for _ in own], [len(part) for part in own]) for own in parts]

    def _parts(self, prompt: str, text: str) -> Iterator[str]:
        """The text, or its halves and their halves, as far as the estimate says that they fit."""
        fits = estimated_tokens(prompt + text) <= self.max_tokens
        if fits or len(text) < 2 * _SHORTEST_PART_CHARACTERS:
            yield text
            return
        for half in _halves(text):
            yield from self._parts(prompt, half)

    def _batch(self, prompt: str, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """A unit vector a text; what the server refuses as too long is asked for by halves."""
        answer = self._api.embed([prompt + text if text.strip() else prompt + _BLANK for text in texts])
        if not isinstance(answer, TooLong):
            return [_unit(row) for row in answer]
        if len(texts) > 1:
            middle = len(texts) // 2
            return self._batch(prompt, texts[:middle]) + self._batch(prompt, texts[middle:])
        (text,) = texts
        if len(text) < 2 * _SHORTEST_PART_CHARACTERS:
            raise ModelError(
                f"{self.name} refuses a text of {len(text):,} characters as too long: {answer.words}",
                hint="give the server's model a larger context or batch",
            )
        halves = _halves(text)
        vectors = [self._batch(prompt, [half])[0] for half in halves]
        return [_mean(vectors, [len(half) for half in halves])]


def _halves(text: str) -> tuple[str, str]:
    """The text cut near its middle, before a word where there are words."""
    middle = len(text) // 2
    space = text.rfind(" ", middle // 2, middle)
    cut = middle if space < 0 else space
    return text[:cut], text[cut:]


def _mean(vectors: Sequence[NDArray[np.float32]], lengths: Sequence[int]) -> NDArray[np.float32]:
    import numpy as np

    if len(vectors) == 1:
        return vectors[0]
    weights = np.maximum(np.array(lengths, dtype=np.float32), 1)
    return _unit((np.stack(vectors) * weights[:, np.newaxis]).sum(axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    length = np.linalg.norm(vector)
    scaled: NDArray[np.float32] = (vector / max(length, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled
