"""What a person may say of an ingest, as one value.

It is made at the command line; nothing here reads settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.ingesting.bounds import Bounds
from rag.ingesting.reading import ReadLimits
from rag.parsers.options import ParseOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How files are found, read and marked.

    Attributes:
        parse: passwords, and whether pictures of text are read.
        limits: what one file may cost.
        readers: processes that read at once; None for as many as the machine has cores, less one.
        ignoring: whether ``.gitignore``, ``.stillroomignore`` and the list of never wanted names count.
        metadata: what is said of every file: ``{"tag": ("tax", "2026")}``.
        bounds: below which folders every file has to lie, links followed.
        parser: another function than `rag.parsers.parse_document`, as ``module:function``.
    """

    parse: ParseOptions = field(default_factory=ParseOptions)
    limits: ReadLimits = field(default_factory=ReadLimits)
    readers: int | None = None
    ignoring: bool = True
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    parser: str = "rag.parsers:parse_document"
