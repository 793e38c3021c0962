"""A picture of a benchmark as SVG: throughput and time to the first token over concurrency, both clients.

Text in, text out, by hand: two panels of lines need no plotting library. It has no background of its own and
takes its colours from the reader's light or dark scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from deploy.benchmark.timing import CLIENTS, ClientName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.benchmark.figures import Level
    from deploy.benchmark.spread import Spread

_WIDTH, _HEIGHT = 760, 340
_PANEL_WIDTH, _TOP, _BOTTOM = 300, 80, 270
_LEFTS = (60, 440)
_TICKS = 4
# Less than any step here, more than what floats lose.
_ROUNDING = 1e-9
# Both clients are nearly equal where all is well: side by side, neither hides the other.
_DODGE = {"raw": -4.0, "toolkit": 4.0}
_NAMES: dict[ClientName, str] = {"raw": "raw HTTP API", "toolkit": "toolkit"}

# Blue and orange, told apart by every kind of colour vision, and readable on white and on near-black.
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600 } .quiet { fill: #666 }
.grid { stroke: #ddd } .axis { stroke: #888 }
.raw { stroke: #1f6fb2; fill: #1f6fb2 } .toolkit { stroke: #c25700; fill: #c25700 }
.line { fill: none; stroke-width: 2 } .line.toolkit { stroke-dasharray: 6 4 } .spread { stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .quiet { fill: #aaa } .grid { stroke: #3a3a3a } .axis { stroke: #888 }
.raw { stroke: #6db3f2; fill: #6db3f2 } .toolkit { stroke: #ff9e4a; fill: #ff9e4a }
}"""


@dataclass(frozen=True, slots=True)
class _Panel:
    """One diagram.

    Attributes:
        left: where its vertical axis stands.
        figures: of each client, the place on the horizontal axis and the figure there.
        step: between two lines of its grid.
        steps: how many of them reach the largest value.
    """

    left: int
    label: str
    columns: Mapping[int, float]
    figures: Mapping[ClientName, Sequence[tuple[float, Spread]]]
    step: float
    steps: int

    def y(self, value: float) -> float:
        """The height of a value on the page, which counts downwards."""
        return _BOTTOM - (_BOTTOM - _TOP) * value / (self.step * self.steps)


def plot(levels: Sequence[Level], *, title: str) -> str:
    """The picture as one SVG document.

    Example:
        >>> plot([], title="nothing").startswith("<svg")
        True
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFTS[0]}" y="24">{escape(title)}</text>',
        *_legend(),
        *_panel(levels, _LEFTS[0], "throughput, output tokens/s", "tokens_per_s"),
        *_panel(levels, _LEFTS[1], "time to the first token, ms", "first_token_ms"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def axis_step(most: float) -> float:
    """A round step with which about four reach the largest value.

    Example:
        >>> axis_step(87.0), axis_step(2100.0), axis_step(0.3)
        (25.0, 1000.0, 0.1)
    """
    rough = most / _TICKS
    unit: float = 10.0 ** floor(log10(rough))
    return next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough - _ROUNDING)


def _legend() -> list[str]:
    parts = []
    for client, x in zip(CLIENTS, (_LEFTS[0], _LEFTS[0] + 130), strict=True):
        parts.append(f'<path class="line {client}" d="M{x} 42h26"/>')
        parts.append(f'<text x="{x + 32}" y="46">{_NAMES[client]}</text>')
    x = _LEFTS[0] + 230
    parts.append(f'<text class="quiet" x="{x}" y="46">bars from the first to the third quartile</text>')
    return parts


def _panel(levels: Sequence[Level], left: int, label: str, figure: str) -> list[str]:
    columns = {
        level.concurrency: left + _PANEL_WIDTH * (index + 0.5) / len(levels)
        for index, level in enumerate(levels)
    }
    figures: dict[ClientName, list[tuple[float, Spread]]] = {client: [] for client in CLIENTS}
    for level in levels:
        for client in CLIENTS:
            seen: Spread | None = getattr(getattr(level, client), figure)
            if seen is not None:
                figures[client].append((columns[level.concurrency] + _DODGE[client], seen))
    most = max((seen.high for points in figures.values() for _, seen in points), default=1.0)
    step = axis_step(most)
    panel = _Panel(left, label, columns, figures, step, ceil(most / step - _ROUNDING))
    return [*_axes(panel), *(part for client in CLIENTS for part in _curve(panel, client))]


def _axes(panel: _Panel) -> list[str]:
    left, middle = panel.left, panel.left + _PANEL_WIDTH / 2
    parts = [f'<text x="{left}" y="{_TOP - 10}">{panel.label}</text>']
    for index in range(panel.steps + 1):
        value, height = index * panel.step, panel.y(index * panel.step)
        style = "grid" if index else "axis"
        parts.append(f'<path class="{style}" d="M{left} {height:.1f}h{_PANEL_WIDTH}"/>')
        at = f'x="{left - 6}" y="{height + 4:.1f}" text-anchor="end"'
        parts.append(f'<text class="quiet" {at}>{value:g}</text>')
    for concurrency, x in panel.columns.items():
        at = f'x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle"'
        parts.append(f'<text class="quiet" {at}>{concurrency}</text>')
    parts.append(f'<text x="{middle}" y="{_BOTTOM + 38}" text-anchor="middle">requests at once</text>')
    return parts


def _curve(panel: _Panel, client: ClientName) -> list[str]:
    points = panel.figures[client]
    places = " ".join(f"{x:.1f},{panel.y(seen.median):.1f}" for x, seen in points)
    parts = [f'<polyline class="line {client}" points="{places}"/>']
    for x, seen in points:
        bar = f"M{x:.1f} {panel.y(seen.low):.1f}V{panel.y(seen.high):.1f}"
        parts.append(f'<path class="spread {client}" d="{bar}"/>')
        tip = f"{_NAMES[client]}: {seen.median:.1f} ({seen.low:.1f} to {seen.high:.1f})"
        at = f'cx="{x:.1f}" cy="{panel.y(seen.median):.1f}" r="3.5"'
        parts.append(f'<circle class="{client}" {at}><title>{tip}</title></circle>')
    return parts
