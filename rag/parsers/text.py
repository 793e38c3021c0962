"""Plain text: one section, stored as it stands, so that line numbers are the file's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text

if TYPE_CHECKING:
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# In prose, a first line up to this many characters that stands alone and does not end like a sentence is
# taken for a title. Program text and tables of values have none.
_TITLE_CHARACTERS = 80
_PROSE_SUFFIXES = frozenset({"", ".txt", ".text"})
_SENTENCE_ENDS = tuple(".,;:!?。，；：！？")


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The file as one section.

    Raises:
        ParseError: its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    text = decoded.text
    title = _title(text) if path.suffix.lower() in _PROSE_SUFFIXES else ""
    return ParsedDocument(
        title=title or path.stem, format="text", sections=(Section(text),), notes=decoded.notes
    )


def _title(text: str) -> str:
    first, *rest = text.lstrip().splitlines()[:2] or [""]
    alone = not rest or not rest[0].strip()
    short = len(first) <= _TITLE_CHARACTERS and not first.rstrip().endswith(_SENTENCE_ENDS)
    return first.strip() if alone and short else ""
