"""How a plan looks on a terminal: ranked options, bars of memory, the winner's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deploy.plan import Rejection, SpeedEstimate, Unknown
from deploy.planning.document import COMPONENTS, suggestion
from stillroom.cli.output import GIB, gib

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.planning.options import PlanOption
    from deploy.planning.planner import PlanReport

# What the engines' own libraries offer first; `stillroom plan --all` shows the other mixes too.
USUAL_QUANTIZATIONS = frozenset({"Q4_K_M", "Q8_0", "F16", "AWQ", "FP8", "BF16"})

# Below this width a verdict is a word or a shortfall; from it on, the whole reason.
WIDE_COLUMNS = 130
# The numbers that a terminal of so many columns has room for beside the longest name.
_NUMBERS = {92: ("weights", "KV", "total", "rule", "tok/s"), 68: ("total", "tok/s"), 0: ("total",)}

# Each component has a mark of its own besides its colour: not every terminal has colours.
_MARKS = {
    "weights_bytes": ("█", "blue", "weights"),
    "kv_cache_bytes": ("▓", "magenta", "KV cache"),
    "compute_bytes": ("▒", "cyan", "compute"),
    "overhead_bytes": ("░", "yellow", "overhead"),
}
_FREE_MARK = "·"
_BAR_CELLS = 48
_FEWEST_CELLS = 8
_BESIDE_BAR = 30  # the device's name before it, and both sizes behind


def show_plan(console: Console, report: PlanReport, *, every: bool = False) -> None:
    """The ranked options with their largest terms, why each does not fit, and the pick with its memory.

    Sizes are in GiB, the rule of thumb in GB as it was published. ``every`` also shows unusual quantizations,
    and formats for which this machine lacks the hardware.
    """
    shown = [option for option in report.options if every or _is_usual(option, report)]
    engines = {option.engine for option in shown}
    console.print(_options_table(console, shown, report, with_engine=len(engines) > 1))
    work = report.request.workload
    rule = "; rule: M = P·4·1.2/(32/Q) in GB" if "rule" in _titles(console) else ""
    console.print(
        f"GiB for {work.context_tokens:,} tokens of context, {work.concurrent_sequences} at once, "
        f"on {' or '.join(sorted(engines))}{rule}; +N: over the budget by N GiB.",
        style="dim",
    )
    if assumed := report.shown.loaded.architecture.estimated:
        console.print(f"estimated: {assumed}", style="yellow", markup=False, soft_wrap=True)
    if hidden := len(report.options) - len(shown):
        console.print(f"{hidden} more options, every reason: stillroom plan --all", style="dim")
    if report.pick is not None:
        show_bars(console, report.shown)
        limits = report.pick.limits
        console.print(
            f"room  in memory for up to {limits.context_tokens:,} tokens of context, or "
            f"{limits.concurrent_sequences:,} at once with {work.context_tokens:,} each"
        )
        console.print(f"[bold green]pick[/]  {escape(report.pick.reason)}")
        _show_calibration(console, report.shown)
        return
    _show_calibration(console, report.shown)
    console.print("[bold]What would make something fit[/]")
    for change in report.changes:
        console.print(f"  {suggestion(change)}", markup=False, soft_wrap=True)


def _show_calibration(console: Console, option: PlanOption) -> None:
    """That launches corrected the memory that is shown, where any did."""
    corrections = [term.correction for term in option.memory.terms if term.correction]
    if not corrections:
        return
    launches = max(correction.launches for correction in corrections)
    many = f"{launches} launches" if launches > 1 else "1 launch"
    last = max(correction.last for correction in corrections)
    console.print(f"calibrated by {many}, last {last}: stillroom calibration list", style="dim")


def _titles(console: Console) -> tuple[str, ...]:
    """The columns of numbers that the console has room for."""
    return next(titles for columns, titles in _NUMBERS.items() if console.width >= columns)


def _options_table(
    console: Console, shown: list[PlanOption], report: PlanReport, *, with_engine: bool
) -> Table:
    titles = _titles(console)
    table = Table("model", "quant", box=None, pad_edge=False, header_style="dim")
    if with_engine:
        table.add_column("engine")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("fits?", no_wrap=console.width < WIDE_COLUMNS)
    for option in shown:
        picked = report.pick is not None and option is report.shown
        numbers = {
            "weights": _gib_number(option.memory.component(*COMPONENTS["weights_bytes"]).expected_bytes),
            "KV": _gib_number(option.memory.component("kv_cache", "recurrent_state").expected_bytes),
            "total": _gib_number(option.memory.expected_bytes),
            "rule": f"{option.rule_of_thumb_gb:.1f}",
            "tok/s": f"{option.tokens_per_s:.1f}" if option.tokens_per_s else "–",
        }
        table.add_row(
            option.subject.tag,
            option.quantization,
            *((option.engine,) if with_engine else ()),
            *(numbers[title] for title in titles),
            "→ pick" if picked else _verdict(option, whole=console.width >= WIDE_COLUMNS),
            style="bold green" if picked else "" if option.fits else "dim",
        )
    return table


def show_bars(console: Console, option: PlanOption) -> None:
    """A bar for each device: what each component takes of the budget, and what stays free."""
    cells = max(_FEWEST_CELLS, min(_BAR_CELLS, console.width - _BESIDE_BAR))
    for device, budget in option.budgets.items():
        memory = option.memory.on(device)
        if not memory.expected_bytes:
            continue
        line = Text(f"{device:<6}")
        for component, names in COMPONENTS.items():
            mark, colour, _ = _MARKS[component]
            share = memory.component(*names).expected_bytes / max(budget, memory.expected_bytes)
            line.append(mark * round(share * cells), style=colour)
        used = len(line.plain) - len(f"{device:<6}")
        line.append(_FREE_MARK * max(0, cells - used), style="dim")
        line.append(f" {gib(memory.expected_bytes)} of {gib(budget)}")
        console.print(line)
    legend = Text(" " * 6)
    for component, names in COMPONENTS.items():
        mark, colour, title = _MARKS[component]
        legend.append(f"{mark} ", style=colour)
        legend.append(f"{title} {gib(option.memory.component(*names).expected_bytes)}  ")
    console.print(legend)


def show_explanation(console: Console, option: PlanOption, prefill: SpeedEstimate | Unknown) -> None:
    """Each term as arithmetic that a reader can check by hand, with its interval and its source."""
    console.print(f"[bold]{escape(option.title)}[/]", soft_wrap=True)
    for term in option.memory.terms:
        interval = f"{gib(term.low_bytes)} to {gib(term.high_bytes)}"
        exact = term.low_bytes == term.high_bytes
        console.print(
            f"[bold]{term.name}[/] on {term.device}: {gib(term.expected_bytes)}"
            f"{'' if exact else f' ({interval})'}",
            soft_wrap=True,
        )
        size = f"{term.expected_bytes:,} B"
        # Some terms end in their result already.
        steps = term.arithmetic.removesuffix(f" = {term.expected_bytes:,} bytes")
        console.print(f"    {f'{steps} = {size}' if steps else size}", markup=False, soft_wrap=True)
        console.print(f"    {term.source}", style="dim", markup=False, soft_wrap=True)
    for device, budget in option.budgets.items():
        on_device = option.memory.on(device).expected_bytes
        sign = "≤" if on_device <= budget else ">"
        console.print(
            f"[bold]sum[/] on {device}: {on_device:,} B {sign} {budget:,} B that may be used", soft_wrap=True
        )
    for name, speed in (("decode", option.decode), ("prompt", prefill)):
        _show_speed(console, name, speed)


def _show_speed(console: Console, name: str, speed: SpeedEstimate | Unknown) -> None:
    if isinstance(speed, Unknown):
        console.print(f"[bold]{name}[/]: not known: {escape(speed.reason)}", soft_wrap=True)
        return
    console.print(
        f"[bold]{name}[/]: {_rate(speed.expected_tokens_per_s)} tokens/s "
        f"({_rate(speed.low_tokens_per_s)} to {_rate(speed.high_tokens_per_s)})"
    )
    console.print(f"    {speed.arithmetic}", markup=False, soft_wrap=True)
    console.print(f"    {speed.source}", style="dim", markup=False, soft_wrap=True)


def _rate(tokens_per_s: float) -> str:
    """Three digits that matter: 0.314, 65.9, 2,368."""
    return f"{tokens_per_s:,.0f}" if tokens_per_s >= 100 else f"{tokens_per_s:.3g}"  # noqa: PLR2004


def _gib_number(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f}" if size_bytes < GIB else f"{size_bytes / GIB:.1f}"


def _is_usual(option: PlanOption, report: PlanReport) -> bool:
    term = option.outcome.term if isinstance(option.outcome, Rejection) else ""
    usual = option.quantization in USUAL_QUANTIZATIONS and option.engine != "embedded" and term != "engine"
    return usual or option is report.shown


def _verdict(option: PlanOption, *, whole: bool) -> str:
    rejection = option.outcome
    if not isinstance(rejection, Rejection):
        return "yes"
    if whole:
        return rejection.reason.removeprefix(f"{option.title} ")
    if rejection.short_bytes and rejection.device:
        return f"+{rejection.short_bytes / GIB:.1f}"
    return {"engine": "no GPU", "speed": "slow", "disk": "no disk"}.get(
        rejection.term, f"no: {rejection.term}"
    )
