"""The library's documents as MCP resources, and the prompt that asks for sources.

Imports the SDK, so it is imported where a server is built. It does not know how documents are stored.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceError

from agents.toolkit.library_tools import LibraryTools
from mcp_server.background import in_background
from mcp_server.tool_server import error_text
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from agents.services import Services

DOCUMENT_URI = "library://documents/{document_id}{?start}"

_PROMPT = """\
Answer this question from my library only: {question}

1. Call search_library with the question; search again with other words if the passages do not answer it.
2. Write the answer in the question's language. After each statement put the number of its source, as in [1].
3. List the sources: number, document, place, and the quote that carries the statement, word for word.
4. If the passages do not answer it, say so and stop. Do not fill the gap from memory.
"""


def add_documents(server: MCPServer[Any], services: Services) -> None:
    """Serve each document's text, a page at a time, at ``DOCUMENT_URI``."""
    library = LibraryTools(services)

    @server.resource(DOCUMENT_URI, name="document", mime_type="text/plain")
    async def document(document_id: str, start: int = 0) -> str:
        """A document of the library as plain text, a page at a time; a last line says what is left."""
        try:
            page = await in_background(partial(library.read_document, document_id, max(0, start)))
        except StillroomError as error:
            raise ResourceError(error_text(error)) from error
        if page.next_start is None:
            return page.text
        left = page.characters - page.next_start
        return f"{page.text}\n[{left} characters left: library://documents/{page.document_id}?start={page.next_start}]"


def add_prompt(server: MCPServer[Any]) -> None:
    """Offer ``ask_with_sources``."""

    @server.prompt()
    def ask_with_sources(question: str) -> str:
        """Answer a question from the private library, each statement with its source."""
        return _PROMPT.format(question=question)
