"""A PDF page's words and ruling lines with their places, as PDFium reports them.

Places are points (1/72 inch) with the origin at the top left of the text as it is read: a page whose text
runs upwards is turned first. Nothing here knows columns, tables or paragraphs.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pypdfium2

# PDFium writes the hyphen at a line's end as one of these and leaves the line break out.
_LINE_END_HYPHENS = frozenset({0x02, 0xFFFE})

# Bullets of symbol fonts, whose letters have no meaning outside of them.
_BULLETS = {0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "➢", 0xF0FC: "✓", 0xF076: "❖", 0xF06C: "●"}

# A space that nobody typed: where two letters stand further apart than this share of the type's size.
_WORD_GAP_EM = 0.28

# Text that leans more than this from the nearest quarter turn is a watermark or a picture's label.
_OBLIQUE_RADIANS = 0.17
_QUARTER_TURN = math.pi / 2

# A page drawn with more shapes than this is a plot or a map; its lines rule no table.
_MAX_SHAPES = 4_000
_MAX_SEGMENTS = 400

# A rule is thin, and longer than a letter is wide. Points.
_RULE_THICKNESS = 3.0
_RULE_LENGTH = 8.0


class Box(NamedTuple):
    """A rectangle; ``y`` grows downwards."""

    x0: float
    top: float
    x1: float
    bottom: float

    @property
    def height(self) -> float:
        """Points from top to bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The height half-way down."""
        return (self.top + self.bottom) / 2

    def joined(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.x0, other.x0),
            min(self.top, other.top),
            max(self.x1, other.x1),
            max(self.bottom, other.bottom),
        )

    def beside(self, other: Box) -> bool:
        """Whether both stand on one line: half of the lower one lies at the height of the other."""
        overlap = min(self.bottom, other.bottom) - max(self.top, other.top)
        return overlap > min(self.height, other.height) / 2

    def holds(self, other: Box) -> bool:
        """Whether the other's middle lies inside."""
        across = (other.x0 + other.x1) / 2
        return self.x0 <= across <= self.x1 and self.top <= other.middle <= self.bottom


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a space between them.

    Attributes:
        box: as high as the type is, whatever its letters are.
        follows: whether the page's own order puts it after the word before it on the same line.
    """

    text: str
    box: Box
    follows: bool


class Rule(NamedTuple):
    """A straight line, horizontal or vertical."""

    x0: float
    top: float
    x1: float
    bottom: float

    @property
    def is_horizontal(self) -> bool:
        """Whether it runs from left to right."""
        return self.x1 - self.x0 >= self.bottom - self.top


@dataclass(frozen=True, slots=True)
class PageText:
    """What is written on a page.

    Attributes:
        words: those that run in the page's main direction, in the order of the file.
        aside: the words in other directions (a stamp along the margin, a watermark), joined.
        rules: straight lines.
        turn: quarter turns that the page's main direction was turned by.
        height_points: of the page, as it is read.
    """

    words: tuple[Word, ...]
    aside: str
    rules: tuple[Rule, ...]
    turn: int
    width_points: float
    height_points: float


class _Letter(NamedTuple):
    character: str
    box: Box
    turn: int  # quarter turns, or -1 for oblique


def read_page(page: pypdfium2.PdfPage) -> PageText:
    """The page's words and rules."""
    letters, sheet = _letters(page), _sheet(page)
    counts = Counter(letter.turn for letter in letters if letter is not None)
    turn = max((0, 1, 2, 3), key=lambda quarter: counts[quarter])
    words = tuple(_words(letters, turn, sheet))
    aside = "".join(
        " " if letter is None else letter.character
        for letter in letters
        if letter is None or letter.turn != turn
    )
    width, height = sheet[2] - sheet[0], sheet[3] - sheet[1]
    if turn % 2:
        width, height = height, width
    rules = tuple(_rules(page, turn, sheet)) if words else ()
    return PageText(words, " ".join(aside.split()), rules, turn, width, height)


def _sheet(page: pypdfium2.PdfPage) -> tuple[float, float, float, float]:
    """Left, bottom, right and top in the page's own coordinates, which its /Rotate does not turn."""
    left, bottom, right, top = page.get_cropbox()
    return left, bottom, right, top


