"""What happens while an answer is made, in order, for whoever shows it as it comes.

Values only. Nothing that a model wrote is in them as answer text before it was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.document import Answer, Citation, Hit


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages were found.

    Attributes:
        question: as it was looked for: standing alone, whatever was asked before.
        hits: best first.
    """

    question: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what the model thinks; it is unchecked and no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A sentence of the answer whose quote was found and proves it.

    Attributes:
        sentence: with its marker.
        citation: what the marker stands for; earlier sentences may have had the same.
        text: of the answer so far, this sentence included; what comes later is added to its end.
    """

    sentence: str
    citation: Citation
    text: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that the model wrote failed the check, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The end: the whole answer, or a refusal.

    Its text is that of the sentences kept, with what was added about conflicts between them; where none was
    kept, the passages' own sentences.
    """

    answer: Answer


AnswerEvent = Retrieved | Thought | Kept | Dropped | Answered
