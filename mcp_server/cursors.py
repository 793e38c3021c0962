"""Cursors: where a list or a text goes on, as one opaque word that a client hands back.

Pure. A cursor gives no right to anything: whatever it names is looked up like any other argument.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from stillroom.errors import ToolError

_SHOWN_CHARACTERS: Final = 40
_DIGEST_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place to go on at.

    Attributes:
        of: the tool or method that gave it, and takes it back.
        offset: how much went before.
        key: what it goes on in, or after: a document's id, or empty.
        about: digest of the other arguments, which must be the same again; see `digest`.

    Example:
        >>> read_cursor(Cursor("search_library", 5).word, "search_library").offset
        5
    """

    of: str
    offset: int
    key: str = ""
    about: str = ""

    @property
    def word(self) -> str:
        """The cursor as it is given to a client."""
        packed = json.dumps([self.of, self.offset, self.key, self.about], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read_cursor(word: str, of: str, *, about: str | None = "") -> Cursor:
    """The place that a client hands back.

    Args:
        word: as a client wrote it.
        of: who asks.
        about: of the arguments beside it; None where who asks judges them, as some may be left out.

    Raises:
        ToolError: it is none that ``of`` gave, or one of other arguments.
    """
    cursor = _unpacked(word)
    if cursor is None or cursor.of != of:
        raise ToolError(
            f"{of}: {_shown(word)} is no cursor of {of}: needed is next_cursor of the result before",
            hint=f"{of} without cursor begins anew",
        )
    if about is not None and cursor.about != about:
        raise other_arguments(word, of)
    return cursor


def other_arguments(word: str, of: str) -> ToolError:
    """The error where a cursor comes back beside arguments that did not give it."""
    return ToolError(
        f"{of}: {_shown(word)} belongs to other arguments: needed are those of the call that gave it",
        hint=f"{of} without cursor begins anew",
    )


def digest(*arguments: object) -> str:
    """A few characters that tell arguments apart."""
    packed = json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace")
    return hashlib.sha256(packed).hexdigest()[:_DIGEST_CHARACTERS]


def _shown(word: str) -> str:
    return f"'cursor' = {word if len(word) <= _SHOWN_CHARACTERS else f'{word[:_SHOWN_CHARACTERS]}...'!r}"


def _unpacked(word: str) -> Cursor | None:
    try:
        packed = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        values = json.loads(packed)
    except (binascii.Error, ValueError, RecursionError):
        return None
    match values:
        case [str(of), int(offset), str(key), str(about)] if offset >= 0:
            return Cursor(of, int(offset), key, about)
    return None
