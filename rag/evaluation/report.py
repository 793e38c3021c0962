"""What an evaluation says, and how it is written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.evaluation.measurement import StageFigures

# Microseconds: less is noise.
_MS_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well and how fast each stage finds what the questions ask for.

    Attributes:
        documents: that were searched.
        passages: that they were cut into.
        queries: that were asked.
        embedder: what made the vectors.
        stages: in the order in which they were asked.
        indexing_seconds: for reading, embedding and indexing the documents; None of a library that was there.
        notes: what has to be known to judge the figures.
    """

    documents: int
    passages: int
    queries: int
    embedder: str
    stages: Mapping[str, StageFigures]
    indexing_seconds: float | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The stable form: fields are added, and none is renamed."""
        return {
            "documents": self.documents,
            "queries": self.queries,
            "stages": {name: _stage(figures) for name, figures in self.stages.items()},
            "passages": self.passages,
            "embedder": self.embedder,
            "indexing_seconds": self.indexing_seconds and round(self.indexing_seconds, _MS_DIGITS),
            "notes": list(self.notes),
        }


def _stage(figures: StageFigures) -> dict[str, float]:
    return {
        **figures.metrics,
        "p50_ms": round(figures.p50_ms, _MS_DIGITS),
        "p95_ms": round(figures.p95_ms, _MS_DIGITS),
        **figures.contained,
    }
