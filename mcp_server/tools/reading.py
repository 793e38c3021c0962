"""``read_document`` as an IDE's model gets it: a stretch of a document, by offset, page or passage.

It does not know how documents are kept or parsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from agents.fence import fenced
from agents.toolkit.library_tools import Name  # noqa: TC001 (the tool's schema is read at run time)
from mcp_server.addresses import Address
from mcp_server.cursors import Cursor, digest, other_arguments, read_cursor
from mcp_server.documents.finding import find_document
from mcp_server.documents.stretches import Stretch, around, from_page, stretch
from mcp_server.tools.citing import (
    DATA_NOTE,
    PATH_CHARACTERS,
    STRUCTURED_NOTE,
    TITLE_CHARACTERS,
    ServedCitation,
    data_line,
    harmless,
    shortened_quote,
)
from mcp_server.tools.search import CursorWord  # noqa: TC001
from mcp_server.tools.served_tool import Link
from stillroom.errors import LibraryError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.services import Services
    from rag.document import Document, Passage
    from rag.library import Library

_OF: Final = "read_document"
# Each says where in a document to begin.
_PLACES: Final = ("passage_id", "page", "start")
# With head, citation and fence a page stays within what a result may hold.
PAGE_CHARACTERS: Final = 6_000


@dataclass(frozen=True, slots=True)
class ServedText:
    """A stretch of a document's text.

    Attributes:
        start: offset of the first character, from 0.
        end: offset after the last one.
        characters: length of the whole document.
        next_cursor: gives what follows; null at the end.
        uri: of the resource that begins here.
        next_uri: of the resource that begins with what follows; empty at the end.
    """

    document_id: str
    document_title: str
    path: str
    locator: str
    start: int
    end: int
    characters: int
    text: str
    citations: tuple[ServedCitation, ...]
    next_cursor: str | None
    uri: str
    next_uri: str
    data_note: str = STRUCTURED_NOTE

    def to_text(self) -> str:
        """The stretch fenced, with how to read on."""
        more = f"Read on with cursor={self.next_cursor}" if self.next_cursor else "This is the end."
        return (
            f"{self.document_title}, {self.locator}, characters {self.start} to {self.end} of "
            f"{self.characters} (document_id {self.document_id}). {more}\n{DATA_NOTE}\n{fenced(self.text)}"
        )


@dataclass(frozen=True, slots=True)
class ReadingTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def read_document(
        self,
        document_id: Name = "",
        *,
        passage_id: Name = "",
        page: Annotated[int, Field(ge=1, le=1_000_000)] | None = None,
        start: Annotated[int, Field(ge=0, le=10**10)] | None = None,
        max_characters: Annotated[int, Field(ge=100, le=PAGE_CHARACTERS)] = PAGE_CHARACTERS,
        cursor: CursorWord = "",
    ) -> ServedText:
        """Read a document of the library: from its beginning, a page, an offset, or around a passage.

        Use it when the passages of search_library are not enough: passage_id alone shows what stands before
        and after a passage. Long documents come in parts; next_cursor reads on.

        Args:
            document_id: as search_library and list_sources give it; a title that only one document has works.
            passage_id: as search_library gives it; the text around that passage.
            page: number of a page, as in p. 3 of a citation, where the document has pages.
            start: offset of the first character.
            max_characters: how much to read at most.
            cursor: next_cursor of the result before; nothing else is needed then, and what is given stays.
        """
        names = {"document_id": document_id.strip(), "passage_id": passage_id.strip()}
        given: dict[str, Any] = {**names, "page": page, "start": start}
        library = self.services.library()
        if cursor:
            going_on = _place(library, given, cursor)
            document = find_document(library, going_on.key)
            found, about = stretch(library, document, going_on.offset, max_characters), going_on.about
        else:
            document, found = _asked_for(library, given, max_characters)
            about = _about(given)
        return _served(document, found, self.services.library_name, about)


def rest_link(data: Mapping[str, Any]) -> tuple[Link, ...]:
    """The resource that begins with what follows."""
    if not data["next_uri"]:
        return ()
    left = f"{data['characters'] - data['end']} characters follow"
    return (Link(data["next_uri"], data["document_title"] or data["document_id"], left),)


def _place(library: Library, given: Mapping[str, Any], word: str) -> Cursor:
    """Where a cursor goes on; what else is given must be as it was in the first call.

    Raises:
        ToolError: it is no cursor, or not of these arguments.
        LibraryError: there is no document of the name that is given.
    """
    cursor = read_cursor(word, _OF, about=None)
    moved = any(given[name] for name in _PLACES) and _about(given) != cursor.about
    if moved or (given["document_id"] and find_document(library, given["document_id"]).id != cursor.key):
        raise other_arguments(word, _OF)
    return cursor


def _about(given: Mapping[str, Any]) -> str:
    return digest(*(given[name] or None for name in _PLACES))


def _asked_for(library: Library, given: Mapping[str, Any], most: int) -> tuple[Document, Stretch]:
    """The document and the stretch of it that the arguments name.

    Raises:
        ToolError: they name none, or two.
        LibraryError: there is none of that name.
    """
    _require_one_place(given)
    if given["passage_id"]:
        passage = _passage(library, given["passage_id"])
        if given["document_id"] and find_document(library, given["document_id"]).id != passage.document_id:
            raise ToolError(
                f"{_OF}: passage_id {passage.id!r} is of the document {passage.document_id!r}, "
                f"not of {given['document_id']!r}",
                hint="read_document with passage_id alone",
            )
        document = library.document(passage.document_id)
        return document, around(library, document, passage, most)
    document = find_document(library, given["document_id"])
    if given["page"] is not None:
        return document, from_page(library, document, given["page"], most)
    return document, stretch(library, document, given["start"] or 0, most)


def _passage(library: Library, passage_id: str) -> Passage:
    """The passage of that id.

    Raises:
        LibraryError: there is none; the hint names what a model can call.
    """
    try:
        return library.passage(passage_id)
    except LibraryError as error:
        if type(error) is not LibraryError:
            raise
        raise LibraryError(
            error.message, hint="search_library gives passage_id; list_sources shows the documents"
        ) from error


def _require_one_place(given: Mapping[str, Any]) -> None:
    if not given["document_id"] and not given["passage_id"]:
        raise ToolError(
            f"{_OF}: 'document_id' or 'passage_id' is needed, and neither is given",
            hint="search_library gives both; list_sources gives document_id",
        )
    places = [name for name in _PLACES if given[name] not in {None, ""}]
    if len(places) > 1:
        seen = " and ".join(f"{name} = {given[name]!r}" for name in places)
        raise ToolError(f"{_OF}: {seen} name two places: needed is one", hint=f"{_OF} with {places[0]} alone")


def _served(document: Document, found: Stretch, library: str, about: str) -> ServedText:
    following = found.end if found.end < found.characters else None
    quote = shortened_quote(found.quote)
    uri = Address(library, document.id, found.start).uri
    locator = data_line(found.locator, TITLE_CHARACTERS)
    title, path = (
        data_line(document.title, TITLE_CHARACTERS),
        data_line(document.path, PATH_CHARACTERS),
    )
    citation = ServedCitation(
        marker=1,
        document_id=document.id,
        document_title=title,
        path=path,
        locator=locator,
        quote=harmless(quote),
        start=found.quote_start,
        uri=Address(library, document.id, found.quote_start).uri,
    )
    return ServedText(
        document_id=document.id,
        document_title=title,
        path=path,
        locator=locator,
        start=found.start,
        end=found.end,
        characters=found.characters,
        text=harmless(found.text),
        citations=(citation,) if quote else (),
        next_cursor=None if following is None else Cursor(_OF, following, document.id, about).word,
        uri=uri,
        next_uri="" if following is None else Address(library, document.id, following).uri,
    )
