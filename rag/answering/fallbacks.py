"""Answers that no model writes: the passages' own sentences, and refusals.

It does not decide when they are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.answering.citations import CitedText
from rag.answering.conflicts import name_conflicts
from rag.answering.extracts import best_sentences
from rag.document import Answer
from rag.language import detect_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit


def extractive(
    question: str, hits: Sequence[Hit], *, notice: str, reasoning: str = "", dropped: tuple[str, ...] = ()
) -> Answer:
    """The passages' own sentences, word for word, a line each, with their citations.

    Example: "Grouped-query attention shares keys and values among heads. [1]"
    """
    language = detect_language(question)
    text = CitedText(language, separator="\n")
    for sentence in best_sentences(question, hits):
        cited = text.cite(sentence.passage, sentence.start, sentence.end)
        text.say(f"{sentence.text} [{cited.marker}]")
    conflicts = name_conflicts(text, [hit.passage for hit in hits])
    return Answer(
        question=question,
        kind="extractive",
        text=text.text,
        citations=text.citations,
        reasoning=reasoning,
        dropped=dropped,
        notice=notice,
        conflicts=conflicts,
    )


def refusal(question: str, why: str, *, reasoning: str = "") -> Answer:
    """No answer, and why."""
    return Answer(question=question, kind="refused", text=why, citations=(), reasoning=reasoning)
