"""How far a start has come, by the lines of a log that tell of steps.

Pure. Which lines those are is each engine's own: a table of patterns with what each means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re


@dataclass(frozen=True, slots=True)
class Step:
    """Where a start stands.

    Attributes:
        sentence: its end, as after "ollama"; empty before the first step.
        end: where in the log it was told; 0 before the first.
    """

    sentence: str = ""
    end: int = 0


def last_step(log: str, steps: tuple[tuple[re.Pattern[str], str], ...]) -> Step:
    """The step that the log tells of last; a pattern's groups are put into its sentence.

    Example:
        >>> import re
        >>> last_step("shards: 50%", ((re.compile(r"shards: (?P<done>[0-9]+)%"), "loads weights, {done} %"),))
        Step(sentence='loads weights, 50 %', end=11)
    """
    found = ((match, sentence) for pattern, sentence in steps for match in pattern.finditer(log))
    last = max(found, key=lambda one: one[0].start(), default=None)
    return Step(last[1].format(**last[0].groupdict()), last[0].end()) if last else Step()
