"""The numbers that Word writes before paragraphs and no file holds: ``1.2``, ``(a)``, ``第三章``, bullets.

It counts as the paragraphs come; it knows numbering definitions, not text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.office_package import attribute, child, descendants, local_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element

_PLACEHOLDER = re.compile(r"%(\d)")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_ROMAN_SMALL = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_HAN_DIGITS = "〇一二三四五六七八九"
_HAN_UNITS = ("", "十", "百", "千")
_HAN_KINDS = ("chinese", "ideograph", "japaneseCounting", "taiwaneseCounting")
_HAN_LIMIT = 10_000
_CIRCLED_FIRST, _CIRCLED = ord("①"), 20


@dataclass(frozen=True, slots=True)
class _Level:
    kind: str
    text: str
    start: int


class Numbering:
    """Labels of the paragraphs of one document.

    Args:
        root: of ``word/numbering.xml``, or None where there is none.
    """

    def __init__(self, root: _Element | None) -> None:
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._numbers: dict[str, tuple[str, dict[int, int]]] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._restarted: set[tuple[str, int]] = set()
        for element in root if root is not None else ():
            if local_name(element) == "abstractNum":
                self._abstract[attribute(element, "abstractNumId") or ""] = _levels(element)
            elif local_name(element) == "num":
                self._read_number(element)

    def _read_number(self, element: _Element) -> None:
        overrides: dict[int, int] = {}
        for override in descendants(element, "lvlOverride"):
            start = attribute(child(override, "startOverride"), "val")
            if start is not None:
                overrides[_number(attribute(override, "ilvl"))] = _number(start)
        abstract = attribute(child(element, "abstractNumId"), "val") or ""
        self._numbers[attribute(element, "numId") or ""] = (abstract, overrides)

    def label(self, number_id: str, level: int) -> str:
        """The next label of a list at a level from 0: ``1.2``, ``-`` for any bullet, or empty for none."""
        abstract, overrides = self._numbers.get(number_id, ("", {}))
        levels = self._abstract.get(abstract, {})
        if level not in levels:
            return ""
        counts = self._counts.setdefault(abstract, {})
        if level in overrides and (number_id, level) not in self._restarted:
            self._restarted.add((number_id, level))
            counts[level] = overrides[level]
        else:
            counts[level] = counts[level] + 1 if level in counts else levels[level].start
        for deeper in [depth for depth in counts if depth > level]:
            del counts[deeper]
        return _written(levels, level, counts)


def _levels(element: _Element) -> dict[int, _Level]:
    levels = {}
    for level in element:
        if local_name(level) == "lvl":
            levels[_number(attribute(level, "ilvl"))] = _Level(
                kind=attribute(child(level, "numFmt"), "val") or "decimal",
                text=attribute(child(level, "lvlText"), "val") or "",
                start=_number(attribute(child(level, "start"), "val"), 1),
            )
    return levels


def _written(levels: Mapping[int, _Level], level: int, counts: Mapping[int, int]) -> str:
    own = levels[level]
    if own.kind == "bullet":
        return "-"
    if own.kind == "none":
        return ""

    def number(match: re.Match[str]) -> str:
        depth = int(match.group(1)) - 1
        kind = levels[depth].kind if depth in levels else "decimal"
        start = levels[depth].start if depth in levels else 1
        return formatted(counts.get(depth, start), kind)

    return _PLACEHOLDER.sub(number, own.text).strip()


def formatted(number: int, kind: str) -> str:
    """A number in one of Word's formats; those that are not known are written as digits.

    Example:
        >>> formatted(14, "lowerRoman"), formatted(28, "lowerLetter"), formatted(12, "chineseCounting")
        ('xiv', 'bb', '十二')
    """
    if kind in {"lowerLetter", "upperLetter"} and number > 0:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if kind == "lowerLetter" else letter.upper()
    if kind in {"lowerRoman", "upperRoman"} and number > 0:
        roman = _roman(number)
        return roman if kind == "lowerRoman" else roman.upper()
    if kind == "decimalZero":
        return f"{number:02}"
    if kind.startswith("decimalEnclosedCircle") and 0 < number <= _CIRCLED:
        return chr(_CIRCLED_FIRST + number - 1)
    if kind.startswith(_HAN_KINDS) and 0 < number < _HAN_LIMIT:
        return _han(number)
    return str(number)


def _roman(number: int) -> str:
    written = ""
    for value, letters in (*_ROMAN, *_ROMAN_SMALL):
        written += letters * (number // value)
        number %= value
    return written


def _han(number: int) -> str:
    digits = [int(digit) for digit in str(number)]
    written = ""
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit:
            written += _HAN_DIGITS[digit] + _HAN_UNITS[place]
        elif written and not written.endswith("零") and any(digits[len(digits) - place :]):
            written += "零"
    return written.removeprefix("一") if written.startswith("一十") else written


def _number(text: str | None, default: int = 0) -> int:
    return int(text) if text is not None and text.lstrip("-").isdigit() else default