def _turned(box: tuple[float, float, float, float], turn: int, sheet: tuple[float, ...]) -> Box:
    """From PDF's coordinates (left, bottom, right, top; y upwards) to places as they are read."""
    left, bottom, right, top = box
    if turn == 0:
        return Box(left - sheet[0], sheet[3] - top, right - sheet[0], sheet[3] - bottom)
    if turn == 1:  # the text runs downwards
        return Box(sheet[3] - top, sheet[2] - right, sheet[3] - bottom, sheet[2] - left)
    if turn == 2:  # noqa: PLR2004 (upside down)
        return Box(sheet[2] - right, bottom - sheet[1], sheet[2] - left, top - sheet[1])
    return Box(bottom - sheet[1], left - sheet[0], top - sheet[1], right - sheet[0])  # upwards


def _letters(page: pypdfium2.PdfPage) -> list[_Letter | None]:
    """Every letter in the order of the file; None for a space or a line's end."""
    from pypdfium2 import raw

    textpage = page.get_textpage()
    handle = textpage.raw
    rect = raw.FS_RECTF()
    letters: list[_Letter | None] = []
    for index in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(handle, index)
        if code in _LINE_END_HYPHENS:
            code = 0x2D
        if code <= 0x20 or code == 0xA0 or 0xD800 <= code < 0xE000:  # noqa: PLR2004 (space; half a pair)
            letters.append(None)
            continue
        if not raw.FPDFText_GetLooseCharBox(handle, index, rect):
            continue
        angle = raw.FPDFText_GetCharAngle(handle, index)
        nearest = round(angle / _QUARTER_TURN)
        oblique = abs(angle - nearest * _QUARTER_TURN) > _OBLIQUE_RADIANS
        box = Box(rect.left, rect.bottom, rect.right, rect.top)
        letters.append(_Letter(_BULLETS.get(code) or chr(code), box, -1 if oblique else nearest % 4))
    textpage.close()
    return letters


def _words(letters: list[_Letter | None], turn: int, sheet: tuple[float, ...]) -> Iterator[Word]:
    text = ""
    box: Box | None = None
    before: Box | None = None
    for letter in letters:
        place = None if letter is None or letter.turn != turn else _turned(letter.box, turn, sheet)
        if box is not None and (place is None or not _goes_on(box, place)):
            yield Word(text, box, before is not None and before.beside(box) and before.x0 < box.x0)
            text, box, before = "", None, box
        if letter is not None and place is not None:
            text += letter.character
            box = place if box is None else box.joined(place)
    if box is not None:
        yield Word(text, box, before is not None and before.beside(box) and before.x0 < box.x0)


def _goes_on(word: Box, letter: Box) -> bool:
    """Whether the letter belongs to the word: on its line and right behind it."""
    gap = letter.x0 - word.x1
    return word.beside(letter) and gap < _WORD_GAP_EM * word.height and letter.x0 >= word.x0


def _rules(page: pypdfium2.PdfPage, turn: int, sheet: tuple[float, ...]) -> Iterator[Rule]:
    from pypdfium2 import raw

    shapes = [
        shape
        for index in range(raw.FPDFPage_CountObjects(page.raw))
        if raw.FPDFPageObj_GetType(shape := raw.FPDFPage_GetObject(page.raw, index)) == raw.FPDF_PAGEOBJ_PATH
    ]
    if len(shapes) > _MAX_SHAPES:
        return
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for shape in shapes:
        if not raw.FPDFPageObj_GetBounds(shape, left, bottom, right, top):
            continue
        bounds = _turned((left.value, bottom.value, right.value, top.value), turn, sheet)
        if min(bounds.x1 - bounds.x0, bounds.height) <= _RULE_THICKNESS:
            yield from _rule(bounds)
        elif raw.FPDFPath_CountSegments(shape) <= _MAX_SEGMENTS:
            for one, other in _segments(shape):
                yield from _rule(_turned(_span(one, other), turn, sheet))


def _rule(box: Box) -> Iterator[Rule]:
    """The line along a thin box's middle, if it is long enough to rule anything."""
    width, height = box.x1 - box.x0, box.height
    if max(width, height) < _RULE_LENGTH or min(width, height) > _RULE_THICKNESS:
        return
    if width >= height:
        yield Rule(box.x0, box.middle, box.x1, box.middle)
    else:
        across = (box.x0 + box.x1) / 2
        yield Rule(across, box.top, across, box.bottom)


def _span(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float, float, float]:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])


def _segments(shape: object) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The straight strokes of a shape, as pairs of points in the page's coordinates."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(shape, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = (0.0, 0.0)
    for index in range(raw.FPDFPath_CountSegments(shape)):
        segment = raw.FPDFPath_GetPathSegment(shape, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield last, point
        last = point
        if raw.FPDFPathSegment_GetClose(segment):
            yield point, start
            last = start
