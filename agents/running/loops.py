"""Whether a run goes round in circles: the same calls again, two in turn, one failure after another.

Pure: it is told what the model decides and what fails, and says so. It runs and ends nothing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The same call once more is a slip, and a third time a loop. The same holds for a failure that only differs
# in digits, case or marks, and for a thought.
_MOST_ALIKE: Final = 2
# A-B-A-B, or three calls in turn, twice over. One call alone is counted above.
_PERIODS: Final = (2, 3)
# Shorter ones, such as "Let me look.", stand before many calls.
_FEWEST_THOUGHT_CHARACTERS: Final = 40
_NOT_LETTERS: Final = re.compile(r"[\W\d_]+")

# Stands before a result that is given to the model a second time.
AGAIN: Final = "You made this very call before; this is its result again. Do something else, or answer."
# What a small model begins its reply with when it copies that instead of answering.
_COPIED: Final = "youmadethisverycallbefore"


class LoopGuard:
    """Counts what came before. One for a run; the caller keeps threads apart.

    Example:
        >>> guard = LoopGuard()
        >>> [guard.decided("", [call]) for call in ("a", "b", "a", "b")]
        [False, False, False, True]
    """

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._thoughts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._turns: list[tuple[str, ...]] = []

    def decided(self, thought: str, calls: Sequence[str]) -> bool:
        """Note a turn of the model; True where it shows a loop.

        Args:
            thought: what it thought, or empty.
            calls: each by its ``call_key``.
        """
        self._calls.update(calls)
        self._turns.append(tuple(sorted(calls)))
        plain = " ".join(thought.split())
        if calls and len(plain) >= _FEWEST_THOUGHT_CHARACTERS:
            self._thoughts[plain] += 1
        return (
            any(self._calls[call] > _MOST_ALIKE for call in calls)
            or self._thoughts[plain] > _MOST_ALIKE
            or any(self._in_turn(period) for period in _PERIODS)
        )

    def failed(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Note a call that failed; True where its like failed twice before."""
        alike = _trivially(tool, arguments)
        self._failures[alike] += 1
        return self._failures[alike] > _MOST_ALIKE

    def _in_turn(self, period: int) -> bool:
        last = self._turns[-2 * period :]
        return len(last) == 2 * period and all(last) and last[:period] == last[period:]


def is_notice_copied(answer: str) -> bool:
    """Whether the model gave the notice of a repeated call back, instead of an answer.

    Example:
        >>> is_notice_copied("Error: You made this very call before; this is its result again.")
        True
    """
    letters = _letters(answer)
    return letters.removeprefix("error").startswith(_COPIED) or _letters(AGAIN) in letters


def call_key(tool: str, arguments: Mapping[str, Any]) -> str:
    """What a call is known by: the order in which arguments were written does not matter."""
    return json.dumps([tool, arguments], sort_keys=True, ensure_ascii=False, default=str)


def _trivially(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call without what a model changes when it has no idea: case, widths, marks, spaces, digits.

    Arguments without a letter are kept as they are: 1/0 and 2/3 are no variants of each other.
    """
    key = call_key(tool, arguments)
    folded = {name: _letters(str(value)) for name, value in arguments.items()}
    return call_key(tool, folded) if all(folded.values()) else key


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())
