"""``stillroom up``, ``status``, ``logs``, ``restart`` and ``down``: one engine, started, watched, stopped."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.plan import PlanRequest
from stillroom.cli import options, tables
from stillroom.cli.asked import Asked, ModelOptions, machine_flags
from stillroom.cli.calibration import calibrate_deployment
from stillroom.cli.endpoint_page import NamedEndpoint, named_endpoint, show_named_endpoint
from stillroom.cli.launch_choices import (
    LaunchChoices,
    check_choices,
    refuse_beside_bundled,
    refuse_beside_plan,
)
from stillroom.cli.launching import (
    ladder_for,
    launch_spec,
    plan_to_start,
    require_devices,
    spread_over,
    weights_to_load,
)
from stillroom.cli.output import Output
from stillroom.cli.plan import one_name
from stillroom.cli.rooms import Rooms, open_rooms

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.plan import Plan
    from deploy.planning.ladder import Ladder
    from deploy.spec import LaunchSpec
    from deploy.supervision.deployment import Deployment

PANEL = "Hardware to endpoint"

# What came up last, for ``stillroom up --plan``.
_PLAN_NAME = "plan.json"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, status, logs, restart, down):
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
    lora: options.Adapters = None,
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
        typer.Option("--port", min=0, max=65535, help="0 attaches to a running server, or finds a free one."),
    ] = 0,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    quantize: options.QuantizeOnImport = None,
    keep_alive: options.KeepAlive = "-1",
    exact_kv_cache: options.ExactKvCache = False,
    prefix_caching: options.PrefixCaching = True,
    nodes: options.Nodes = 1,
    node_launcher: options.NodeLauncher = "nnodes",
    head_address: options.HeadAddress = "",
    no_calibration: options.NoCalibration = False,
    as_planned: Annotated[
        bool, typer.Option("--as-planned", help="Give nothing up where memory does not suffice: fail.")
    ] = False,
    bundled: Annotated[bool, typer.Option("--bundled", help="The small demo model, on the CPU.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, start nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Start an engine for a plan and leave it running in the background."""
    name = one_name(model, named_model)
    machine = machine_flags(gpu, gpus, vram, ram, cores=cores)
    if bundled:
        refuse_beside_bundled(name, quant, lora, machine, engine not in {None, "embedded"})
    if (machine or nodes > 1) and not dry_run:
        raise typer.BadParameter(
            "a described machine, or several machines, cannot be started from here: add --dry-run"
        )
    if plan_file is not None:
        changed = (name, quant, engine, context_tokens, users, kv_cache, lora)
        refuse_beside_plan(*changed, bundled or None, machine or None)
    output = Output(as_json=json)
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=users, engine=engine)
    asked = Asked(
        ModelOptions(name, adapters=tuple(lora or ())),
        machine,
        quantization=quant,
        request=PlanRequest(kv_cache_type=kv_cache),
        calibrated=not no_calibration,
    )
    choices = LaunchChoices(
        port=port,
        host=host,
        quantize=quantize or "",
        keep_alive=keep_alive,
        exact_kv_cache=exact_kv_cache,
        prefix_caching=prefix_caching,
        nodes=nodes,
        node_launcher=node_launcher,
        head_address=head_address,
        elsewhere=bool(machine) or nodes > 1,
    )
    plan = plan_to_start(rooms, asked, plan_file, bundled=bundled)
    check_choices(choices, plan.engine)
    plan = spread_over(rooms, asked, plan, choices)
    if dry_run:
        spec = launch_spec(rooms, plan, weights_to_load(output, rooms, plan, fetch=False), choices)
        output.result(spec, lambda console: tables.show_launch_spec(console, spec))
        return
    require_devices(rooms, plan)
    deployment = _bring_up(output, rooms, asked, plan, choices, as_planned=as_planned)
    try:
        calibrate_deployment(output, rooms, deployment, planned_here=plan_file is None)
    except KeyboardInterrupt:
        output.note("It runs, and was not measured. To stop it: stillroom down")
        raise
    _show_running(output, rooms, deployment)


