"""Judge the first passages again, each together with the question: slower than vectors, and better.

One protocol, and the cross-encoders of the sentence-transformers package behind it. It knows texts and
scores, and nothing of libraries or of how the passages were found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from rag.embedders.onnx_telemetry import switch_off_telemetry
from stillroom.errors import LibraryError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Pairs that go through the model at once: more need memory, fewer leave a GPU idle.
_BATCH: Final = 16


class Reranker(Protocol):
    """Scores for pairs of a question and a passage."""

    @property
    def name(self) -> str:
        """What ``open_reranker`` was asked for."""
        ...

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """How well each passage answers, 0 to 1, in the order of the passages."""
        ...


def open_reranker(name: str, *, device: str = "", batch: int = _BATCH) -> Reranker:
    """The cross-encoder of that name.

    Args:
        name: a model's Hugging Face name or its folder.
        device: such as ``cpu`` or ``cuda:1``; empty for what the package picks.
        batch: pairs that go through the model at once.

    Raises:
        MissingExtraError: the package is not installed.
        LibraryError: the model cannot be loaded, or is no cross-encoder with one score.
    """
    return CrossEncoderReranker(name, device=device, batch=batch)


class CrossEncoderReranker:
    """A cross-encoder of the sentence-transformers package.

    Raises:
        MissingExtraError: the package is not installed.
        LibraryError: the model cannot be loaded, or has several scores a pair.
    """

    def __init__(self, model: str, *, device: str = "", batch: int = _BATCH) -> None:
        switch_off_telemetry()
        try:
            import sentence_transformers
            import torch
        except ImportError as error:
            raise MissingExtraError(
                "sentence_transformers", extra="sentence-transformers", purpose=f"rerank with {model}"
            ) from error
        try:
            self._model: Any = sentence_transformers.CrossEncoder(model, device=device or None)
        except (OSError, ValueError, RuntimeError) as error:
            raise LibraryError(
                f"the reranker {model!r} cannot be loaded: {str(error).splitlines()[0]}",
                hint="STILLROOM_RERANKER= switches reranking off",
            ) from error
        if self._model.num_labels != 1:
            raise LibraryError(
                f"the model {model!r} gives {self._model.num_labels} scores a pair; a reranker gives 1",
                hint="STILLROOM_RERANKER=BAAI/bge-reranker-v2-m3",
            )
        self.name = model
        self._batch = batch
        # Some models' own configuration leaves their logits as they are; a sigmoid keeps the order.
        self._activation = torch.nn.Sigmoid()

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """See `Reranker`."""
        if not passages:
            return []
        found = self._model.predict(
            [(question, passage) for passage in passages],
            batch_size=self._batch,
            show_progress_bar=False,
            activation_fn=self._activation,
        )
        return [float(score) for score in found]
