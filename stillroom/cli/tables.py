"""How the machine, the plan, the engine and its memory look on a terminal."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from stillroom.cli.output import GIB, gib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from deploy.catalog import CatalogModel
    from deploy.deployment import Deployment
    from deploy.download import Progress
    from deploy.measurement import Measurement
    from deploy.options import PlanOption
    from deploy.planner import PlanReport
    from deploy.spec import LaunchSpec, Machine, Plan


def show_machine(console: Console, machine: Machine) -> None:
    """Processor, memory with its limit, GPUs, disk."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    limit = " (the container's limit)" if machine.memory_limited_by == "cgroup" else ""
    table.add_row("cpu", f"{escape(machine.cpu_name)}, {machine.cpu_cores} cores")
    table.add_row(
        "memory", f"{gib(machine.memory_total_bytes)}{limit}, {gib(machine.memory_available_bytes)} available"
    )
    if machine.gpus:
        for gpu in machine.gpus:
            free = f"{gib(gpu.total_bytes)}, {gib(gpu.free_bytes)} free"
            table.add_row(f"gpu {gpu.index}", f"{escape(gpu.name)}, {free}")
    else:
        table.add_row("gpu", "none found")
    table.add_row("disk", f"{gib(machine.disk_free_bytes)} free")
    table.add_row("system", f"{machine.operating_system}, Python {machine.python_version}")
    console.print(table)


# What the engines' own libraries offer first; `stillroom plan --all` shows the other mixes too.
USUAL_QUANTIZATIONS = frozenset({"Q4_K_M", "Q8_0", "F16", "AWQ", "FP8", "BF16"})


# Below this width a verdict is a word or a shortfall; from it on, the whole reason.
WIDE_COLUMNS = 130


def show_plan(console: Console, report: PlanReport, *, every: bool = False) -> None:
    """The ranked options with their largest terms, why each does not fit, and the pick with its reason.

    Sizes are in GiB, the rule of thumb in GB as it was published. ``every`` also shows unusual quantizations,
    and formats for which this machine lacks the hardware.
    """
    shown = [option for option in report.options if every or _is_usual(option, report)]
    engines = {option.engine for option in shown}
    table = Table("model", "quant", box=None, pad_edge=False, header_style="dim")
    if len(engines) > 1:
        table.add_column("engine")
    for title in ("weights", "KV", "total", "rule"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("fits?")
    for option in shown:
        picked = _is_pick(option, report)
        numbers = (
            _gib_number(option.memory.term("weights").expected_bytes),
            _gib_number(option.memory.term("kv_cache").expected_bytes),
            _gib_number(option.memory.expected_bytes),
            f"{option.rule_of_thumb_gb:.1f}",
        )
        table.add_row(
            option.model_tag,
            option.quantization,
            *((option.engine,) if len(engines) > 1 else ()),
            *numbers,
            "→ pick" if picked else _verdict(option, whole=console.width >= WIDE_COLUMNS),
            style="bold green" if picked else "" if option.fits else "dim",
        )
    console.print(table)
    work = report.workload
    console.print(
        f"GiB for {work.context_tokens:,} tokens of context, {work.concurrent_sequences} at once, "
        f"on {' or '.join(sorted(engines))}; rule: M = P·4·1.2/(32/Q) in GB; +N: over the budget by N GiB.",
        style="dim",
    )
    if hidden := len(report.options) - len(shown):
        console.print(f"{hidden} more options, every reason: stillroom plan --all", style="dim")
    if report.pick is not None:
        console.print(f"[bold green]pick[/]  {escape(report.pick.reason)}")


def _gib_number(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f}" if size_bytes < GIB else f"{size_bytes / GIB:.1f}"


def _is_usual(option: PlanOption, report: PlanReport) -> bool:
    term = "" if option.outcome == "fits" else option.outcome.term
    usual = option.quantization in USUAL_QUANTIZATIONS and option.engine != "embedded" and term != "engine"
    return usual or _is_pick(option, report)


def _is_pick(option: PlanOption, report: PlanReport) -> bool:
    pick = report.pick
    return pick is not None and (option.model_id, option.quantization, option.engine) == (
        pick.model_id,
        pick.artefact.quantization,
        pick.engine,
    )


def _verdict(option: PlanOption, *, whole: bool) -> str:
    if option.outcome == "fits":
        return "yes"
    rejection = option.outcome
    if whole:
        title = f"{option.model_tag} at {option.quantization} on {option.engine} "
        return rejection.reason.removeprefix(title)
    if rejection.needed_bytes > rejection.budget_bytes:
        return f"+{(rejection.needed_bytes - rejection.budget_bytes) / GIB:.1f}"
    return {"engine": "no GPU", "speed": "too slow"}.get(rejection.term, f"no: {rejection.term}")


def show_models(console: Console, models: Iterable[CatalogModel]) -> None:
    """One line a model: tag, parameters, context, student, published scores."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("tag", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("context", justify="right", no_wrap=True)
    table.add_column("MATH", justify="right", no_wrap=True)
    table.add_column("GPQA", justify="right", no_wrap=True)
    table.add_column("student", overflow="ellipsis", no_wrap=True)
    for model in models:
        table.add_row(
            model.tag,
            f"{model.params_billion:.2f}B",
            f"{model.architecture.max_context_tokens:,}",
            _score(model, "math500_pass1"),
            _score(model, "gpqa_diamond_pass1"),
            _last_part(model.base),
        )
    console.print(table)


def _last_part(repository: str) -> str:
    """A hub's name without its owner; a dash for none."""
    return repository.rsplit("/", 1)[-1] or "–"


def _score(model: CatalogModel, name: str) -> str:
    return f"{model.scores[name]:.1f}" if name in model.scores else "–"


def show_memory(console: Console, plan: Plan, measured: Measurement) -> None:
    """The prediction's terms beside the engine's own figures, and the totals beside the resident set."""
    reported = {term.name: term.measured_bytes for term in measured.terms}
    table = Table(
        "memory", "low", "predicted", "high", "measured", box=None, pad_edge=False, header_style="dim"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for term in plan.memory.terms:
        seen = gib(reported[term.name]) if term.name in reported else "–"
        table.add_row(term.name, gib(term.low_bytes), gib(term.expected_bytes), gib(term.high_bytes), seen)
    total = plan.memory
    table.add_section()
    table.add_row(
        "total (resident)",
        gib(total.low_bytes),
        gib(total.expected_bytes),
        gib(total.high_bytes),
        gib(measured.rss_bytes),
        style="bold",
    )
    console.print(table)


def show_launch_spec(console: Console, spec: LaunchSpec) -> None:
    """The command as a shell would take it, with its environment and files."""
    for name, value in spec.environment.items():
        console.print(f"{name}={shlex.quote(value)} \\", markup=False, soft_wrap=True)
    console.print(shlex.join(spec.argv) or f"# attaches to {spec.base_url}", markup=False, soft_wrap=True)
    for path, text in spec.files.items():
        console.print(f"\n# {path}\n{text}", markup=False, soft_wrap=True)


def show_deployment(console: Console, deployment: Deployment, measured: Measurement | None) -> None:
    """What runs, where, its log, and the predicted memory beside the measured."""
    endpoint = deployment.endpoint
    console.print(f"[bold]{deployment.state}[/]  {escape(deployment.plan_summary)}", soft_wrap=True)
    served = f"{endpoint.engine} engine, OpenAI API at {endpoint.base_url}, model {endpoint.model}"
    console.print(served, markup=False, soft_wrap=True)
    console.print(f"log {deployment.log_path}", style="dim", markup=False, soft_wrap=True)
    if deployment.message:
        console.print(deployment.message, style="yellow", markup=False, soft_wrap=True)
    if deployment.hint:
        console.print(f"try: {deployment.hint}", markup=False, soft_wrap=True)
    if measured is None:
        return
    reported = {term.name: term.measured_bytes for term in measured.terms}
    table = Table("memory", "predicted", "measured", box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, predicted_bytes in deployment.predicted_bytes.items():
        table.add_row(name, gib(predicted_bytes), gib(reported[name]) if name in reported else "–")
    total = sum(deployment.predicted_bytes.values())
    table.add_row("total (resident)", gib(total), gib(measured.rss_bytes), style="bold")
    console.print(table)


@contextmanager
def download_bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A bar with bytes, rate and time left; nothing is drawn where nothing is fetched."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.label not in tasks:
                tasks[progress.label] = bar.add_task(progress.label, total=progress.total_bytes)
            bar.update(tasks[progress.label], completed=progress.done_bytes, total=progress.total_bytes)

        yield show
