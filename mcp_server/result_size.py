"""How much one result may hold, as text and as structured data: what does not fit waits for the next call.

Pure. Both are counted in characters, the data as the JSON that a client reads.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agents.result_pages import PAGE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

# About 2,000 tokens of English or 5,000 of Chinese; Claude Code warns at 10,000 tokens and cuts at 25,000.
RESULT_CHARACTERS: Final = PAGE_CHARACTERS
# For what stands around a list or a text: names of fields, notes, a cursor.
FRAME_CHARACTERS: Final = 700
_TWO_IN_JSON: Final = frozenset('"\\\n\r\t\b\f')
_ESCAPE_CHARACTERS: Final = 5


def json_characters(value: Any) -> int:  # noqa: ANN401 - any JSON value, or a dataclass of them
    r"""Length of the value as JSON.

    Example:
        >>> json_characters({"text": "a\nb"})
        16
    """
    is_instance = dataclasses.is_dataclass(value) and not isinstance(value, type)
    plain = dataclasses.asdict(value) if is_instance else value
    return len(json.dumps(plain, ensure_ascii=False))


def beginning(text: str, room: int) -> str:
    r"""As much of the text as takes ``room`` characters within JSON.

    Example:
        >>> beginning("ab\ncd", 4)
        'ab\n'
    """
    lengths = itertools.accumulate(map(_length_in_json, text))
    return text[: sum(1 for _ in itertools.takewhile(lambda length: length <= room, lengths))]


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning with three dots where it takes more than ``limit`` characters as JSON."""
    short = beginning(text, limit)
    return text if len(short) == len(text) else f"{beginning(text, limit - 3).rstrip()}..."


def first_that_fit(
    items: Iterable[T], room: int, size: Callable[[T], int] = json_characters
) -> tuple[T, ...]:
    """The first items that take ``room`` characters together, with a comma and a space between them."""
    kept: list[T] = []
    for item in items:
        room -= size(item) + len(", ")
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def _length_in_json(character: str) -> int:
    if character in _TWO_IN_JSON:
        return 2
    return 1 if character >= " " else 1 + _ESCAPE_CHARACTERS
