"""A picture of an evaluation as SVG: each stage's metrics on the left, its waiting times on the right.

Text in, text out, by hand: dots on lines need no plotting library. It has no background of its own and takes
its colours from the reader's light or dark scheme.
"""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.measurement import StageFigures

_WIDTH = 760
_LEFTS, _PANEL_WIDTH = (70, 470), 270
_TOP, _ROW_HEIGHT = 96, 34
# Dots of one row stand under one another: where stages are level, none hides another.
_SPREAD = 16.0
_TICKS = 4
# Metrics of stages lie close together: the axis begins at the tenth below the lowest.
_TENTHS = 10
_CURVES = {"p50_ms": "half", "p95_ms": "95 %"}

# Told apart by every kind of colour vision (Okabe and Ito, "Color Universal Design", 2008), and by shape.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_DARK_COLOURS = ("#56b4e9", "#ff9e4a", "#4fd3ac", "#e5a7cb")
_SHAPES = ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "M-4 -4h8v8h-8z", "M0 -5l5 9h-10z", "M0 -5l5 5l-5 5l-5 -5z")
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600 } .quiet { fill: #666 } .grid { stroke: #ddd }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .quiet { fill: #aaa } .grid { stroke: #3a3a3a } }"""


def plot(stages: Mapping[str, StageFigures], *, title: str) -> str:
    """The picture as one SVG document.

    Example:
        >>> plot({}, title="nothing").startswith("<svg")
        True
    """
    metrics = {name: figures.metrics for name, figures in stages.items()}
    waits = {
        name: {label: getattr(figures, field) for field, label in _CURVES.items()}
        for name, figures in stages.items()
    }
    rows = list(dict.fromkeys(metric for values in metrics.values() for metric in values))
    height = _TOP + _ROW_HEIGHT * max(len(rows), len(_CURVES)) + 36
    lowest = min((value for values in metrics.values() for value in values.values()), default=0.0)
    longest = max((value for values in waits.values() for value in values.values()), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}\n{_colours()}</style>",
        f'<text class="title" x="{_LEFTS[0]}" y="24">{escape(title)}</text>',
        *_legend(list(stages)),
        *_panel(_LEFTS[0], "share, 1 is best", rows, metrics, _share_axis(lowest)),
        *_panel(_LEFTS[1], "milliseconds a question", list(_CURVES.values()), waits, _time_axis(longest)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _share_axis(lowest: float) -> Sequence[float]:
    first = min(floor(lowest * _TENTHS), _TENTHS - 1)
    return [tenth / _TENTHS for tenth in range(first, _TENTHS + 1)]


def _time_axis(longest: float) -> Sequence[float]:
    rough = max(longest, 1e-3) / _TICKS
    unit = 10.0 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    return [step * index for index in range(ceil(longest / step - 1e-9) + 1)]


def _colours() -> str:
    light = " ".join(f".s{index} {{ fill: {colour} }}" for index, colour in enumerate(_COLOURS))
    dark = " ".join(f".s{index} {{ fill: {colour} }}" for index, colour in enumerate(_DARK_COLOURS))
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"


def _legend(names: Sequence[str]) -> list[str]:
    parts = []
    for index, name in enumerate(names):
        x = _LEFTS[0] + 110 * index
        parts.append(f'<path {_mark(index)} transform="translate({x + 5} 44)"/>')
        parts.append(f'<text x="{x + 16}" y="48">{escape(name)}</text>')
    return parts


def _mark(index: int) -> str:
    return f'class="s{index % len(_COLOURS)}" d="{_SHAPES[index % len(_SHAPES)]}"'


def _panel(
    left: int,
    label: str,
    rows: Sequence[str],
    values: Mapping[str, Mapping[str, float]],
    axis: Sequence[float],
) -> list[str]:
    bottom = _TOP + _ROW_HEIGHT * len(rows)
    parts = [f'<text x="{left}" y="{_TOP - 18}">{escape(label)}</text>']

    def x_of(value: float) -> float:
        return left + _PANEL_WIDTH * (value - axis[0]) / (axis[-1] - axis[0])

    for tick in axis:
        x = x_of(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP - 8}V{bottom}"/>')
        parts.append(
            f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'
        )
    for row, name in enumerate(rows):
        middle = _TOP + _ROW_HEIGHT * (row + 0.5)
        at = f'x="{left - 8}" y="{middle:.1f}" text-anchor="end"'
        parts.append(f'<text class="quiet" {at}>{escape(name)}</text>')
        for index, (stage, figures) in enumerate(values.items()):
            offset = _SPREAD * ((index + 0.5) / len(values) - 0.5)
            place = f"translate({x_of(figures[name]):.1f} {middle - 4 + offset:.1f})"
            tip = f"{escape(stage)}, {escape(name)}: {figures[name]:.4g}"
            parts.append(f'<path {_mark(index)} transform="{place}"><title>{tip}</title></path>')
    return parts
