"""Markdown: a section a heading, with the headings above it; the text keeps its marks and its lines.

Passages are quoted from the file itself, so nothing is rendered or removed. Headings inside code fences do
not count. It knows ATX headings (``## Title``) and underlined ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{3,})[ \t]*$")
_FRONT_TITLE = re.compile(r"\A---\n(?:.*\n)*?title:[ \t]*[\"']?(.*?)[\"']?[ \t]*\n(?:.*\n)*?---\n")
_MARKS = re.compile(r"[*_`]+|\[([^\]]*)\]\([^)]*\)")


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The file's sections by heading.

    Raises:
        ParseError: its encoding is not recognized.
    """
    text = decode(content, path).replace("\r\n", "\n").replace("\r", "\n")
    sections = tuple(split_by_headings(text))
    return ParsedDocument(title=_title(text, sections) or path.stem, format="markdown", sections=sections)


def split_by_headings(text: str) -> Iterator[Section]:
    """The text's sections; each begins with its heading's line, which is also the last of its headings.

    Put together they are the text to the character: line numbers stay those of the file.
    """
    path: list[tuple[int, str]] = []
    start = 0
    for offset, level, heading in _headings(text):
        # Blank lines above the first heading are its section's.
        if text[start:offset].strip():
            yield _section(text[start:offset], path)
            start = offset
        path = [(depth, name) for depth, name in path if depth < level] + [(level, heading)]
    yield _section(text[start:], path)


def _section(text: str, path: list[tuple[int, str]]) -> Section:
    return Section(text, heading=tuple(name for _, name in path))


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Offset, level and words of each heading outside code fences and front matter."""
    fence = ""
    previous, previous_offset = "", 0
    offset = len(front.group()) if (front := _FRONT_TITLE.match(text)) else 0
    for line in text[offset:].splitlines(keepends=True):
        bare = line.rstrip("\n")
        mark = _FENCE.match(bare)
        if mark and (not fence or bare.strip().startswith(fence)):
            fence = "" if fence else mark.group(1)
        elif not fence:
            if atx := _ATX.match(bare):
                yield offset, len(atx.group(1)), _plain(atx.group(2))
            elif (under := _UNDERLINE.match(bare)) and _can_be_underlined(previous):
                yield previous_offset, 1 if under.group(1)[0] == "=" else 2, _plain(previous.strip())
        previous, previous_offset = bare, offset
        offset += len(line)


def _can_be_underlined(line: str) -> bool:
    return bool(line.strip()) and not _ATX.match(line) and line.lstrip()[0] not in "|>-*+`~"


def _plain(heading: str) -> str:
    return _MARKS.sub(lambda match: match.group(1) or "", heading).strip()


def _title(text: str, sections: tuple[Section, ...]) -> str:
    if front := _FRONT_TITLE.match(text):
        return front.group(1)
    return next((section.heading[0] for section in sections if section.heading), "")
