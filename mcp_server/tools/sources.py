"""``list_sources`` as an IDE's model gets it: a page of the library's documents, and a cursor for the next.

It does not know how documents are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agents.toolkit.library_tools import Name, is_named
from mcp_server.addresses import Address
from mcp_server.cursors import Cursor, digest, read_cursor
from mcp_server.documents.listing import documents_of
from mcp_server.result_size import FRAME_CHARACTERS, RESULT_CHARACTERS, first_that_fit
from mcp_server.tools.citing import PATH_CHARACTERS, STRUCTURED_NOTE, TITLE_CHARACTERS, data_line
from mcp_server.tools.search import CursorWord  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.services import Services
    from rag.document import Document

_OF: Final = "list_sources"


@dataclass(frozen=True, slots=True)
class ServedSource:
    """A document of the library, without its text.

    Attributes:
        language: en or zh.
        characters: length of its text.
        uri: of the resource that holds its text.
    """

    document_id: str
    title: str
    path: str
    format: str
    language: str
    characters: int
    uri: str


@dataclass(frozen=True, slots=True)
class ServedSources:
    """A page of the library's documents, by path.

    Attributes:
        total: documents in the library; with a name, those that have it.
        next_cursor: gives the documents that follow; null where there are none.
    """

    library: str
    total: int
    sources: tuple[ServedSource, ...]
    next_cursor: str | None
    name: str
    data_note: str = STRUCTURED_NOTE

    def to_text(self) -> str:
        """One line a document."""
        if not self.total and self.name:
            return f"No document has {self.name!r} in its title or path."
        if not self.total:
            return (
                f"The library {self.library} is empty. The tool ingest adds documents, "
                f"and so does: stillroom ingest PATH --library {self.library}"
            )
        lines = [
            f"{source.document_id}: {source.title} ({source.format}, {source.language}, "
            f"{source.characters} characters)"
            for source in self.sources
        ]
        more = [f"More with cursor={self.next_cursor}"] if self.next_cursor else []
        return "\n".join([f"{self.total} documents in the library {self.library}:", *lines, *more])


@dataclass(frozen=True, slots=True)
class SourcesTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def list_sources(self, name: Name = "", cursor: CursorWord = "") -> ServedSources:
        """List the documents in the user's private library: id, title, path, format, language, size.

        Use it to see what the library covers, or to find a document by its name. To find what documents
        say, use search_library.

        Args:
            name: only those with this in their title or path.
            cursor: next_cursor of the result before, to see more; the name as it was.
        """
        wanted = name.strip()
        about = digest(wanted)
        every = documents_of(self.services.library())
        documents = [one for one in every if is_named(one, wanted.casefold())]
        begin = place_after(documents, read_cursor(cursor, _OF, about=about)) if cursor else 0
        listed = (_source(one, self.services.library_name) for one in documents[begin:])
        shown = first_that_fit(listed, RESULT_CHARACTERS - FRAME_CHARACTERS)
        end = begin + len(shown)
        more = end < len(documents)
        return ServedSources(
            library=self.services.library_name,
            total=len(documents),
            sources=shown,
            next_cursor=Cursor(_OF, end, documents[end - 1].id, about).word if more else None,
            name=wanted,
        )


def place_after(documents: Sequence[Document], cursor: Cursor) -> int:
    """Where a list goes on: after the last document that was shown, though others came or went meanwhile."""
    places = [place for place, document in enumerate(documents, 1) if document.id == cursor.key]
    return places[0] if places else min(cursor.offset, len(documents))


def _source(document: Document, library: str) -> ServedSource:
    return ServedSource(
        document_id=document.id,
        title=data_line(document.title, TITLE_CHARACTERS),
        path=data_line(document.path, PATH_CHARACTERS),
        format=document.format,
        language=document.language,
        characters=document.characters,
        uri=Address(library, document.id).uri,
    )
