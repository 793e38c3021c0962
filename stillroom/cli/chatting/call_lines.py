"""A tool call in one line: its name, its arguments, how long it took, and the gist of what came back.

Pure; it does not know where the line is shown, nor how wide that is beyond a number of cells.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from stillroom.cli.chatting.visible import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.running.step import Step
    from stillroom.cli.chatting.texts import Texts

# Of the arguments, before the gist, which a reader wants more.
_LEAST_CELLS: Final = 24


def running_line(spinner: Text, tool: str, arguments: Mapping[str, Any], told: str, *, width: int) -> Text:
    """A call under way: a turning sign, what was called, and the seconds and progress in ``told``."""
    tail = f"  {told}"
    shown = _fitted(_arguments(arguments), width - cell_len(f"x {tool} {tail}"))
    return Text.assemble(spinner, " ", (harmless(tool), "bold cyan"), f" {shown}", (tail, "dim"))


def ended_line(step: Step, texts: Texts, *, width: int) -> Text:
    """A call that ended: a sign, what was called, how long it took, and a gist of the result, on one line."""
    sign, style = ("✗", "red") if step.failed else ("✓", "green")
    taken_seconds = texts.seconds.format(seconds=f"{step.tool_seconds:.1f}")
    seconds = texts.repeated if step.repeated else taken_seconds
    head = f"{sign} {step.tool}  "
    taken = cell_len(head) + cell_len(seconds) + 4
    gist_text = gist(step, texts)
    for_arguments = max(_LEAST_CELLS, width - taken - cell_len(gist_text) - 1)
    shown = _fitted(_arguments(step.arguments), min(for_arguments, max(0, width - taken - 1)))
    left = width - taken - cell_len(shown)
    line = Text.assemble(
        (f"{sign} ", style), (harmless(step.tool), "bold cyan"), f" {shown}", "  ", (seconds, "dim")
    )
    if left > 1:
        line.append("  ")
        line.append(_fitted(gist_text, left), "red" if step.failed else "dim")
    return line


def gist(step: Step, texts: Texts) -> str:
    """What came back, in one line: where quotes are from, or the beginning of the text."""
    if step.citations and not step.failed:
        first = step.citations[0]
        where = f"{Path(first.path).name}, {first.locator}"
        return texts.quotes.format(count=len(step.citations), where=harmless(where))
    return harmless(" ".join(texts.result(step.tool, step.result, failed=step.failed).split()))


def _arguments(arguments: Mapping[str, Any]) -> str:
    written = (
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}" for name, value in arguments.items()
    )
    return harmless(" ".join(" ".join(written).split()))


def _fitted(text: str, cells: int) -> str:
    """The text in at most that many cells, with an ellipsis where it was cut."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 1 else ""
