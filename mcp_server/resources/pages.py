"""Documents as MCP resources: a page of their list, and a page of one's text.

It speaks the protocol's words and asks the library; it does not know who asked or how that came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.types import Annotations, ListResourcesResult, Resource, ResourceTemplate, TextResourceContents

from mcp_server.addresses import DOCUMENT_TEMPLATE, Address
from mcp_server.cursors import Cursor, read_cursor
from mcp_server.documents.finding import file_name, find_document
from mcp_server.documents.listing import documents_of
from mcp_server.documents.stretches import stretch
from mcp_server.tools.citing import PATH_CHARACTERS, TITLE_CHARACTERS, data_line, harmless
from mcp_server.tools.reading import PAGE_CHARACTERS
from mcp_server.tools.sources import place_after
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from agents.services import Services
    from rag.document import Document
    from rag.library import Library

_OF: Final = "resources/list"
_LISTED: Final = 50
# What a page is read with that a client may want to go on at.
NEXT_META: Final = "stillroom/nextUri"
SPAN_META: Final = "stillroom/characters"


@dataclass(frozen=True, slots=True)
class DocumentPages:
    """The resources of one library; each method may take seconds and runs in a background thread."""

    services: Services

    @property
    def template(self) -> ResourceTemplate:
        """How a document's address is made."""
        return ResourceTemplate(
            uri_template=DOCUMENT_TEMPLATE,
            name="document",
            title="A document of the library",
            description=(
                "The text of a document, a page at a time. library: the library's name. document: an id as "
                "list_sources gives it, or a title that only one document has. start: offset of the first "
                "character; the last line of a page names the address of the next."
            ),
            mime_type="text/plain",
        )

    def listed(self, cursor: str | None) -> ListResourcesResult:
        """The documents, by path, so many at a time.

        Raises:
            ToolError: the cursor is none of this list.
            StillroomError: the library cannot be read.
        """
        library = self.services.library()
        documents = documents_of(library)
        begin = place_after(documents, read_cursor(cursor, _OF)) if cursor else 0
        shown = documents[begin : begin + _LISTED]
        sizes = library.text_bytes([document.id for document in shown])
        end = begin + len(shown)
        return ListResourcesResult(
            resources=[self._resource(document, sizes.get(document.id)) for document in shown],
            next_cursor=Cursor(_OF, end, shown[-1].id).word if end < len(documents) else None,
        )

    def read(self, address: Address) -> ReadResourceContents:
        """A page of a document's text, made harmless; a last line says what is left.

        Raises:
            LibraryError: there is no such library or document.
            ToolError: the offset lies behind the end.
        """
        library, document = self.found(address)
        page = stretch(library, document, address.start, PAGE_CHARACTERS)
        span = f"{page.start}-{page.end}/{page.characters}"
        if page.end >= page.characters:
            return ReadResourceContents(harmless(page.text), "text/plain", {SPAN_META: span})
        following = Address(address.library, document.id, page.end).uri
        left = page.characters - page.end
        text = f"{harmless(page.text)}\n[{left} characters left: {following}]"
        return ReadResourceContents(text, "text/plain", {SPAN_META: span, NEXT_META: following})

    def found(self, address: Address) -> tuple[Library, Document]:
        """The library and the document of an address.

        Raises:
            LibraryError: there is no such library or document.
        """
        if address.library != self.services.library_name:
            raise LibraryError(
                f"there is no library {address.library[:TITLE_CHARACTERS]!r} here; "
                f"there is {self.services.library_name!r}",
                hint="stillroom mcp serve --library NAME serves another one",
            )
        library = self.services.library()
        return library, find_document(library, address.document)

    def first_page(self, document: str) -> TextResourceContents:
        """Where a document begins, to be put into a prompt.

        Raises:
            LibraryError: there is no such document.
        """
        found = find_document(self.services.library(), document)
        address = Address(self.services.library_name, found.id)
        page = self.read(address)
        return TextResourceContents(uri=address.uri, text=str(page.content), mime_type=page.mime_type)

    def _resource(self, document: Document, size_bytes: int | None) -> Resource:
        title = data_line(document.title, TITLE_CHARACTERS)
        path = data_line(document.path, PATH_CHARACTERS)
        return Resource(
            uri=Address(self.services.library_name, document.id).uri,
            name=data_line(file_name(document), TITLE_CHARACTERS) or document.id,
            title=title,
            description=f"{document.format}, {document.language}, {document.characters} characters: {path}",
            mime_type="text/plain",
            size=size_bytes,
            annotations=Annotations(audience=["user", "assistant"], last_modified=document.modified or None),
        )
