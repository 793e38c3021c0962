"""Ask every question of each stage, and say how well and how fast the stages find.

It knows a stage only as something that ranks passages for a question; which library or peer stands behind it
does not matter. All stages of one question run directly after one another, so that a machine which slows down
does so for all of them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Protocol

from rag.evaluation.metrics import DEPTH, RECALL_DEPTHS, mean_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rag.evaluation.question_set import Question


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage as the evaluation sees it.

    Attributes:
        documents: ids of the set's documents that it stands in: several where they have the same text.
    """

    documents: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a stage found.

    Attributes:
        passages: best first.
        seconds: as a person would have waited for them.
    """

    passages: tuple[FoundPassage, ...]
    seconds: float


class Stage(Protocol):
    """One way to search."""

    def __call__(self, question: str) -> Found:
        """What it finds for a question."""
        ...


@dataclass(frozen=True, slots=True)
class StageFigures:
    """How well and how fast a stage finds.

    Attributes:
        metrics: means over all questions; see `rag.evaluation.metrics.mean_metrics`.
        p50_ms: half of the questions took no longer.
        p95_ms: nor did 95 % of them take longer than this.
        contained: where the set knows answers or spans, the share of those questions of which one of the
            first passages contains it: ``answers@1``, ``answers@5``, ``answers@10``, ``spans@1`` and so on.
        rankings: the first documents for each question, by its id.
    """

    metrics: Mapping[str, float]
    p50_ms: float
    p95_ms: float
    contained: Mapping[str, float] = field(default_factory=dict)
    rankings: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


def measure(
    questions: Sequence[Question],
    stages: Mapping[str, Stage],
    *,
    on_asked: Callable[[int], None] = lambda _: None,
) -> dict[str, StageFigures]:
    """Each stage's figures over all questions.

    The first question is asked once before, unmeasured: what is loaded then is not loaded again.

    Args:
        questions: at least one.
        stages: by name.
        on_asked: called with the number of questions that were asked.
    """
    for stage in stages.values():
        stage(questions[0].text)
    found: dict[str, list[Found]] = {name: [] for name in stages}
    for number, question in enumerate(questions, 1):
        for name, stage in stages.items():
            found[name].append(stage(question.text))
        on_asked(number)
    return {name: stage_figures(questions, each) for name, each in found.items()}


def stage_figures(questions: Sequence[Question], found: Sequence[Found]) -> StageFigures:
    """The figures of one stage from what it found for each question."""
    rankings = {
        question.id: document_ranking(each.passages) for question, each in zip(questions, found, strict=True)
    }
    milliseconds = sorted(1000 * each.seconds for each in found)
    return StageFigures(
        metrics=mean_metrics(rankings, {question.id: question.grades for question in questions}),
        p50_ms=percentile(milliseconds, 0.50),
        p95_ms=percentile(milliseconds, 0.95),
        contained=_contained(questions, found),
        rankings=rankings,
    )


def document_ranking(passages: Iterable[FoundPassage]) -> tuple[str, ...]:
    """The documents in the order of their first passages, as many as the metrics look at.

    Example:
        >>> document_ranking([FoundPassage(("a", "b"), "text"), FoundPassage(("a",), "more text")])
        ('a', 'b')
    """
    return tuple(dict.fromkeys(document for passage in passages for document in passage.documents))[:DEPTH]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the sorted values lies, between neighbours by their distance.

    Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50
    (1996), which is NumPy's default.

    Example:
        >>> percentile([10.0, 20.0, 40.0], 0.75)
        30.0
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _contained(questions: Sequence[Question], found: Sequence[Found]) -> dict[str, float]:
    shares: dict[str, float] = {}
    pairs = list(zip(questions, found, strict=True))
    for name, ranks in (
        ("answers", [_answer_rank(q, each.passages) for q, each in pairs if q.answers]),
        ("spans", [_span_rank(q, each.passages) for q, each in pairs if q.spans]),
    ):
        if ranks:
            for depth in RECALL_DEPTHS:
                hits = [1.0 for rank in ranks if rank is not None and rank <= depth]
                shares[f"{name}@{depth}"] = fsum(hits) / len(ranks)
    return shares


def _answer_rank(question: Question, passages: Sequence[FoundPassage]) -> int | None:
    """The rank of the first passage that contains one of the answers."""
    answers = [folded(answer) for answer in question.answers]
    return next(
        (
            rank
            for rank, passage in enumerate(passages, 1)
            if any(answer in folded(passage.text) for answer in answers)
        ),
        None,
    )


def _span_rank(question: Question, passages: Sequence[FoundPassage]) -> int | None:
    """The rank of the first passage of the right document that contains one of the spans."""
    spans = [(document, folded(text)) for document, text in question.spans]
    return next(
        (
            rank
            for rank, passage in enumerate(passages, 1)
            if any(document in passage.documents and text in folded(passage.text) for document, text in spans)
        ),
        None,
    )


def folded(text: str) -> str:
    """Text as answers are compared: compatibility forms, case and white space do not count.

    Example:
        >>> folded("Ａ  b")
        'ab'
    """
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
