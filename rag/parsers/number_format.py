"""How a spreadsheet shows a value: dates, percentages, currencies, by the cell's number format.

It knows the parts of formats that change what a reader reads (digits after the point, thousands, percent,
text around), not colours, fractions or the alignment of columns.
"""

from __future__ import annotations

import datetime as dt
import re

# The digits of a format: 0.00, #,##0, ?/?
_DIGITS = re.compile(r"[0#?](?:[0#?,.]*[0#?])?,*")
_COLOUR_OR_LOCALE = re.compile(r"\[(?!\$)[^\]]*\]|\[\$-[^\]]*\]")
_CURRENCY = re.compile(r"\[\$([^\]-]*)[^\]]*\]")
_FILLER = re.compile(r"[_*].")
_QUOTED = re.compile(r'"([^"]*)"|\\(.)')

# Doubles carry fifteen digits; more are the machine's.
_GENERAL_DIGITS = 15


def shown(value: object, number_format: str = "General") -> str:
    """The value as a reader of the sheet sees it; dates as ISO 8601, whatever order the format has.

    Example:
        >>> shown(0.125, "0.0%"), shown(1234.5, '"$"#,##0.00'), shown(True)
        ('12.5%', '$1,234.50', 'TRUE')
    """
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, number_format)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return _time(value, number_format)
    return "" if value is None else str(value)


def _time(value: dt.date | dt.time | dt.timedelta, number_format: str) -> str:
    if isinstance(value, dt.datetime):
        return _moment(value, number_format)
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, dt.time):
        return value.isoformat("seconds" if value.second else "minutes")
    return value.isoformat()


def _moment(value: dt.datetime, number_format: str) -> str:
    plain = _QUOTED.sub("", number_format).lower()
    if value.time() == dt.time() and "h" not in plain:
        return value.date().isoformat()
    if "h" in plain and not any(letter in plain for letter in "yd"):
        return value.time().isoformat("seconds" if value.second else "minutes")
    return value.isoformat(" ", "seconds" if value.second else "minutes")


def _duration(value: dt.timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _number(value: float, number_format: str) -> str:
    pattern, unsigned = _pattern_for(value, number_format)
    literal = _QUOTED.sub("", pattern)
    if pattern.lower() in {"general", "@", ""} or "e+" in literal.lower() or "/" in literal:
        return _general(value)
    match = _digits(pattern)
    if match is None:
        return _plain(pattern).strip()
    before, digits, after = pattern[: match.start()], match.group(), pattern[match.end() :]
    # Each comma behind the digits leaves out three of them.
    scaled = (abs(value) if unsigned else value) * (100 if "%" in literal else 1)
    scaled /= 1000 ** (len(digits) - len(digits.rstrip(",")))
    written = _with_digits(abs(scaled), digits.rstrip(","))
    sign = "-" if scaled < 0 else ""
    return f"{sign}{_plain(before)}{written}{_plain(after)}".strip()


def _pattern_for(value: float, number_format: str) -> tuple[str, bool]:
    """The part of the format for the value's sign, and whether it writes the sign itself."""
    positive, *others = number_format.split(";")
    negative = others[0] if others else ""
    zero = others[1] if len(others) > 1 else ""
    chosen = (value < 0 and negative) or (value == 0 and zero) or positive
    clean = _FILLER.sub("", _COLOUR_OR_LOCALE.sub("", _CURRENCY.sub(r'"\1"', chosen)))
    return clean, bool(value < 0 and negative)


def _with_digits(value: float, digits: str) -> str:
    whole, _, decimals = digits.partition(".")
    written = f"{value:{',' if ',' in whole else ''}.{len(decimals)}f}"
    if decimals and "0" not in decimals:
        written = written.rstrip("0").rstrip(".")
    head, point, tail = written.partition(".")
    return written if "," in whole else head.zfill(whole.count("0")) + point + tail


def _digits(pattern: str) -> re.Match[str] | None:
    """The pattern's digits, outside of quotes."""
    quoted = [match.span() for match in _QUOTED.finditer(pattern)]
    for match in _DIGITS.finditer(pattern):
        if not any(start <= match.start() < end for start, end in quoted):
            return match
    return None


def _plain(text: str) -> str:
    return _QUOTED.sub(r"\1\2", text)


def _general(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if value == int(value) and abs(value) < 10**_GENERAL_DIGITS:
        return str(int(value))
    return f"{value:.{_GENERAL_DIGITS}g}"
