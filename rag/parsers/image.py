"""Pictures of text (PNG, JPEG, TIFF, WebP, BMP, GIF): a section a picture, by OCR.

What a picture shows besides text is not described.
"""

from __future__ import annotations

import io
import re
import struct
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.ocr import Ocr
from rag.parsers.pdf_page import strips_of
from rag.parsers.pdf_paragraphs import page_text
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from PIL.Image import Image

    from rag.parsers.options import ParseOptions

# A page of A0 at 300 dpi has 140 million pixels.
_MOST_PIXELS = 150_000_000
_MOST_FRAMES = 500

# Tesseract wants small letters about twenty pixels high: a screenshot is enlarged, a photograph made smaller.
_SMALL_SIDE, _LARGE_SIDE = 1_500, 7_000

# EXIF's DateTime: 2026:11:26 17:21:00.
_EXIF_DATE_TAG = 306
_EXIF_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")

# What Pillow lets through on damaged pictures, besides its own errors, which are OSErrors.
_DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, MemoryError)


def parse(content: bytes, path: PurePath, options: ParseOptions) -> ParsedDocument:
    """The text of each picture in the file; only TIFF and GIF hold several.

    Raises:
        ParseError: it is damaged or too large, Tesseract is not installed, or no text is found.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            frames = getattr(picture, "n_frames", 1)
            _require_reasonable(picture, frames, path)
            ocr = _ocr(options, path)
            sections = tuple(_sections(picture, frames, ocr))
            metadata = _metadata(picture)
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint="open it in a picture program and save it again",
        ) from error
    if not sections:
        raise ParseError(
            f"{path} is a picture in which OCR ({ocr.languages}) finds no text",
            hint="look at it: it may show no text, or text in another language (tesseract --list-langs)",
        )
    return ParsedDocument(
        title=path.stem,
        format="image",
        sections=sections,
        metadata=metadata,
        notes=(f"read by OCR (Tesseract, {ocr.languages})",),
    )


def _require_reasonable(picture: Image, frames: int, path: PurePath) -> None:
    pixels = picture.width * picture.height
    if pixels > _MOST_PIXELS:
        raise ParseError(
            f"{path} has {pixels:,} pixels; at most {_MOST_PIXELS:,} are read",
            hint=f"convert {path} -resize 7000x7000 smaller.png",
        )
    if frames > _MOST_FRAMES:
        raise ParseError(
            f"{path} holds {frames:,} pictures; at most {_MOST_FRAMES:,} are read", hint="split it"
        )


def _ocr(options: ParseOptions, path: PurePath) -> Ocr:
    try:
        return Ocr.start(options)
    except ParseError as error:
        raise ParseError(f"{path} is a picture, and {error.message}", hint=error.hint) from error


def _sections(picture: Image, frames: int, ocr: Ocr) -> Iterator[Section]:
    for number in range(frames):
        picture.seek(number)
        seen = ocr.read(_sized(picture))
        text = page_text(strips_of(seen.words, ()))
        if text.strip():
            yield Section(text, page=number + 1 if frames > 1 else None)


def _sized(picture: Image) -> Image:
    longest = max(picture.size)
    grey = _on_white(picture).convert("L")
    if longest < _SMALL_SIDE:
        return grey.resize((grey.width * 2, grey.height * 2))
    if longest > _LARGE_SIDE:
        grey.thumbnail((_LARGE_SIDE, _LARGE_SIDE))
    return grey


def _on_white(picture: Image) -> Image:
    """Black letters on a transparent ground would be black on black."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture
    clear = picture.convert("RGBA")
    ground = clear.copy()
    ground.paste((255, 255, 255, 255), (0, 0, *clear.size))
    ground.alpha_composite(clear)
    return ground


def _metadata(picture: Image) -> dict[str, str]:
    match = _EXIF_DATE.match(str(picture.getexif().get(_EXIF_DATE_TAG, "")))
    return {"created": "{}-{}-{}T{}".format(*match.groups())} if match else {}
