"""Which document is meant by an id, a title or a file's name.

It reads the library's list of documents. It does not search what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_server.documents.listing import documents_of
from rag.prompt_text import as_data
from stillroom.errors import LibraryEmptyError, LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Document
    from rag.library import Library

_NEAR: Final = 3
_NAME_CHARACTERS: Final = 60


def find_document(library: Library, name: str) -> Document:
    """The document with that id, or the only one with that title or name of a file.

    Raises:
        LibraryEmptyError: the library holds nothing.
        LibraryError: no document is called so, or several are; the message names some.
    """
    try:
        return library.document(name)
    except LibraryError as error:
        documents = documents_of(library)
        if not documents:
            raise LibraryEmptyError(
                f"the library {library.directory.name} is empty",
                hint=f"stillroom ingest PATH --library {library.directory.name}",
            ) from error
        called = [one for one in documents if name.strip().casefold() in _names(one)]
        if len(called) == 1:
            return called[0]
        raise _not_one(library.directory.name, name, called, documents) from error


def file_name(document: Document) -> str:
    """The last part of its path, also of one in an archive."""
    return document.path.replace("\\", "/").rpartition("/")[2]


def _names(document: Document) -> tuple[str, ...]:
    return (document.title.strip().casefold(), file_name(document).casefold())


def _not_one(
    library: str, name: str, called: Sequence[Document], documents: Sequence[Document]
) -> LibraryError:
    shown = repr(name if len(name) <= _NAME_CHARACTERS else f"{name[:_NAME_CHARACTERS]}...")
    if called:
        ids = ", ".join(one.id for one in called[:_NEAR])
        more = f" and {len(called) - _NEAR} more" if len(called) > _NEAR else ""
        return LibraryError(
            f"{len(called)} documents of the library {library} are called {shown}: {ids}{more}; "
            "needed is one id",
            hint="list_sources shows ids, titles and paths",
        )
    some = ", ".join(f"{one.id} ({as_data(one.title[:_NAME_CHARACTERS])})" for one in documents[:_NEAR])
    return LibraryError(
        f"the library {library} has no document {shown}; it has {some}, {len(documents)} in all",
        hint="list_sources shows ids, titles and paths",
    )
