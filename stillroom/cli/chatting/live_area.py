"""The lowest lines of a terminal, drawn again and again, above which finished lines are printed once.

Where nothing can be drawn again (a pipe, a file, ``TERM=dumb``) only the finished lines appear. One thread
draws. It does not know what is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.live import Live


class _Tail:
    """Shows the last lines of what it holds, as many as the screen has: the rest was or will be printed."""

    def __init__(self) -> None:
        self.content: RenderableType = Text("")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.content, options.update(height=None), pad=False)
        shown = lines[-max(1, console.height - 2) :]
        for number, line in enumerate(shown, 1):
            yield from line
            if number < len(shown):
                yield Segment.line()


class LiveArea:
    """Finished lines above, and below them what still changes.

    Args:
        console: where; whether it can be drawn on twice is its to know.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tail = _Tail()
        self._live: Live | None = None

    @property
    def moves(self) -> bool:
        """Whether lines can be drawn again here."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    @property
    def width(self) -> int:
        """Cells of a line."""
        return self._console.width

    def draw(self, changing: RenderableType, *finished: RenderableType) -> None:
        """Print what is finished, and under it what still changes, in one write so that nothing flickers."""
        if not self.moves:
            for lines in finished:
                # A terminal breaks lines at words, a file has them whole.
                self._console.print(lines, soft_wrap=not self._console.is_terminal)
            return
        self._tail.content = changing
        if self._live is None:
            self._live = self._started()
        if finished:
            self._console.print(Group(*finished))
        else:
            self._live.refresh()

    def clear(self) -> None:
        """Take away what still changes; the cursor stands below the finished lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _started(self) -> Live:
        from rich.live import Live

        live = Live(
            self._tail,
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="visible",
        )
        live.start()
        return live
