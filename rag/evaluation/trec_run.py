"""A stage's rankings in the format of TREC, which ir-measures and trec_eval read, and its judgements.

Scores are ranks counted from below: evaluators settle equal scores in ways of their own, and here none are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rag.evaluation.question_set import Question


def run_text(rankings: Mapping[str, Sequence[str]], *, name: str) -> str:
    """A line for each document found: question, ``Q0``, document, rank, score, the run's name.

    Example:
        >>> run_text({"q 1": ["d7"]}, name="hybrid").split()
        ['q_1', 'Q0', 'd7', '1', '1', 'hybrid']
    """
    return "".join(
        f"{_word(question)} Q0 {_word(document)} {rank} {len(ranking) + 1 - rank} {name}\n"
        for question, ranking in rankings.items()
        for rank, document in enumerate(ranking, 1)
    )


def judgements_text(questions: Iterable[Question]) -> str:
    """A line for each judgement: question, 0, document, grade."""
    return "".join(
        f"{_word(question.id)} 0 {_word(document)} {grade}\n"
        for question in questions
        for document, grade in question.grades.items()
    )


def _word(identity: str) -> str:
    """White space parts the columns."""
    return "_".join(identity.split())
