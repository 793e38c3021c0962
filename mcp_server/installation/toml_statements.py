"""TOML taken apart into its statements, each with its place in the text.

It finds where keys, values and headers begin and end, and nothing else: what a text means, and whether it is
TOML at all, is ``tomllib``'s to say.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any, Final

from mcp_server.installation.slot import place

# Behind the opening of a string, up to its end.
_STRINGS: Final = {
    '"""': re.compile(r'(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    "'''": re.compile(r"(?:.*?)'''(?:'{0,2})", re.DOTALL),
    '"': re.compile(r'(?:[^"\\\r\n]|\\.)*"'),
    "'": re.compile(r"[^'\r\n]*'"),
}
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANKS: Final = " \t"


@dataclass(frozen=True, slots=True)
class Statement:
    """A header or a key with its value.

    Attributes:
        keys: in full, those of the header above it among them.
        start: where its line begins.
        end: behind it, without what follows on its line.
        value: where a key's value begins; None for a header.
        header: the keys of the header that it stands under; of a header, its own.
        is_array: a header in two brackets.
    """

    keys: tuple[str, ...]
    start: int
    end: int
    value: int | None
    header: tuple[str, ...]
    is_array: bool = False


def read_document(text: str) -> dict[str, Any]:
    """The document.

    Raises:
        ValueError: it is no TOML; the message has line and column.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_as_others_say(str(error), text)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_statements(text: str) -> list[Statement]:
    """All statements of a text that is TOML, in their order."""
    found: list[Statement] = []
    header: tuple[str, ...] = ()
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        start = at
        at = _skip_blanks(text, at)
        if at == len(text) or text[at] in "#\r\n":
            at = line_end(text, at)
            continue
        if text[at] == "[":
            is_array = text.startswith("[[", at)
            header, end = read_keys(text, at + (2 if is_array else 1))
            end += 2 if is_array else 1
            found.append(Statement(header, start, end, None, header, is_array))
        else:
            keys, equals = read_keys(text, at)
            value = _skip_blanks(text, equals + 1)
            end = value_end(text, value)
            found.append(Statement((*header, *keys), start, end, value, header))
        at = line_end(text, end)
    return found


def read_keys(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """Dotted keys from a position on, and where they are followed by something else."""
    keys = []
    while True:
        at = _skip_blanks(text, at)
        bare = _BARE.match(text, at)
        end = bare.end() if bare else _string_end(text, at)
        keys.append(bare[0] if bare else str(tomllib.loads(f"k = {text[at:end]}")["k"]))
        at = _skip_blanks(text, end)
        if text[at : at + 1] != ".":
            return tuple(keys), at
        at += 1


def value_end(text: str, at: int) -> int:
    """Behind a value: a string, an array, an inline table or one word."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _string_end(text, at)
        elif character in "[{":
            depth, at = depth + 1, at + 1
        elif character in "]}":
            if depth == 0:
                break
            depth, at = depth - 1, at + 1
        elif character == "#":
            if depth == 0:
                break
            at = line_end(text, at)
        elif depth == 0 and character in ",\r\n":
            break
        else:
            at += 1
    while depth == 0 and at and text[at - 1] in _BLANKS:
        at -= 1
    return at


def line_end(text: str, at: int) -> int:
    """Behind the end of the position's line."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _string_end(text: str, at: int) -> int:
    opening = text[at : at + 3] if text[at : at + 3] in _STRINGS else text[at]
    match = _STRINGS[opening].match(text, at + len(opening))
    return match.end() if match else len(text)


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _as_others_say(message: str, text: str) -> str:
    """``tomllib`` puts the place last and in brackets; the other formats' messages begin with it."""
    said, _, where = message.rpartition(" (at ")
    if where == "end of document)":
        where = place(text, len(text))
    return f"{where.removesuffix(')')}: {said}" if said else message
