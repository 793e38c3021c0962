"""What the library's tools return, and how a model reads it.

Texts from documents are data: they stand between tags that they cannot close themselves. Nothing here
searches, reads or answers.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from agents.fence import data_note, fenced
from agents.result_pages import PAGE_CHARACTERS
from rag.document import Citation  # noqa: TC001 (pydantic reads the annotation when it makes the schema)
from rag.prompt_text import as_data

_DATA_NOTE = data_note("documents")
# The note above and the one on what was left out.
_NOTES_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that a search found.

    Attributes:
        score: comparable within one search only.
        start: offset of its first character in the document's text.
    """

    marker: int
    document_id: str
    document_title: str
    path: str
    locator: str
    score: float
    text: str
    passage_id: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class SearchResults:
    """Passages, best first, each with a quote that can be checked.

    Attributes:
        notes: what a person should know of the search, such as a filter that lets no document through.
    """

    query: str
    passages: tuple[FoundPassage, ...]
    citations: tuple[Citation, ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Each passage fenced, under where it stands."""
        if not self.passages:
            return "\n".join([f"No passage was found for {self.query!r}.", *self.notes])
        blocks = [
            f"[{found.marker}] {as_data(found.document_title)}, {found.locator} "
            f"(document_id {found.document_id}, start {found.start})\n{fenced(found.text)}"
            for found in self.passages
        ]
        shown = _first_that_fit(blocks)
        left_out = len(blocks) - len(shown)
        note = [f"[{left_out} more passages left out; ask for fewer at a time]"] if left_out else []
        return "\n\n".join([_DATA_NOTE, *shown, *note])


@dataclass(frozen=True, slots=True)
class LibraryAnswer:
    """An answer with its checked quotes, or a refusal that says why.

    Attributes:
        kind: ``written`` by the model, ``extractive`` (the passages' own sentences), or ``refused``.
        dropped: claims that failed the check, each with the reason.
        standalone: the question that was looked for, where earlier turns made it another one.
    """

    question: str
    kind: Literal["written", "extractive", "refused"]
    answer: str
    citations: tuple[Citation, ...]
    dropped: tuple[str, ...]
    notice: str
    standalone: str = ""

    def to_text(self) -> str:
        """The answer, then its sources, then what the reader should know."""
        head = f"No answer: {self.answer}" if self.kind == "refused" else self.answer
        sources = [source_line(citation) for citation in self.citations]
        notes = [f"Note: {self.notice}"] if self.notice else []
        return "\n".join([head, *sources, *notes])


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A stretch of a document's text.

    Attributes:
        start: offset of the first character, from 0.
        characters: length of the whole document.
        next_start: what to ask for next; None at the end.
    """

    document_id: str
    title: str
    path: str
    start: int
    characters: int
    next_start: int | None
    text: str

    def to_text(self) -> str:
        """The stretch fenced, with how to read on."""
        end = self.start + len(self.text)
        more = "This is the end." if self.next_start is None else f"Read on with start={self.next_start}."
        return (
            f"{as_data(self.title)}, characters {self.start} to {end} of {self.characters}. {more}\n"
            f"{_DATA_NOTE}\n{fenced(self.text)}"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A document of the library, without its text."""

    document_id: str
    title: str
    path: str
    format: str
    language: str
    characters: int
    passages: int


@dataclass(frozen=True, slots=True)
class Sources:
    """A page of the library's documents.

    Attributes:
        total: documents in the library; with a name, those that have it.
        next_start: what to ask for next; None at the end.
        name: what was asked for of titles and paths; empty for any.
    """

    sources: tuple[Source, ...]
    total: int
    next_start: int | None
    name: str = ""

    def to_text(self) -> str:
        """One line a document."""
        if not self.total and self.name:
            return f"No document has {self.name!r} in its title or path."
        if not self.total:
            return "The library is empty. A person adds documents with: stillroom ingest PATH"
        lines = [
            f"{source.document_id}: {as_data(source.title)} ({source.format}, {source.language}, "
            f"{source.characters} characters)"
            for source in self.sources
        ]
        more = [] if self.next_start is None else [f"More with start={self.next_start}."]
        return "\n".join([f"{self.total} documents:", *lines, *more])


def source_line(citation: Citation) -> str:
    """Marker, document, place and quote."""
    return f"[{citation.marker}] {citation.document_title}, {citation.locator}: “{citation.quote}”"


def _first_that_fit(blocks: list[str]) -> list[str]:
    """As many whole blocks as a tool's text holds: a cut one would leave its fence open."""
    lengths = itertools.accumulate(len(block) + len("\n\n") for block in blocks)
    room = PAGE_CHARACTERS - _NOTES_CHARACTERS
    return [block for block, length in zip(blocks, lengths, strict=True) if length <= room]
