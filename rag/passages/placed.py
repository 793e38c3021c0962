"""Where sections and passages lie in a document's stored text, in characters.

Values only: how a text is cut is `rag.passages.chunker`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.document import SectionKind


@dataclass(frozen=True, slots=True)
class PlacedSection:
    """Where a section lies in the stored text, in characters, with what its passages inherit."""

    start: int
    end: int
    page: int | None = None
    heading: tuple[str, ...] = ()
    kind: SectionKind = "prose"
    place: str = ""
    row: int | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """One passage as a span of the stored text; each field but the span is that of `rag.document.Passage`."""

    start: int
    end: int
    page: int | None
    line: int
    heading: tuple[str, ...]
    place: str = ""
    row: int | None = None
    header: str = ""
    section: int = 0
