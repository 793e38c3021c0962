"""``stillroom export``: a plan as a Compose file, a shell script or a Modelfile, to be started elsewhere."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from deploy.plan import PlanRequest
from stillroom.cli import options
from stillroom.cli.asked import Asked, ModelOptions, machine_flags
from stillroom.cli.launch_choices import (
    LaunchChoices,
    check_choices,
    refuse_beside_bundled,
    refuse_beside_plan,
)
from stillroom.cli.launching import launch_options, plan_to_start, spread_over, weights_to_load
from stillroom.cli.output import Output
from stillroom.cli.plan import one_name
from stillroom.cli.planning import find_machine
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.plan import Plan
    from deploy.spec import EngineName, LaunchSpec, Machine

Format = Literal["compose", "argv", "modelfile"]

# Where each engine listens by itself; llama.cpp's own default for the embedded one.
_PORTS: Final[dict[EngineName, int]] = {"ollama": 11434, "vllm": 8000, "embedded": 8080}

_LOOPBACK: Final = "127.0.0.1"
# Within a container; what is published outside is the Compose file's to say.
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104


@dataclass(frozen=True)
class Exported:
    """What was written, and what is known of it.

    Attributes:
        path: the file; None where the text went to stdout.
        variables: secrets that the text names and does not hold.
        commands: what to type with the file.
    """

    format: Format
    engine: EngineName
    model: str
    served_model: str
    base_url: str
    variables: tuple[str, ...]
    commands: tuple[str, ...]
    path: Path | None
    text: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Hardware to endpoint")(export)


def export(
    context: typer.Context,
    format_: Annotated[
        Format, typer.Argument(metavar="FORMAT", help="compose, argv (a shell script) or modelfile.")
    ],
    model: Annotated[
        str | None, typer.Argument(help="A model's tag or id.", show_default="the plan's pick")
    ] = None,
    named_model: options.NamedModel = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Export what stillroom plan --save wrote.")
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
        int | None,
        typer.Option(
            "--port", min=1, max=65535, help="Where it listens.", show_default="11434, 8000 or 8080"
        ),
    ] = None,
    quantize: options.QuantizeOnImport = None,
    keep_alive: options.KeepAlive = "-1",
    exact_kv_cache: options.ExactKvCache = False,
    prefix_caching: options.PrefixCaching = True,
    nodes: options.Nodes = 1,
    node_launcher: options.NodeLauncher = "nnodes",
    head_address: options.HeadAddress = "",
    bundled: Annotated[bool, typer.Option("--bundled", help="The small demo model, on the CPU.")] = False,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Write this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: options.Json = False,
) -> None:
    """Write a plan as a Compose file, a shell script or a Modelfile; start nothing."""
    name = one_name(model, named_model)
    elsewhere = machine_flags(gpu, gpus, vram, ram, cores=cores)
    if bundled:
        refuse_beside_bundled(name, quant, lora, elsewhere, engine not in {None, "embedded"})
    if plan_file is not None:
        changed = (name, quant, engine, context_tokens, users, kv_cache, lora)
        refuse_beside_plan(*changed, bundled or None, elsewhere or None)
    output = Output(as_json=json)
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=users, engine=engine)
    asked = Asked(
        ModelOptions(name, adapters=tuple(lora or ())),
        elsewhere,
        quantization=quant,
        request=PlanRequest(kv_cache_type=kv_cache),
    )
    plan = plan_to_start(rooms, asked, plan_file, bundled=bundled, engines=_engines(rooms, format_))
    choices = LaunchChoices(
        port=port or _PORTS[plan.engine],
        host=_EVERYWHERE if format_ == "compose" else _LOOPBACK,
        quantize=quantize or "",
        keep_alive=keep_alive,
        exact_kv_cache=exact_kv_cache,
        prefix_caching=prefix_caching,
        nodes=nodes,
        node_launcher=node_launcher,
        head_address=head_address,
    )
    check_choices(choices, plan.engine)
    plan = spread_over(rooms, asked, plan, choices)
    launch = _Launch(plan, find_machine(rooms, asked), weights_to_load(output, rooms, plan, fetch=False))
    _say_what_is_missing(output, launch)
    exported = _exported(rooms, launch, choices, format_, file)
    if file is not None:
        _write(file, exported.text, executable=format_ == "argv", force=force)
    output.result(exported, lambda console: _show(console, exported))


@dataclass(frozen=True)
class _Launch:
    """What is to be started, where, and from which weights; None where they are fetched by name."""

    plan: Plan
    machine: Machine
    weights: Path | None


def _engines(rooms: Rooms, format_: Format) -> tuple[EngineName, ...] | None:
    """Those that the format can be of: a container brings its engine, a script needs it installed."""
    if format_ == "argv" or rooms.settings.engine != "auto":
        return None
    return ("ollama",) if format_ == "modelfile" else rooms.engines


def _say_what_is_missing(output: Output, launch: _Launch) -> None:
    plan, weights = launch.plan, launch.weights
    if weights is not None and not weights.exists() and not launch.machine.described:
        pull = f"stillroom models pull {shlex.quote(plan.model_tag)} --quant {plan.artefact.quantization}"
        output.note(f"{weights} is not there yet: {pull}")


def _exported(
    rooms: Rooms, launch: _Launch, choices: LaunchChoices, format_: Format, file: Path | None
) -> Exported:
    from deploy.exports.secret_variables import named

    plan = launch.plan
    spec = _launch_spec(rooms, launch, choices, format_)
    shown = shlex.quote(str(file)) if file else "FILE"
    if format_ == "compose":
        from deploy.exports.compose_file import compose_file, start_commands

        image = rooms.settings.vllm_image if plan.engine == "vllm" else ""
        machine, weights = launch.machine, launch.weights
        text = compose_file(spec, plan, machine, title=_title(plan), weights=weights, image=image, name=shown)
        commands = start_commands(spec, shown)
    elif format_ == "argv":
        from deploy.exports.shell_script import shell_script

        text, commands = shell_script(spec, title=_title(plan)), [f"sh {shown}"]
    else:
        from deploy.exports.ollama_modelfile import ollama_modelfile

        text = ollama_modelfile(spec, hint=f"stillroom export modelfile {plan.model_tag} --engine ollama")
        commands = [f"ollama create {spec.served_model} -f {shown}"]
    return Exported(
        format=format_,
        engine=plan.engine,
        model=plan.model_tag,
        served_model=spec.served_model,
        base_url=f"http://{_LOOPBACK}:{spec.port}/v1",
        variables=named(spec),
        commands=tuple(commands),
        path=file,
        text=text,
    )


def _launch_spec(rooms: Rooms, launch: _Launch, choices: LaunchChoices, format_: Format) -> LaunchSpec:
    """As ``up`` would start it, but attached to nothing: a file is for a server of its own."""
    from deploy.engines import engine as engine_named

    # A container has its own vllm, whatever the settings say of this machine's.
    homes = None if format_ == "compose" else rooms.engine_homes
    launched = replace(
        launch_options(rooms, launch.weights, choices),
        threads=launch.machine.cpu_cores,
        # What is exported carries its Modelfile itself.
        files_dir=None,
    )
    return engine_named(launch.plan.engine, homes).launch_spec(launch.plan, launched)


def _show(console: Console, exported: Exported) -> None:
    """The text itself, or, where it is in a file, what to type with it."""
    if exported.path is None:
        console.out(exported.text, end="", highlight=False)
        return
    for command in exported.commands:
        console.print(command, markup=False, soft_wrap=True)


def _title(plan: Plan) -> str:
    workload = plan.workload
    return (
        f"{plan.model_tag} at {plan.artefact.quantization} on {plan.device}, {workload.context_tokens:,} "
        f"tokens of context, {workload.concurrent_sequences} at once"
    )


def _write(path: Path, text: str, *, executable: bool, force: bool) -> None:
    """Write the file, readable by its owner's group as any other, and never over another by accident.

    Raises:
        EnvironmentUnfitError: it is there already, or cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if executable:
            path.chmod(path.stat().st_mode | 0o111)
    except FileExistsError as exc:
        raise EnvironmentUnfitError(f"{path} is there already", hint="add --force to write over it") from exc
    except OSError as exc:
        raise EnvironmentUnfitError(
            f"{path} cannot be written: {exc.strerror}", hint="name another file: --output FILE"
        ) from exc
