"""Markdown: a section a heading, with the headings above it; the text keeps its marks and its lines.

Passages are quoted from the file itself, so nothing is rendered or removed. Headings inside code fences and
comments do not count. It knows ATX headings (``## Title``), underlined ones and HTML's on one line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text
from rag.parsers.front_matter import front_matter
from rag.parsers.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

_FENCE: Final = re.compile(r"^(?: {0,3}|[ \t]*(?:[-*+]|\d+[.)])[ \t]+)(`{3,}|~{3,})")
_CLOSING: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*$")
_ATX: Final = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?)(?:[ \t]+#+)?)?[ \t]*$")
_HTML_HEADING: Final = re.compile(r"^ {0,3}<h([1-6])\b[^>]*>(.*?)</h\1>[ \t]*$", re.IGNORECASE)
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_MARKS: Final = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)|<[^<>]*>")


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The file's sections by heading, and what its front matter says.

    Raises:
        ParseError: its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    length, said = front_matter(text)
    sections = tuple(split_by_headings(text, skipped=length))
    heading = next((section.heading[0] for section in sections if section.heading), "")
    return ParsedDocument(
        title=said.get("title") or heading or path.stem,
        format="markdown",
        sections=sections,
        metadata={key: value for key, value in said.items() if key != "title"},
        notes=decoded.notes,
    )


def split_by_headings(
    text: str, outline: Outline | None = None, *, skipped: int = 0, place: str = ""
) -> Iterator[Section]:
    r"""The text's sections; each begins with its heading's line, which is also the last of its headings.

    Put together they are the text to the character: line numbers stay those of the file.

    Args:
        text: with ``\n`` as its line ends.
        outline: the headings above the text, which its own come below; it is kept up to date.
        skipped: characters at the beginning in which no headings stand.
        place: of all sections.
    """
    outline = outline or Outline()
    start = 0
    for offset, level, heading in _headings(text, skipped):
        # Blank lines above the first heading are its section's.
        if text[start:offset].strip():
            yield Section(text[start:offset], heading=outline.headings, place=place)
            start = offset
        outline.enter(level, heading)
    yield Section(text[start:], heading=outline.headings, place=place)


def _headings(text: str, skipped: int) -> Iterator[tuple[int, int, str]]:
    """Offset, level and words of each heading outside code fences, comments and what is skipped."""
    fence, in_comment = "", False
    previous, previous_offset = "", 0
    offset = skipped
    for line in text[skipped:].splitlines(keepends=True):
        bare = line.rstrip("\n")
        if fence:
            closing = _CLOSING.match(bare)
            fence = "" if closing and closing.group(1).startswith(fence) else fence
            bare = ""
        elif in_comment or bare.lstrip().startswith("<!--"):
            in_comment = "-->" not in bare
            bare = ""
        elif mark := _FENCE.match(bare):
            fence, bare = mark.group(1), ""
        elif found := _heading(bare):
            yield offset, *found
        elif (under := _UNDERLINE.match(bare)) and _can_be_underlined(previous):
            yield previous_offset, 1 if under.group(1)[0] == "=" else 2, _plain(previous)
        previous, previous_offset = bare, offset
        offset += len(line)


def _heading(line: str) -> tuple[int, str] | None:
    if atx := _ATX.match(line):
        return len(atx.group(1)), _plain(atx.group(2) or "")
    if html := _HTML_HEADING.match(line):
        return int(html.group(1)), _plain(html.group(2))
    return None


def _can_be_underlined(line: str) -> bool:
    """Whether it is a paragraph's line: no heading, table, quote, list or code."""
    return (
        bool(line.strip()) and not _heading(line) and line.lstrip()[0] not in "|>-*+`~<" and line[0] != "\t"
    )


def _plain(heading: str) -> str:
    return " ".join(_MARKS.sub(lambda match: match.group(1) or "", heading).split())
