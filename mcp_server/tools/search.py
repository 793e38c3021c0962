"""``search_library`` as an IDE's model gets it: a page of passages that fits, and a cursor for the next.

It does not know how passages are found (``agents.toolkit.library_tools`` asks the library).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from agents.fence import fenced
from agents.toolkit.library_tools import LibraryTools, Name, Query
from mcp_server.cursors import Cursor, digest, read_cursor
from mcp_server.result_size import FRAME_CHARACTERS, RESULT_CHARACTERS, first_that_fit, json_characters
from mcp_server.result_size import beginning as beginning_of
from mcp_server.tools.citing import DATA_NOTE, STRUCTURED_NOTE, ServedCitation, harmless, served

if TYPE_CHECKING:
    from agents.services import Services
    from agents.toolkit.library_results import FoundPassage, SearchResults
    from rag.document import Citation

_OF: Final = "search_library"
# What both searches of the library look at; further down is what nobody asked for.
_DEEPEST: Final = 60
# A passage is about 1,000 characters; of a longer one, such as a table's, this much is shown.
_PASSAGE_CHARACTERS: Final = 4_000
_QUERY_CHARACTERS: Final = 300

CursorWord = Annotated[str, Field(max_length=1_000)]


@dataclass(frozen=True, slots=True)
class ServedPassage:
    """A passage that was found.

    Attributes:
        marker: its number among all that were found, from 1, and that of its citation.
        score: comparable within one search only.
        passage_id: read_document shows what stands around it.
        start: offset of its first character in the document's text.
        cut: it is longer than what is shown.
    """

    marker: int
    score: float
    passage_id: str
    start: int
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ServedSearch:
    """Passages, best first, each with its source.

    Attributes:
        citations: one a passage, with the sentence that fits the query best.
        next_cursor: gives the passages that follow; null where there are none.
        notes: what a person should know of the search.
    """

    query: str
    passages: tuple[ServedPassage, ...]
    citations: tuple[ServedCitation, ...]
    next_cursor: str | None
    notes: tuple[str, ...]
    data_note: str = STRUCTURED_NOTE

    def to_text(self) -> str:
        """Each passage fenced, under where it stands."""
        if not self.passages:
            return "\n".join([f"No passage was found for {self.query!r}.", *self.notes])
        blocks = [
            _block(passage, cited) for passage, cited in zip(self.passages, self.citations, strict=True)
        ]
        more = [f"More passages with cursor={self.next_cursor}"] if self.next_cursor else []
        return "\n\n".join([DATA_NOTE, *blocks, *self.notes, *more])


@dataclass(frozen=True, slots=True)
class SearchTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def search_library(
        self,
        query: Query,
        limit: Annotated[int, Field(ge=1, le=10)] = 5,
        path: Name = "",
        language: Literal["en", "zh"] | None = None,
        cursor: CursorWord = "",
    ) -> ServedSearch:
        """Find passages in the user's private library, by meaning and by words, best first.

        Use it before you answer from memory on what the user's own documents may cover. English and Chinese.
        Each passage comes with a citation: document, place, and the words that carry it. Cite those. If
        nothing fits, search again with other words; list_sources shows what the library holds.

        Args:
            query: what to look for: a question or key words, best in the language of the documents.
            limit: how many passages at most.
            path: only in files such as *.pdf or reports/*.
            language: only in documents of this language.
            cursor: next_cursor of the result before, to see more; the other arguments as they were.
        """
        about = digest(query, path, language)
        skipped = read_cursor(cursor, _OF, about=about).offset if cursor else 0
        wanted = min(skipped + limit, _DEEPEST)
        found = LibraryTools(self.services).search_library(query, wanted + 1, path, language)
        pairs = _pairs(found, skipped, wanted, self.services.library_name)
        shown = first_that_fit(pairs, RESULT_CHARACTERS - FRAME_CHARACTERS, _characters)
        following = skipped + len(shown)
        more = following < min(len(found.passages), _DEEPEST)
        return ServedSearch(
            query=beginning_of(query, _QUERY_CHARACTERS),
            passages=tuple(passage for passage, _ in shown),
            citations=tuple(citation for _, citation in shown),
            next_cursor=Cursor(_OF, following, about=about).word if more else None,
            notes=found.notes,
        )


def _pairs(
    found: SearchResults, start: int, end: int, library: str
) -> list[tuple[ServedPassage, ServedCitation]]:
    chosen = zip(found.passages[start:end], found.citations[start:end], strict=True)
    return [_pair(passage, citation, library) for passage, citation in chosen]


def _pair(passage: FoundPassage, citation: Citation, library: str) -> tuple[ServedPassage, ServedCitation]:
    text = beginning_of(passage.text, _PASSAGE_CHARACTERS)
    shown = ServedPassage(
        marker=passage.marker,
        score=passage.score,
        passage_id=passage.passage_id,
        start=passage.start,
        text=harmless(text),
        cut=len(text) < len(passage.text),
    )
    return shown, served(citation, library)


def _characters(pair: tuple[ServedPassage, ServedCitation]) -> int:
    """What both take: of the data or of the text, whichever is more."""
    return max(json_characters(pair[0]) + json_characters(pair[1]), len(_block(*pair)))


def _block(passage: ServedPassage, cited: ServedCitation) -> str:
    rest = (
        f"\n[cut: read_document with passage_id {passage.passage_id} shows the rest]" if passage.cut else ""
    )
    return (
        f"[{passage.marker}] {cited.document_title}, {cited.locator} "
        f"(document_id {cited.document_id}, passage_id {passage.passage_id})\n{fenced(passage.text)}{rest}"
    )
