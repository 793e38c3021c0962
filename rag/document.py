"""The nouns of the library, as frozen values: document, passage, hit, citation, answer.

Text offsets count characters of the document's stored text, not bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

AnswerKind = Literal["written", "extractive", "refused"]
SectionKind = Literal["prose", "table", "code"]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a parsed document that shares one place.

    Attributes:
        text: its text, as it will be stored.
        page: page number from 1, where the format has pages.
        heading: the headings above it, outermost first.
        kind: ``table``: a row a line, each ``| a | b |``; ``code``: lines that mean something by their
            indentation; ``prose``: the rest, in which single tables and fenced code may stand too.
        place: where a person finds it, where that is neither a page nor a line of a file: ``slide 3``,
            ``sheet Prices``, ``cell 4``.
        row: in a table whose rows a person can count, such as a sheet's, the number of the first line's row,
            from 1; the lines that follow are the rows that follow.
        header: the table's head, which is repeated wherever its rows are read alone; no part of ``text``.
    """

    text: str
    page: int | None = None
    heading: tuple[str, ...] = ()
    kind: SectionKind = "prose"
    place: str = ""
    row: int | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file.

    Attributes:
        sections: in reading order.
        metadata: what the file says of itself: ``author``, ``created`` (ISO 8601), ``subject`` and so on.
        notes: what a person should know of how it was read: pages without text, text from OCR.
    """

    title: str
    format: str
    sections: tuple[Section, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the library holds it.

    Attributes:
        id: derived from its text: the same text is one document, whatever its files are called.
        path: absolute path of the file that its text was read from; ``archive.zip!/inner.txt`` in an archive.
        content_hash: SHA-256 of that file's bytes, in hex.
        language: ISO 639-1 code of most of its text: ``en`` or ``zh``.
        other_paths: further files with the same text.
        metadata: what its files say of themselves and what a person gave: see `rag.filters`.
        modified: when its file was last changed, ISO 8601 in UTC.
    """

    id: str
    path: str
    title: str
    format: str
    content_hash: str
    language: str
    characters: int
    passages: int
    other_paths: tuple[str, ...] = ()
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modified: str = ""


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
        place: such as ``slide 3``, ``sheet Prices``; empty where page or line say it.
        row: the number of the table's row that its first line is, from 1.
        header: the head of the table that its rows were cut from; no part of ``text``.
        section: which of the document's sections it was cut from, from 0.
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
    place: str = ""
    row: int | None = None
    header: str = ""
    section: int = 0

    @property
    def locator(self) -> str:
        """Where a person finds it: ``p. 3``, ``line 12``, ``slide 3``, ``sheet Prices, row 7``."""
        return self.locator_at(0)

    def locator_at(self, offset: int) -> str:
        """Where a person finds ``text[offset:]``; a passage lies on one page and may have many lines."""
        lines = self.text.count("\n", 0, offset)
        if self.row is not None:
            row = f"row {self.row + lines}"
            return f"{self.place}, {row}" if self.place else row
        if self.page is not None:
            return f"p. {self.page}"
        return self.place or f"line {self.line + lines}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a query found.

    Attributes:
        score: what it is ranked by, between 0 and 1, comparable within one query only: the reranker's where
            there is one, else the fused.
        dense_score: cosine similarity of the vectors, or 0 where only words found it.
        lexical_score: BM25, or 0 where only vectors found it.
        coverage: share of the query's distinct content terms that occur in the passage, 0 to 1.
        dense_rank: its rank among the vectors' results, from 1; None where only words found it.
        lexical_rank: its rank among the words' results.
        fused_score: of both, before reranking.
        rerank_score: the reranker's; None where it was not asked.
        matched_terms: the query's terms that occur in the passage, its title or its headings.
        language: ``en`` or ``zh``, of the passage; empty where nobody asked.
    """

    passage: Passage
    score: float
    dense_score: float
    lexical_score: float
    coverage: float
    dense_rank: int | None = None
    lexical_rank: int | None = None
    fused_score: float = 0.0
    rerank_score: float | None = None
    matched_terms: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that was found, word for word, in a passage.

    Attributes:
        marker: the number that the answer's text carries in brackets, from 1.
        quote: the document's own characters, ``stored_text[start:end]``.
        locator: ``p. 3`` or ``line 12``, of the quote itself.
        start: offset of the quote's first character in the document's stored text.
        end: offset after its last character.
    """

    marker: int
    document_id: str
    document_title: str
    path: str
    passage_id: str
    locator: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two quotes of different documents that say different things of the same.

    Attributes:
        first: marker of the citation that the answer follows, or mentions first.
        second: marker of the other one.
        about: what differs: ``3 / 5``; empty where one says what the other denies.
    """

    first: int
    second: int
    about: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its evidence, or a refusal.

    Attributes:
        kind: ``written`` by the model, ``extractive`` (the passages' own sentences), or ``refused``.
        text: with markers such as ``[1]``; for a refusal, why.
        reasoning: what a reasoning model thought; kept apart from the answer.
        dropped: citations that failed the check, each with the reason.
        notice: what the reader should know of how the answer was made, or empty.
        standalone: the question that was looked for, where the conversation before it made it another one.
        conflicts: where the cited documents disagree; the text says so too.
        left_out: passages that were found and not read, each with the reason.
    """

    question: str
    kind: AnswerKind
    text: str
    citations: tuple[Citation, ...]
    reasoning: str = ""
    dropped: tuple[str, ...] = ()
    notice: str = ""
    standalone: str = ""
    conflicts: tuple[Conflict, ...] = ()
    left_out: tuple[str, ...] = ()
