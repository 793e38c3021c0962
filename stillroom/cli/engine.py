"""``stillroom up``, ``status``, ``logs`` and ``down``: one engine, started, watched and stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.plan import PlanRequest
from stillroom.cli import options, tables
from stillroom.cli.asked import Asked, ModelOptions, machine_flags
from stillroom.cli.launching import plan_to_start, weights_to_load
from stillroom.cli.output import Output
from stillroom.cli.plan import one_name
from stillroom.cli.rooms import Rooms, open_rooms

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec

PANEL = "Hardware to endpoint"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, status, logs, down):
        app.command(rich_help_panel=PANEL)(command)


def up(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="A model's tag or id.", show_default="the plan's pick")
    ] = None,
    named_model: options.NamedModel = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Start what stillroom plan --save wrote.")
    ] = None,
    quant: options.Quantization = None,
    context_tokens: options.Context = None,
    users: options.Users = None,
    engine: options.Engine = None,
    kv_cache: options.KvCache = None,
    gpu: options.Gpus = None,
    gpus: options.GpuCount = None,
    vram: options.Vram = None,
    ram: options.Ram = None,
    cores: options.Cores = None,
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="0 attaches to a running Ollama, or finds a free one."),
    ] = 0,
    bundled: Annotated[bool, typer.Option("--bundled", help="The small demo model, on the CPU.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, start nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Start an engine for a plan and leave it running in the background."""
    name = one_name(model, named_model)
    if bundled and (name or quant or engine not in {None, "embedded"}):
        raise typer.BadParameter("--bundled is one model, quantization and engine: name no other beside it")
    machine = machine_flags(gpu, gpus, vram, ram, cores=cores)
    if machine and not dry_run:
        raise typer.BadParameter("a described machine cannot start anything: add --dry-run")
    changed = (name, quant, engine, context_tokens, users, kv_cache)
    if plan_file is not None and (bundled or machine or any(value is not None for value in changed)):
        raise typer.BadParameter(
            "--plan says it all: name no model, quantization, engine, context, users, KV cache or machine "
            "beside it"
        )
    output = Output(as_json=json)
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=users, engine=engine)
    asked = Asked(
        ModelOptions(name), machine, quantization=quant, request=PlanRequest(kv_cache_type=kv_cache)
    )

    plan = plan_to_start(rooms, asked, plan_file, bundled=bundled)
    spec = _launch_spec(rooms, plan, weights_to_load(output, rooms, plan, fetch=not dry_run), port)
    if dry_run:
        output.result(spec, lambda console: tables.show_launch_spec(console, spec))
        return
    from deploy.supervise import measure
    from deploy.supervise import up as start

    with output.working(f"Starting {plan.model_tag} with the {plan.engine} engine") as update:
        deployment = start(spec, plan, state_dir=rooms.settings.state_dir, on_progress=update)

    measured = measure(deployment)

    def show(console: Console) -> None:
        tables.show_deployment(console, deployment, measured)

    output.result({"deployment": deployment, "measured": measured}, show)


def status(context: typer.Context, json: options.Json = False) -> None:
    """Show the running engine, and the memory it takes beside the prediction."""
    rooms = open_rooms(context)

    from deploy.supervise import measure
    from deploy.supervise import status as read_status

    deployment = read_status(rooms.settings.state_dir)
    measured = measure(deployment) if deployment else None

    def show(console: Console) -> None:
        if deployment is None:
            console.print("Nothing is running. Start an engine: stillroom up")
        else:
            tables.show_deployment(console, deployment, measured)

    Output(as_json=json).result({"deployment": deployment, "measured": measured}, show)


def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 40,
    json: options.Json = False,
) -> None:
    """Print the last lines of the running (or last) engine's log."""
    rooms = open_rooms(context)

    from deploy.supervise import logs as read_logs

    found = read_logs(rooms.settings.state_dir, lines=lines)

    def show(console: Console) -> None:
        for line in found:
            console.print(line, markup=False, soft_wrap=True)

    Output(as_json=json).result({"lines": found}, show)


def down(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Also discard a damaged record.")] = False,
    json: options.Json = False,
) -> None:
    """Stop the running engine; nothing is left behind."""
    rooms = open_rooms(context)

    from deploy.supervise import down as stop

    stopped = stop(rooms.settings.state_dir, force=force)

    def show(console: Console) -> None:
        console.print("Stopped." if stopped else "Nothing was running.")

    Output(as_json=json).result({"stopped": stopped}, show)


def _launch_spec(rooms: Rooms, plan: Plan, weights: Path | None, port: int) -> LaunchSpec:
    """How to start the engine on a port of ours, or, where none was named, how to attach to one that runs."""
    from deploy.engines import engine as engine_named
    from deploy.engines.base import LaunchOptions, attached
    from deploy.ports import free_port

    chosen = engine_named(plan.engine, rooms.engine_homes)
    running_url = "" if port else chosen.availability().running_url
    spec = chosen.launch_spec(
        plan, LaunchOptions(port=port or free_port(), weights=weights, threads=rooms.machine().cpu_cores)
    )
    return attached(spec, url=running_url) if running_url else spec
