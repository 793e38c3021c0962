"""Whether a text that is being written has got stuck: its end is the same few words again and again.

Pure. A small model, or one whose thought goes nowhere, writes like that until its tokens run out.
"""

from __future__ import annotations

import re
from typing import Final

# Stuck is a unit of up to two lines, six times in a row and over at least three hundred characters: nobody
# writes that on purpose, except rulers and the like, which have no letters.
_LONGEST_UNIT_CHARACTERS: Final = 160
_TIMES: Final = 6
_FEWEST_CHARACTERS: Final = 300
_WORD: Final = re.compile(r"[^\W\d_]")
# Looked at after so many characters, not after each.
_LOOK_CHARACTERS: Final = 64


class Repetition:
    """Watches one text.

    Example:
        >>> Repetition().feed("Wait, let me think. " * 20)
        True
    """

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def feed(self, text: str) -> bool:
        """Whether the text has got stuck with this piece."""
        self._tail = (self._tail + text)[-_LONGEST_UNIT_CHARACTERS * _TIMES :]
        self._unseen += len(text)
        if self._unseen < _LOOK_CHARACTERS:
            return False
        self._unseen = 0
        return any(self._repeats(length) for length in range(1, _LONGEST_UNIT_CHARACTERS + 1))

    def _repeats(self, length: int) -> bool:
        end = self._tail[-max(_FEWEST_CHARACTERS, length * _TIMES) :]
        if len(end) < max(_FEWEST_CHARACTERS, length * _TIMES):
            return False
        return end[length:] == end[:-length] and bool(_WORD.search(end[-length:]))
