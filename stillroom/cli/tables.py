"""How the machine, the plan, the engine and its memory look on a terminal."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from stillroom.cli.output import gib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from deploy.catalog import CatalogModel
    from deploy.download import Progress
    from deploy.measurement import Measurement
    from deploy.planner import PlanReport
    from deploy.spec import LaunchSpec, Machine, Plan
    from deploy.supervise import Deployment


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


def show_models(console: Console, models: Iterable[CatalogModel]) -> None:
    """One line a model: tag, parameters, context, teacher, student, published scores."""
    table = Table(
        "tag",
        "parameters",
        "context",
        "distilled from",
        "student",
        "MATH-500",
        "GPQA",
        box=None,
        pad_edge=False,
    )
    for name in ("parameters", "context", "MATH-500", "GPQA"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for model in models:
        table.add_row(
            model.tag,
            f"{model.params_billion:.2f}B",
            f"{model.architecture.max_context_tokens:,}",
            model.teacher or "–",
            model.base or "–",
            _score(model, "math500_pass1"),
            _score(model, "gpqa_diamond_pass1"),
        )
    console.print(table)


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


def show_deployment(console: Console, deployment: Deployment) -> None:
    """What runs, where, and how to reach it."""
    raise NotImplementedError


@contextmanager
def download_bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A bar with bytes, rate and time left, shown once something is really fetched."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, object] = {}

        def show(progress: Progress) -> None:
            raise NotImplementedError

        yield show
