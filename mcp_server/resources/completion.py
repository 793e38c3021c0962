"""What a client may offer while a person types a library, a document or a model.

It knows names, and neither how a client shows them nor what is done with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp_server.documents.finding import file_name
from mcp_server.documents.listing import documents_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.services import Services
    from rag.document import Document

# Of arguments of the resource template and of the prompts.
LIBRARY: Final = "library"
DOCUMENTS: Final = frozenset({"document", "first", "second"})
MODEL: Final = "model"
LANGUAGE: Final = "language"
_LANGUAGES: Final = ("English", "中文")
# What the protocol allows in one answer.
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Offered:
    """Values that begin with, or have in them, what was typed.

    Attributes:
        total: of all such values, shown or not.
    """

    values: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Completing:
    """Completes arguments from what the services have."""

    services: Services

    def offered(self, argument: str, typed: str, library: str = "") -> Offered:
        """Values for an argument; none for one that is free text.

        Args:
            argument: its name.
            typed: what stands there already.
            library: the library that was chosen before, or empty.

        Raises:
            StillroomError: the library cannot be read.
        """
        name = self.services.library_name
        if argument == LIBRARY:
            return _matching([name], typed)
        if argument in DOCUMENTS and library in {"", name}:
            return _documents(documents_of(self.services.library()), typed)
        if argument == MODEL:
            return _matching([model.tag for model in self.services.catalog().models], typed)
        if argument == LANGUAGE:
            return _matching(_LANGUAGES, typed)
        return Offered((), 0)


def _documents(documents: Sequence[Document], typed: str) -> Offered:
    """Titles that only one document has, else ids: each value finds its document again."""
    titles = Counter(document.title.strip().casefold() for document in documents)
    wanted = typed.strip().casefold()
    found = []
    for document in documents:
        title = document.title.strip()
        alone = title and titles[title.casefold()] == 1
        if document.id.casefold().startswith(wanted) and wanted:
            found.append(document.id)
        elif wanted in title.casefold() or wanted in file_name(document).casefold():
            found.append(title if alone else document.id)
    return _first(sorted(found, key=lambda value: not value.casefold().startswith(wanted)))


def _matching(values: Iterable[str], typed: str) -> Offered:
    """Those that begin with what was typed, then those that have it in them."""
    wanted = typed.strip().casefold()
    found = [value for value in values if wanted in value.casefold()]
    return _first(sorted(found, key=lambda value: not value.casefold().startswith(wanted)))


def _first(found: list[str]) -> Offered:
    return Offered(tuple(found[:_MOST]), len(found))
