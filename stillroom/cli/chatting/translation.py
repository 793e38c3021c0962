"""Messages of the program in another language, by a catalogue of forms; what has no form stays as it is.

Errors are made in English where they happen, for models, scripts and logs as well. A person who chats in
another language is shown them by form: ``no model answers at {address}: {cause}``. Pure.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PLACE: Final = re.compile(r"\{(\w+)\}")
# How a tool's failure is told to a model: what was wrong, and what to try.
_FAILED: Final = "Error: "
_MOST_BRACKETS: Final = 8


class Form(NamedTuple):
    """A sentence of the program, and the same in another language; names in braces are taken over."""

    english: str
    other: str


def translated(text: str, forms: Sequence[Form]) -> str:
    """The text by the first form that it has; else as it is. So is a hint that stands behind a semicolon.

    Example:
        >>> forms = [Form("no model answers at {address}", "{address} 没有模型应答")]
        >>> translated("no model answers at http://h/v1", forms)
        'http://h/v1 没有模型应答'
    """
    told = _by_form(text, forms)
    if told is not None:
        return told
    message, semicolon, hint = text.rpartition("; ")
    told = _by_form(message, forms) if semicolon else None
    return text if told is None else f"{told}；{_by_form(hint, forms) or hint}"


def translated_lines(text: str, forms: Sequence[Form]) -> str:
    """Each line by itself. The text has to be the program's own: a file may have lines like its sentences."""
    return "\n".join(translated(line, forms) for line in text.splitlines()) if forms else text


def translated_failure(text: str, forms: Sequence[Form], *, failed: str) -> str:
    """Why a tool's call failed, with its hint.

    Args:
        text: as the model is given it.
        forms: of a language.
        failed: stands for the word with which an error begins.
    """
    if not forms or not text.startswith(_FAILED):
        return text
    said = text.removeprefix(_FAILED)
    for message, hint in _with_hint(said):
        if (tried := _by_form(hint, forms)) is not None:
            return f"{failed}{translated(message, forms)}（{tried}）"
    return f"{failed}{translated(said, forms)}"


def _with_hint(said: str) -> Iterator[tuple[str, str]]:
    """Where the hint in brackets at the end of an error may begin; brackets may stand in both parts."""
    at = said.find(" (") if said.endswith(")") else -1
    for _ in range(_MOST_BRACKETS):
        if at < 0:
            return
        yield said[:at], said[at + 2 : -1]
        at = said.find(" (", at + 1)


def _by_form(text: str, forms: Sequence[Form], *, deep: bool = True) -> str | None:
    for form in forms:
        values = _values(text, form.english)
        if values is None:
            continue
        # What stands within may be a sentence of ours too, and no deeper: a server's text could nest on.
        filled = {
            name: (deep and _by_form(value, forms, deep=False)) or value for name, value in values.items()
        }
        return "".join(filled.get(piece, piece) if odd else piece for odd, piece in _pieces(form.other))
    return None


def _pieces(form: str) -> Iterator[tuple[bool, str]]:
    """Words and names of a form in turn; true for a name."""
    for number, piece in enumerate(_PLACE.split(form)):
        yield number % 2 == 1, piece


@cache
def _parts(form: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a form that stand fast, and the names between them."""
    pieces = _PLACE.split(form)
    return tuple(pieces[::2]), tuple(pieces[1::2])


def _values(text: str, form: str) -> Mapping[str, str] | None:
    """What stands at the names of the form; None where the text does not have it.

    Read once from left to right, so that no text of a server takes long.
    """
    words, names = _parts(form)
    first, last = words[0], words[-1]
    if not names:
        return {} if text == form else None
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return None
    values: dict[str, str] = {}
    at, end = len(first), len(text) - len(last)
    for name, word in zip(names[:-1], words[1:-1], strict=True):
        found = text.find(word, at, end)
        if found < 0:
            return None
        values[name] = text[at:found]
        at = found + len(word)
    values[names[-1]] = text[at:end]
    return values if all(values.values()) else None
