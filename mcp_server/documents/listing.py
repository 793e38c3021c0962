"""The list of a library's documents, read once for each state that the library is in.

A client asks for it with every letter that a person types, and a large library's takes long to read.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from rag.document import Document
    from rag.library import Library

# Goes with the library that it is of.
_KEPT: Final[WeakKeyDictionary[Library, tuple[int, tuple[Document, ...]]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def documents_of(library: Library) -> tuple[Document, ...]:
    """All documents, by path, as the library holds them now; whoever wrote to it last.

    Raises:
        LibraryError: the library cannot be read.
    """
    generation = library.generation
    with _LOCK:
        kept = _KEPT.get(library)
    if kept is not None and kept[0] == generation:
        return kept[1]
    documents = library.documents()
    with _LOCK:
        # Of the state before the list was read: what was written meanwhile is read the next time.
        _KEPT[library] = (generation, documents)
    return documents
