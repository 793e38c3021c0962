"""Which paragraphs of a binary Word document are headings, from its style sheet and its pages of properties.

Offsets and names are those of [MS-DOC]. Nothing here knows the text.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where the information block says where the table stream has the style sheet and the list of property pages.
_STYLES_AT, _PAGES_AT = 0xA2, 0x102

# Numbers of built-in styles: 1 to 9 are the headings, 62 is the title.
_TITLE = 62
_DEEPEST_HEADING = 9

_PAGE_BYTES = 512
_ENTRY_BYTES = 13


def heading_starts(main: bytes, table: bytes) -> list[tuple[int, int]]:
    """Where headings begin in the ``WordDocument`` stream, with their levels; 0 is a title.

    Nothing, where the styles cannot be made out: the text does not depend on them.
    """
    try:
        levels = _levels(_part(main, table, _STYLES_AT))
        return [
            (start, levels[style])
            for start, style in _paragraphs(main, _part(main, table, _PAGES_AT))
            if style in levels
        ]
    except (struct.error, IndexError):
        return []


def _part(main: bytes, table: bytes, at: int) -> bytes:
    start, length = struct.unpack_from("<II", main, at)
    return table[start : start + length]


def _levels(sheet: bytes) -> dict[int, int]:
    """Heading levels by the style's index in the sheet."""
    header_bytes, count = struct.unpack_from("<HH", sheet)
    position = 2 + header_bytes
    levels: dict[int, int] = {}
    for index in range(count):
        (style_bytes,) = struct.unpack_from("<H", sheet, position)
        if style_bytes:
            built_in = struct.unpack_from("<H", sheet, position + 2)[0] & 0x0FFF
            if 1 <= built_in <= _DEEPEST_HEADING or built_in == _TITLE:
                levels[index] = 0 if built_in == _TITLE else built_in
        position += 2 + style_bytes + style_bytes % 2
    return levels


def _paragraphs(main: bytes, pages: bytes) -> Iterator[tuple[int, int]]:
    """Where each paragraph begins, with its style's index."""
    count = (len(pages) - 4) // 8
    for (number,) in struct.iter_unpack("<I", pages[4 * (count + 1) : 4 * (2 * count + 1)]):
        start = (number & 0x3FFFFF) * _PAGE_BYTES
        page = main[start : start + _PAGE_BYTES]
        runs = page[_PAGE_BYTES - 1]
        starts = struct.unpack_from(f"<{runs + 1}I", page)
        for run in range(runs):
            place = 2 * page[4 * (runs + 1) + _ENTRY_BYTES * run]
            if place:
                # A length in words, or zero and then a length in other words.
                yield starts[run], struct.unpack_from("<H", page, place + (1 if page[place] else 2))[0]
