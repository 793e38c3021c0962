"""How predicted memory beside measured looks on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from deploy.calibration.comparison import TOTAL, compare
from deploy.serving import CPU
from stillroom.cli.output import gib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from deploy.calibration.comparison import ComparedTerm
    from deploy.measurement import Measurement
    from deploy.spec import MemoryEstimate

# Below this width only predicted and measured are shown; from the second on the interval too.
_DIFFERENCE_COLUMNS = 50
_INTERVAL_COLUMNS = 80
_UNKNOWN = "–"


def show_comparison(console: Console, memory: MemoryEstimate, measured: Measurement) -> None:
    """Each component on each device, what is left of the total as overhead, and the totals."""
    lines = compare(memory, measured)
    several = len({line.device for line in lines}) > 1
    table = Table(box=None, pad_edge=False, header_style="dim")
    if several:
        table.add_column("device", no_wrap=True)
    table.add_column("memory")
    for title in _titles(console.width):
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        cells = {
            "low": gib(line.low_bytes),
            "predicted": gib(line.predicted_bytes) if line.high_bytes else _UNKNOWN,
            "high": gib(line.high_bytes),
            "measured": _UNKNOWN if line.measured_bytes is None else gib(line.measured_bytes),
            "difference": percent(line.difference),
        }
        row = (cells[title] for title in _titles(console.width))
        device = (line.device,) if several else ()
        table.add_row(*device, _title(line), *row, style="bold" if line.name == TOTAL else "")
    console.print(table)


def comparison_document(memory: MemoryEstimate, measured: Measurement | None) -> list[dict[str, object]]:
    """The same for programs, sizes in bytes; empty without a measurement."""
    lines: Sequence[ComparedTerm] = () if measured is None else compare(memory, measured)
    return [
        {
            "device": line.device,
            "name": line.name,
            "covers": list(line.covers),
            "predicted": {
                "low": line.low_bytes,
                "expected": line.predicted_bytes,
                "high": line.high_bytes,
            },
            "measured_bytes": line.measured_bytes,
            "difference": None if line.difference is None else round(line.difference, 4),
        }
        for line in lines
    ]


def percent(share: float | None) -> str:
    """A share with its sign, in percent; a dash for none.

    Example:
        >>> percent(0.0132), percent(-0.5), percent(0.00001), percent(None)
        ('+1.3 %', '-50.0 %', '0.0 %', '–')
    """
    if share is None:
        return _UNKNOWN
    text = f"{share * 100:+.1f}"
    return f"{text[1:] if text[1:] == '0.0' else text} %"


def _titles(width: int) -> tuple[str, ...]:
    if width < _DIFFERENCE_COLUMNS:
        return ("predicted", "measured")
    if width < _INTERVAL_COLUMNS:
        return ("predicted", "measured", "difference")
    return ("low", "predicted", "high", "measured", "difference")


def _title(line: ComparedTerm) -> str:
    """The component, with what else it stands for; a total says whose."""
    if line.name == TOTAL:
        return "total (resident)" if line.device == CPU else TOTAL
    if len(line.covers) > 1:
        return f"{line.name} ({', '.join(name for name in line.covers if name != line.name)} within)"
    return line.name
