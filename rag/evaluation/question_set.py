"""A question set as frozen values: documents, questions, and which documents answer which question.

It knows no files and no library.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SetDocument:
    """A document of a set."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known of its answer.

    Attributes:
        grades: of each judged document, by its id; above 0 it is relevant.
        answers: strings of which a passage that answers the question contains one; empty where not known.
        spans: pairs of a document's id and the stretch of its text that answers; empty where not known.
    """

    id: str
    text: str
    grades: Mapping[str, int]
    answers: tuple[str, ...] = ()
    spans: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Documents and the questions about them.

    Attributes:
        questions: those that have a judgement; the others say nothing about retrieval.
        notes: what a person should know of how it was read.
    """

    documents: tuple[SetDocument, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = field(default=())


def subset(whole: QuestionSet, *, documents: int | None = None, questions: int | None = None) -> QuestionSet:
    """The first documents, and the first of the questions that those documents answer.

    Judgements of documents that are left out are left out too, and so is a question that then has no relevant
    one. None keeps all.

    Example:
        >>> subset(QuestionSet((), ()), documents=3).documents
        ()
    """
    if documents is None:
        return replace(whole, questions=whole.questions[:questions])
    kept = whole.documents[:documents]
    known = {document.id for document in kept}
    answered = []
    for question in whole.questions:
        grades = {document: grade for document, grade in question.grades.items() if document in known}
        if any(grade > 0 for grade in grades.values()):
            answered.append(replace(question, grades=grades))
    return replace(whole, documents=kept, questions=tuple(answered[:questions]))
