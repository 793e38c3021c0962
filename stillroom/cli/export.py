"""``stillroom export``: a plan as a Compose file, a shell script or a Modelfile, to be started elsewhere."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from deploy.plan import PlanRequest
from stillroom.cli import options
from stillroom.cli.asked import Asked, ModelOptions, machine_flags
from stillroom.cli.launching import plan_to_start, weights_to_load
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
    bundled: Annotated[bool, typer.Option("--bundled", help="The small demo model, on the CPU.")] = False,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Write this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: options.Json = False,
) -> None:
    """Write a plan as a Compose file, a shell script or a Modelfile; start nothing."""
    name = one_name(model, named_model)
    elsewhere = machine_flags(gpu, gpus, vram, ram, cores=cores)
    changed = (name, quant, engine, context_tokens, users, kv_cache)
    if bundled and (name or quant or engine not in {None, "embedded"}):
        raise typer.BadParameter("--bundled is one model, quantization and engine: name no other beside it")
    if plan_file is not None and (bundled or elsewhere or any(value is not None for value in changed)):
        raise typer.BadParameter(
            "--plan says it all: name no model, quantization, engine, context, users, KV cache or machine "
            "beside it"
        )
    output = Output(as_json=json)
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=users, engine=engine)
    asked = Asked(
        ModelOptions(name), elsewhere, quantization=quant, request=PlanRequest(kv_cache_type=kv_cache)
    )
    plan = plan_to_start(rooms, asked, plan_file, bundled=bundled, engines=_engines(rooms, format_))
    machine = find_machine(rooms, asked)
    weights = weights_to_load(output, rooms, plan, fetch=False)
    if weights is not None and not weights.exists() and not machine.described:
        pull = f"stillroom models pull {shlex.quote(plan.model_tag)} --quant {plan.artefact.quantization}"
        output.note(f"{weights} is not there yet: {pull}")
    spec = _launch_spec(rooms, plan, machine, weights, format_, port or _PORTS[plan.engine])
    shown = shlex.quote(str(file)) if file else "FILE"
    if format_ == "compose":
        from deploy.exports.compose_file import compose_file, start_commands

        image = rooms.settings.vllm_image if plan.engine == "vllm" else ""
        text = compose_file(spec, plan, machine, title=_title(plan), weights=weights, image=image, name=shown)
        commands = start_commands(spec, shown)
    elif format_ == "argv":
        from deploy.exports.shell_script import shell_script

        text, commands = shell_script(spec, title=_title(plan)), [f"sh {shown}"]
    else:
        from deploy.exports.ollama_modelfile import ollama_modelfile

        text = ollama_modelfile(spec, hint=f"stillroom export modelfile {plan.model_tag} --engine ollama")
        commands = [f"ollama create {spec.served_model} -f {shown}"]
    _print(output, _exported(spec, plan, format_, text, commands, file), force=force)


def _engines(rooms: Rooms, format_: Format) -> tuple[EngineName, ...] | None:
    """Those that the format can be of: a container brings its engine, a script needs it installed."""
    if format_ == "argv" or rooms.settings.engine != "auto":
        return None
    return ("ollama",) if format_ == "modelfile" else rooms.engines


def _launch_spec(
    rooms: Rooms, plan: Plan, machine: Machine, weights: Path | None, format_: Format, port: int
) -> LaunchSpec:
    """As ``up`` would start it, but attached to nothing: a file is for a server of its own."""
    from deploy.engines import engine as engine_named
    from deploy.engines.base import LaunchOptions

    contained = format_ == "compose"
    # A container has its own vllm, whatever the settings say of this machine's.
    chosen = engine_named(plan.engine, None if contained else rooms.engine_homes)
    launch = LaunchOptions(
        port=port,
        weights=weights,
        host=_EVERYWHERE if contained else _LOOPBACK,
        threads=machine.cpu_cores,
    )
    return chosen.launch_spec(plan, launch)


def _exported(
    spec: LaunchSpec, plan: Plan, format_: Format, text: str, commands: list[str], file: Path | None
) -> Exported:
    return Exported(
        format=format_,
        engine=plan.engine,
        model=plan.model_tag,
        served_model=spec.served_model,
        base_url=f"http://{_LOOPBACK}:{spec.port}/v1",
        variables=tuple(spec.secrets),
        commands=tuple(commands),
        path=file,
        text=text,
    )


def _print(output: Output, exported: Exported, *, force: bool) -> None:
    """The text itself to stdout, or into the file, and then what to type with it."""
    if exported.path is None:
        output.result(exported, lambda console: console.out(exported.text, end="", highlight=False))
        return
    _write(exported.path, exported.text, executable=exported.format == "argv", force=force)

    def show(console: Console) -> None:
        for command in exported.commands:
            console.print(command, markup=False, soft_wrap=True)

    output.result(exported, show)


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
