"""How the machine, the plan, the engine and its memory look on a terminal."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from deploy.spec import Gpu
from stillroom.cli.endpoint_page import show_capabilities
from stillroom.cli.output import gib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from deploy.catalog import CatalogModel
    from deploy.download import Progress
    from deploy.measurement import Measurement
    from deploy.spec import LaunchSpec, Machine
    from deploy.supervision.deployment import Deployment


def show_machine(console: Console, machine: Machine) -> None:
    """Processor, memory with its limit, GPUs, disk."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    limit = " (the container's limit)" if machine.memory_limited_by == "cgroup" else ""
    table.add_row("cpu", f"{escape(machine.cpu_name)}, {machine.cpu_cores} cores")
    available = f"{gib(machine.memory_available_bytes)} available{_rate(machine)}"
    table.add_row("memory", f"{gib(machine.memory_total_bytes)}{limit}, {available}")
    if machine.gpus:
        for gpu in machine.gpus:
            free = f"{gib(gpu.total_bytes)}, {gib(gpu.free_bytes)} free"
            shared = ", shares the main memory" if gpu.unified else ""
            table.add_row(f"gpu {gpu.index}", f"{escape(gpu.name)}, {free}{_rate(gpu)}{shared}")
            for process in gpu.processes:
                held = f"{gib(process.used_bytes)} held by {escape(process.name)} (pid {process.pid})"
                table.add_row("", held)
    else:
        table.add_row("gpu", "none found")
    table.add_row("disk", f"{gib(machine.disk_free_bytes)} free")
    if not machine.described:
        table.add_row("system", f"{machine.operating_system}, Python {machine.python_version}")
    for note in machine.notes:
        table.add_row("note", escape(note))
    console.print(table)


def _rate(device: Machine | Gpu) -> str:
    """Its memory bandwidth, where it is known."""
    rate = device.bandwidth_bytes_per_s if isinstance(device, Gpu) else device.memory_bandwidth_bytes_per_s
    return f", {rate / 1e9:.0f} GB/s" if rate else ""


def show_models(console: Console, models: Iterable[CatalogModel]) -> None:
    """One line a model: tag, parameters, context, published scores, licence."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("tag", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("context", justify="right", no_wrap=True)
    table.add_column("GPQA", justify="right", no_wrap=True)
    table.add_column("licence", overflow="ellipsis", no_wrap=True, max_width=24)
    for model in models:
        table.add_row(
            model.tag,
            f"{model.params_billion:.3g}B",
            f"{model.architecture.max_context_tokens // 1024}K",
            _score(model, "gpqa_diamond_pass1"),
            model.license,
        )
    console.print(table)
    console.print("Where each number comes from: stillroom models show TAG", style="dim")


def show_model(console: Console, model: CatalogModel) -> None:
    """Everything that the catalog says of one model, each figure with its source."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    shape = model.architecture
    rows = {
        "model": f"{model.tag}, {model.id}",
        "also": ", ".join(model.aliases),
        "parameters": f"{model.parameters:,} ({model.parameters_source})",
        "shape": f"{shape.layer_count} layers of {shape.hidden_size}, {shape.vocabulary_size:,} tokens, "
        f"{shape.max_context_tokens:,} tokens of context ({model.source})",
        "published in": model.published_in,
        "teacher": model.teacher,
        "base": model.base,
        "scores": ", ".join(f"{name} {value:g}" for name, value in model.scores.items()),
        "scores from": model.scores_source if model.scores else "none is entered: no published one was found",
        "languages": ", ".join(model.languages),
        "tools": "native" if model.native_tools else "none of its own",
        "licence": f"{model.license}. {model.license_note}".rstrip(". "),
        "GGUF": f"{model.gguf_repo}: {', '.join(model.gguf_files)}" if model.gguf_repo else "",
        "safetensors": ", ".join(f"{name} {repo}" for name, repo in model.repos.items()),
        "Ollama": ", ".join(model.ollama_tags.values()),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value))
    console.print(table)


def _score(model: CatalogModel, name: str) -> str:
    return f"{model.scores[name]:.1f}" if name in model.scores else "–"


def show_launch_spec(console: Console, spec: LaunchSpec) -> None:
    """The command as a shell would take it, with its environment and files; or one for each machine."""
    for node in spec.nodes:
        console.print(f"# on machine {node.rank}, of {len(spec.nodes)}", markup=False)
        for command in node.commands:
            console.print(shlex.join(command), markup=False, soft_wrap=True)
    if not spec.nodes:
        for name, value in spec.environment.items():
            console.print(f"{name}={shlex.quote(value)} \\", markup=False, soft_wrap=True)
        console.print(shlex.join(spec.argv) or f"# attaches to {spec.address}", markup=False, soft_wrap=True)
    for name in spec.secrets:
        console.print(f"# {name} is set as well, and not shown", markup=False)
    for path, text in spec.files.items():
        console.print(f"\n# {path}\n{text}", markup=False, soft_wrap=True)


def show_deployment(console: Console, deployment: Deployment, measured: Measurement | None) -> None:
    """What runs, where, its log, what it can do, and the predicted memory beside the measured."""
    endpoint = deployment.endpoint
    console.print(f"[bold]{deployment.state}[/]  {escape(deployment.plan_summary)}", soft_wrap=True)
    served = f"{endpoint.engine} engine, OpenAI API at {endpoint.address}, model {endpoint.model}"
    console.print(served, markup=False, soft_wrap=True)
    console.print(f"log {deployment.log_path}", style="dim", markup=False, soft_wrap=True)
    if deployment.message:
        console.print(deployment.message, style="yellow", markup=False, soft_wrap=True)
    if deployment.hint:
        console.print(f"try: {deployment.hint}", markup=False, soft_wrap=True)
    show_capabilities(console, endpoint)
    if measured is None:
        return
    from stillroom.cli.memory_tables import show_comparison

    show_comparison(console, deployment.plan.memory, measured)


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
