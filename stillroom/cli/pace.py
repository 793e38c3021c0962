"""How far a long piece of work is, how fast it goes, and how long it will take; on stderr.

On a terminal the line is renewed in place; elsewhere a line is written now and then, so that a log shows that
something moves and is not filled by it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stillroom.cli.output import Output

# Seconds between two lines where there is no terminal.
_LINE_EVERY_S = 15.0
_MINUTE_S = 60


@dataclass(slots=True)
class Pace:
    """Work under way.

    Attributes:
        noun: what is counted, in the plural.
        show: takes the newest line.
        clock: seconds, monotonic.
    """

    noun: str
    show: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self.started_s = self.clock()

    def tell(self, done: int, total: int) -> None:
        """Show that so many of all are done."""
        self.show(pace_text(done, total, self.clock() - self.started_s, noun=self.noun))


def pace_text(done: int, total: int, seconds: float, *, noun: str) -> str:
    """Done and total, and once something is done the rate and the time left.

    Example:
        >>> pace_text(50, 200, 10.0, noun="questions")
        '50 of 200 questions, 5.0/s, 30 s left'
    """
    line = f"{done:,} of {total:,} {noun}"
    if not done or not seconds:
        return line
    rate = done / seconds
    left = round((total - done) / rate)
    shown = f"{left} s" if left < _MINUTE_S else f"{left // _MINUTE_S} min {left % _MINUTE_S} s"
    return f"{line}, {rate:.1f}/s, {shown} left"


@contextmanager
def paced(output: Output, text: str, *, noun: str) -> Iterator[Pace]:
    """Show how a piece of work goes for as long as the ``with`` block runs."""
    with output.working(text) as update:
        if output.stderr.is_terminal:
            yield Pace(noun, lambda line: update(f"{text}: {line}"))
            return
        last = time.monotonic()

        def now_and_then(line: str) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY_S:
                last = time.monotonic()
                output.note(line)

        yield Pace(noun, now_and_then)
