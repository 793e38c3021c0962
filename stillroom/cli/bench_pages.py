"""How a benchmark looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.benchmark.figures import ClientFigures, Level, Overhead
    from deploy.benchmark.prediction import Prediction
    from deploy.benchmark.report import BenchReport
    from deploy.benchmark.spread import Spread
    from deploy.benchmark.timing import Round

# All of it within 80 columns.
_COLUMNS: Final = ("at once", "first token ms", "ms a token", "tokens/s", "CPU ms")
_VERDICTS: Final = {
    "met": "met",
    "missed": "[bold red]missed[/]",
    "unclear": "[yellow]unclear, measure more --rounds[/]",
}


def round_line(each: Round) -> str:
    """One finished round as progress."""
    failed = f", {len(each.failed)} failed" if each.failed else ""
    return (
        f"{each.concurrency} at once, round {each.number + 1}, {each.client}: "
        f"{each.output_tokens} tokens in {each.wall_s:.1f} s{failed}"
    )


def show_report(console: Console, report: BenchReport) -> None:
    """The figures of both clients at each concurrency, the overhead, and the prediction."""
    work = report.workload
    console.print(
        f"{report.model} on {report.engine} at {report.base_url}: prompts of {work.prompt_tokens} tokens, "
        f"answers of {work.output_tokens}, {work.rounds} rounds each",
        markup=False,
        soft_wrap=True,
    )
    if not report.levels:
        console.print("nothing was measured yet")
        return
    table = Table(*_COLUMNS, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for level in report.levels:
        _add_level(table, level)
    console.print(table)
    console.print("medians, with the first and the third quartile", style="dim")
    _show_verdict(console, report)
    for prediction in report.predictions:
        console.print(_prediction_line(prediction), markup=False, soft_wrap=True)
    for failure in report.failures:
        console.print(
            f"failed: {failure.count} through {failure.client} with {failure.concurrency} at once: "
            f"{failure.reason}",
            style="red",
            markup=False,
            soft_wrap=True,
        )
    for note in report.notes:
        console.print(f"note: {note}", style="dim", markup=False, soft_wrap=True)


def _add_level(table: Table, level: Level) -> None:
    indent = " " * len(str(level.concurrency))
    table.add_row(f"{level.concurrency} raw", *_cells(level.raw))
    table.add_row(f"{indent} toolkit", *_cells(level.toolkit))
    if level.overhead is not None:
        table.add_row(f"{indent} overhead", *_overhead_cells(level.overhead), style="bold")


def _cells(figures: ClientFigures) -> tuple[str, ...]:
    return (
        _spread(figures.first_token_ms),
        _spread(figures.per_token_ms),
        _spread(figures.tokens_per_s),
        f"{figures.cpu_ms_per_token.median:.2f}" if figures.cpu_ms_per_token else "–",
    )


def _overhead_cells(overhead: Overhead) -> tuple[str, ...]:
    return (
        _spread(overhead.first_token_difference_ms, sign="+"),
        "",
        f"×{_spread(overhead.tokens_per_s_ratio, digits=3)}",
        f"{overhead.cpu_difference_ms_per_token.median:+.2f}",
    )


def _spread(seen: Spread | None, *, digits: int | None = None, sign: str = "") -> str:
    """A median and its quartiles, such as ``12.7 (12.5–13.0)``; without digits, three figures of each."""
    if seen is None:
        return "–"
    median, low, high = (_figure(value, digits, sign) for value in (seen.median, seen.low, seen.high))
    return f"{median} ({low}–{high})"


def _figure(value: float, digits: int | None, sign: str) -> str:
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2  # noqa: PLR2004  powers of ten
    return f"{value:{sign}.{digits}f}"


def _show_verdict(console: Console, report: BenchReport) -> None:
    if report.verdict is None:
        return
    target = report.target
    console.print(
        f"target of the toolkit's overhead, tokens/s ×{target.tokens_per_s_ratio} and first token "
        f"+{target.first_token_difference_ms:.0f} ms at most: {_VERDICTS[report.verdict]}",
        soft_wrap=True,
    )


def _prediction_line(prediction: Prediction) -> str:
    estimate, said = prediction.predicted, "–"
    if estimate is not None:
        values = (estimate.expected_tokens_per_s, estimate.low_tokens_per_s, estimate.high_tokens_per_s)
        expected, low, high = (_figure(value, None, "") for value in values)
        said = f"{expected} ({low}–{high})"
    return (
        f"{prediction.name}, {prediction.concurrency} at once: predicted {said} tokens/s, measured "
        f"{_spread(prediction.measured)}; {prediction.conditions}"
    )
