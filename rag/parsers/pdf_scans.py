"""A PDF's pages that are pictures: which ones they are, what OCR makes of them, and what a person is told.

A page with a handful of letters beside a picture keeps the letters and gets the picture's words added.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from rag.parsers.ocr import DOTS_PER_INCH, Ocr
from rag.parsers.pdf_words import PageText
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    import pypdfium2

    from rag.parsers.options import ParseOptions

# With fewer letters than this, a picture on the page is taken for part of the text.
_FEW_LETTERS = 20
# Letters of fonts that do not say what they mean: private use, unassigned, replacement.
_MEANINGLESS = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_MEANINGLESS_SHARE = 0.3

# A picture smaller than this share of the page is a logo or a rule.
_PICTURE_SHARE = 0.01

# A4 at 300 dpi has 3,508 pixels; a poster is rendered more coarsely than to take gigabytes.
_MOST_PIXELS_A_SIDE = 7_000


class Scans:
    """What became of the pages without a text layer; Tesseract is started for the first of them."""

    def __init__(self, options: ParseOptions) -> None:
        self._options = options
        self._ocr: Ocr | None = None
        self._trouble: ParseError | None = None
        self._read: list[int] = []
        self._unread: list[int] = []
        self._broken: list[int] = []

    def unreadable(self, number: int) -> PageText:
        """An empty page in place of one that PDFium cannot open."""
        self._broken.append(number + 1)
        return PageText((), "", (), 0, 0.0, 0.0)

    def completed(self, page: pypdfium2.PdfPage, number: int, text: PageText) -> PageText:
        """The page's text; what OCR reads is added where it is a picture, or stands in place of gibberish."""
        letters = "".join(word.text for word in text.words)
        meaningless = len(_MEANINGLESS.findall(letters)) > _MEANINGLESS_SHARE * len(letters)
        if not meaningless and (len(letters) >= _FEW_LETTERS or not _has_picture(page)):
            return text
        if meaningless:
            text = dataclasses.replace(text, words=())
        try:
            seen = self._recognized(page)
        except ParseError as error:
            self._trouble = self._trouble or error
            self._unread.append(number + 1)
            return text
        added = [word for word in seen.words if not any(own.box.holds(word.box) for own in text.words)]
        if not added:
            return text
        self._read.append(number + 1)
        return dataclasses.replace(seen, words=(*text.words, *added), aside=text.aside)

    def _recognized(self, page: pypdfium2.PdfPage) -> PageText:
        """The page as Tesseract sees it.

        Raises:
            ParseError: it is not there, or fails.
        """
        if self._ocr is None:
            if self._trouble is not None:
                raise self._trouble
            self._ocr = Ocr.start(self._options)
        scale = min(DOTS_PER_INCH / 72, _MOST_PIXELS_A_SIDE / max(1.0, *page.get_size()))
        seen = self._ocr.read(page.render(scale=scale, grayscale=True).to_pil())
        return PageText(seen.words, "", (), seen.turn_degrees // 90, seen.width_points, seen.height_points)

    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the pages were read."""
        notes = []
        if self._read and self._ocr is not None:
            notes.append(f"{_pages(self._read)} read by OCR (Tesseract, {self._ocr.languages})")
        if self._unread and self._trouble is not None:
            notes.append(f"{_pages(self._unread)} not read: without text, and {self._trouble.message}")
        if self._broken:
            notes.append(f"{_pages(self._broken)} not read: damaged")
        return tuple(notes)

    def error(self, path: PurePath, pages: int) -> ParseError:
        """Why a document of so many pages has no text at all."""
        if self._broken:
            return ParseError(
                f"{path} is damaged: none of its {pages} pages can be read",
                hint=f"qpdf {path} mended.pdf, or print it to a new PDF",
            )
        without = f"{path} has no text layer on any of its {pages} pages"
        if self._trouble is not None:
            return ParseError(f"{without}, and {self._trouble.message}", hint=self._trouble.hint)
        if self._ocr is not None:
            return ParseError(
                f"{without}, and OCR ({self._ocr.languages}) finds none either",
                hint="look at it: it may be pictures only, or in another language (tesseract --list-langs)",
            )
        return ParseError(f"{without} and no pictures: they are blank", hint="look at it in its own program")


def _pages(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    most = 10
    listed = ", ".join(str(number) for number in numbers[:most])
    return f"pages {listed}" + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    from pypdfium2 import raw

    width, height = page.get_size()
    for shape in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING], max_depth=4):
        left, bottom, right, top = shape.get_bounds()
        # Inside a form the bounds are the form's own; what is drawn there is taken for large.
        if shape.level or (right - left) * (top - bottom) >= _PICTURE_SHARE * width * height:
            return True
    return False
