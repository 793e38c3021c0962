"""The nouns of the library, as frozen values: document, passage, hit, citation, answer.

Text offsets count characters of the document's stored text, not bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a parsed document that shares one place.

    Attributes:
        text: its text, as it will be stored.
        page: page number from 1, where the format has pages.
        heading: the headings above it, outermost first.
    """

    text: str
    page: int | None = None
    heading: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file: a title and its sections in reading order."""

    title: str
    format: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the library holds it.

    Attributes:
        id: derived from the path within its source; stable when the content changes.
        path: absolute path of the file it came from.
        content_hash: SHA-256 of the file's bytes, in hex.
        language: ISO 639-1 code of most of its text: ``en`` or ``zh``.
    """

    id: str
    path: str
    title: str
    format: str
    content_hash: str
    language: str
    characters: int
    passages: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that is searched and cited.

    Attributes:
        id: derived from the document's id, the content and the position.
        start: offset of its first character in the document's stored text.
        end: offset after its last character.
        page: page number from 1, where the format has pages.
        line: line number from 1 of its first character in the stored text.
        heading: the headings above it, outermost first.
    """

    id: str
    document_id: str
    document_title: str
    path: str
    text: str
    start: int
    end: int
    page: int | None
    line: int
    heading: tuple[str, ...] = ()

    @property
    def locator(self) -> str:
        """Where a person finds it: ``p. 3`` or ``line 12``."""
        return f"p. {self.page}" if self.page is not None else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a query found.

    Attributes:
        score: fused, between 0 and 1, comparable within one query only.
        dense_score: cosine similarity of the vectors, or 0 where only words found it.
        lexical_score: BM25, or 0 where only vectors found it.
        coverage: share of the query's distinct content terms that occur in the passage, 0 to 1.
    """

    passage: Passage
    score: float
    dense_score: float
    lexical_score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that was found, word for word, in a passage.

    Attributes:
        marker: the number that the answer's text carries in brackets, from 1.
        quote: the passage's own characters.
        locator: ``p. 3`` or ``line 12``, of the quote itself.
    """

    marker: int
    document_id: str
    document_title: str
    path: str
    passage_id: str
    locator: str
    quote: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its evidence, or a refusal.

    Attributes:
        kind: ``written`` by the model, ``extractive`` (the passages' own sentences), or ``refused``.
        text: with markers such as ``[1]``; for a refusal, why.
        reasoning: what a reasoning model thought; kept apart from the answer.
        dropped: citations that failed the check, each with the reason.
        notice: what the reader should know of how the answer was made, or empty.
    """

    question: str
    kind: Literal["written", "extractive", "refused"]
    text: str
    citations: tuple[Citation, ...]
    reasoning: str = ""
    dropped: tuple[str, ...] = ()
    notice: str = ""