def status(context: typer.Context, json: options.Json = False) -> None:
    """Show the running engine: its health, what it did, the memory it takes beside the prediction."""
    rooms = open_rooms(context)

    from deploy.supervision.supervise import status as read_status

    output = Output(as_json=json)
    deployment = read_status(rooms.settings.state_dir)
    _show_running(output, rooms, deployment, named_endpoint(output, rooms))


def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 40,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Print the last lines of the running (or last) engine's log."""
    if follow and json:
        raise typer.BadParameter("--follow has no end, and --json prints one value: leave one of them out")
    rooms = open_rooms(context)

    from deploy.supervision.supervise import follow_log
    from deploy.supervision.supervise import logs as read_logs

    output, state_dir = Output(as_json=json), rooms.settings.state_dir
    found = read_logs(state_dir, lines=lines)

    def show(console: Console) -> None:
        for line in found:
            console.print(line, markup=False, soft_wrap=True)

    output.result({"lines": found}, show)
    if follow:
        for line in follow_log(state_dir):
            output.stdout.print(line, markup=False, soft_wrap=True)
            output.stdout.file.flush()


def restart(context: typer.Context, json: options.Json = False) -> None:
    """Stop the running (or last) engine and start the same again."""
    rooms = open_rooms(context)

    from deploy.supervision.supervise import restart as start_again

    output = Output(as_json=json)
    with output.working("Starting again") as update:
        deployment = start_again(rooms.settings.state_dir, on_progress=update)
    if deployment.engine_process is not None:
        from deploy.calibration.run import fill_buffers

        with output.working("Measuring what it takes"):
            fill_buffers(deployment.spec, deployment.plan)
    _show_running(output, rooms, deployment)


def down(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Also discard a damaged record.")] = False,
    json: options.Json = False,
) -> None:
    """Stop the running engine; nothing is left behind."""
    rooms = open_rooms(context)

    from deploy.supervision.supervise import down as stop

    stopped = stop(rooms.settings.state_dir, force=force)

    def show(console: Console) -> None:
        console.print("Stopped." if stopped else "Nothing was running.")

    Output(as_json=json).result({"stopped": stopped}, show)


def _bring_up(
    output: Output, rooms: Rooms, asked: Asked, plan: Plan, choices: LaunchChoices, *, as_planned: bool
) -> Deployment:
    """Start the plan, or what is left of it once memory was made room for; keep the plan that came up."""
    from deploy.planning.plan_file import save_plan
    from deploy.supervision.bring_up import bring_up

    def spec_of(wanted: Plan) -> LaunchSpec:
        return launch_spec(rooms, wanted, weights_to_load(output, rooms, wanted, fetch=True), choices)

    def find_ladder() -> Ladder | None:
        return None if as_planned else ladder_for(rooms, asked, plan)

    # Weights first: a bar of its own shows them.
    weights_to_load(output, rooms, plan, fetch=True)
    state_dir = rooms.settings.state_dir
    with output.working(f"Starting {plan.model_tag} with the {plan.engine} engine") as update:
        deployment = bring_up(
            plan,
            find_ladder,
            spec_of=spec_of,
            state_dir=state_dir,
            on_progress=update,
            on_step=output.note,
        )
    save_plan(deployment.plan, state_dir / _PLAN_NAME, owner_only=True)
    if deployment.steps:
        again = f"stillroom up --plan {shlex.quote(str(state_dir / _PLAN_NAME))}"
        output.note(f"The plan that came up, to start with at once the next time: {again}")
    return deployment


def _show_running(
    output: Output, rooms: Rooms, deployment: Deployment | None, named: NamedEndpoint | None = None
) -> None:
    from dataclasses import replace

    from stillroom.cli.engine_pages import look_at, show_status, status_document

    if deployment is not None:
        deployment = replace(deployment, endpoint=rooms.called(deployment.endpoint))
    seen = look_at(deployment, visible_gpus=rooms.settings.visible_gpus) if deployment else None

    def show(console: Console) -> None:
        if seen is not None:
            show_status(console, seen)
        elif named is None:
            console.print("Nothing is running. Start an engine: stillroom up")
        if named is not None:
            show_named_endpoint(console, named)

    document = status_document(seen) if seen else {"deployment": None, "measured": None}
    output.result({**document, "named_endpoint": named}, show)
