"""What a person may say about how files are read, as one value that goes along to every parser."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """The same for all files of an ingest.

    Attributes:
        passwords: tried in turn on encrypted files; never written anywhere.
        ocr: whether pictures of text are read by Tesseract where it is installed.
        ocr_languages: as Tesseract names them, joined by ``+``.
    """

    passwords: tuple[str, ...] = field(default=(), repr=False)
    ocr: bool = True
    ocr_languages: str = "chi_sim+eng"
