"""``stillroom plan``: which model, quantization and engine fit a machine, and why not the others."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.plan import PlanRequest, Preference, Unknown
from stillroom.cli import options
from stillroom.cli.asked import Asked, ModelOptions, machine_flags
from stillroom.cli.output import Output, error_body
from stillroom.cli.planning import make_report
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import NothingFitsError

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.plan import Plan
    from deploy.planning.planner import PlanReport

_LANGUAGE_CODE_LETTERS = 2  # ISO 639-1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Hardware to endpoint")(plan)


def plan(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model's tag or id, a .gguf file or folder, a URL, or ollama:NAME.", show_default="all"
        ),
    ] = None,
    named_model: options.NamedModel = None,
    url: Annotated[str | None, typer.Option("--url", help="A GGUF or safetensors model on the web.")] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="Size the shape in this config.json, a path or URL.")
    ] = None,
    lora: options.Adapters = None,
    quant: options.Quantization = None,
    context_tokens: options.Context = None,
    users: options.Users = None,
    engine: options.Engine = None,
    kv_cache: options.KvCache = None,
    min_speed: Annotated[
        float | None, typer.Option("--min-speed", min=0, help="Tokens a second at least.", show_default="4")
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option("--max-memory", help="Take at most this, such as 16GiB.")
    ] = None,
    reserve: Annotated[
        str | None, typer.Option("--reserve", help="Leave this on each GPU for an embedder and reranker.")
    ] = None,
    license_: Annotated[
        str | None,
        typer.Option("--license", help="Only models under this licence: MIT, apache-2.0, commercial."),
    ] = None,
    languages: Annotated[str | None, typer.Option("--languages", help="Must write these: en,zh.")] = None,
    prefer: Annotated[
        Preference, typer.Option("--prefer", help="What decides between options that fit.")
    ] = "quality",
    gpu: options.Gpus = None,
    gpus: options.GpuCount = None,
    vram: options.Vram = None,
    ram: options.Ram = None,
    cores: options.Cores = None,
    bandwidth: Annotated[
        str | None, typer.Option("--bandwidth", help="Memory bandwidth, such as 900GB/s.")
    ] = None,
    machine: options.MachineFile = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Read the pick's real header from where it would be downloaded."),
    ] = False,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Rank every model with a published score, not only distills.")
    ] = False,
    rule_of_thumb: Annotated[
        bool, typer.Option("--rule-of-thumb", help="Only M = P·4·1.2/(32/Q), for --params and --bits.")
    ] = False,
    params: Annotated[float | None, typer.Option("--params", help="Billions of parameters.")] = None,
    bits: Annotated[float | None, typer.Option("--bits", help="Bits a parameter: 16, 8 or 4.")] = None,
    no_calibration: options.NoCalibration = False,
    explain: Annotated[bool, typer.Option("--explain", help="Each term of the pick as arithmetic.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the plan to this file, for stillroom up --plan.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Also unusual quantizations, and what this machine lacks the hardware for."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Pick model, quantization and engine for this machine or another, and explain the pick."""
    output = Output(as_json=json)
    if rule_of_thumb:
        _rule_of_thumb(output, params, bits)
        return
    if params is not None or bits is not None:
        raise typer.BadParameter("--params and --bits belong to --rule-of-thumb")
    if min_speed is not None and not math.isfinite(min_speed):
        raise typer.BadParameter(f"--min-speed takes tokens a second, such as 10, not {min_speed}")
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=users, engine=engine)
    asked = Asked(
        ModelOptions(one_name(model, named_model, url), config, tuple(lora or ()), every=any_model),
        machine_flags(gpu, gpus, vram, ram, cores=cores, bandwidth=bandwidth),
        machine,
        quant,
        PlanRequest(
            kv_cache_type=kv_cache,
            minimum_tokens_per_s=min_speed,
            most_memory_bytes=_size(max_memory, "--max-memory"),
            reserved_bytes=_size(reserve, "--reserve") or 0,
            license=license_ or "",
            languages=_languages(languages),
            prefer=prefer,
        ),
        calibrated=not no_calibration,
    )
    from deploy.planning.planner import require_pick
    from deploy.serving import Placement

    report = make_report(rooms, asked, exact=exact)
    if save is not None and report.pick is not None:
        # Before anything is printed: where it fails, the error is all that is.
        from deploy.planning.plan_file import save_plan

        save_plan(report.pick, save)
    whole = every or asked.model.name is not None or config is not None
    _show(output, report, every=whole, explain=explain)
    pick = require_pick(report)
    if save is not None:
        output.note(f"The plan is in {save}: stillroom up --plan {shlex.quote(str(save))}")
    here = report.machine
    measured = here.described or here.memory_bandwidth_bytes_per_s
    if pick.placement == Placement() and not measured and not json:
        output.note("Speeds on a CPU are rough until its memory was measured once: stillroom doctor")
    if not json and not asked.elsewhere:
        _say_what_to_install(output, rooms, pick)


def one_name(*names: str | None) -> str | None:
    """The one name that was typed; None for none.

    Raises:
        BadParameter: several differ.
    """
    given = list(dict.fromkeys(name for name in names if name is not None))
    if len(given) > 1:
        raise typer.BadParameter(f"one model is planned at a time, not {' and '.join(given)}")
    return given[0] if given else None


def _languages(text: str | None) -> tuple[str, ...]:
    """Codes of languages, as ``en,zh`` tells them.

    Raises:
        BadParameter: one is no code.
    """
    codes = tuple(word.strip().lower() for word in (text or "").split(",") if word.strip())
    for code in codes:
        if len(code) != _LANGUAGE_CODE_LETTERS or not code.isalpha():
            raise typer.BadParameter(f"--languages takes codes of two letters, such as en,zh, not {code!r}")
    return codes


def _size(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    from deploy.hardware.sizes import parse_size

    return parse_size(text, name=name)


def _show(output: Output, report: PlanReport, *, every: bool, explain: bool) -> None:
    """Print the report; where nothing fits, a document carries the error, and a table goes to stderr.

    Raises:
        NothingFitsError: nothing fits, and no document was asked for.
        Exit: nothing fits, and the document says so.
    """
    from deploy.planning.planner import require_pick
    from stillroom.cli import tables
    from stillroom.cli.plan_pages import show_explanation, show_plan

    def show(console: Console) -> None:
        tables.show_machine(console, report.machine)
        show_plan(console, report, every=every)
        if explain:
            prefill = report.pick.prefill if report.pick else Unknown("nothing fits")
            show_explanation(console, report.shown, prefill)

    failure = None
    try:
        require_pick(report)
    except NothingFitsError as error:
        failure = error
    if output.as_json:
        from deploy.planning.document import plan_document

        said = {"error": error_body(failure)} if failure else {}
        output.result({**plan_document(report), "machine": report.machine, **said}, show)
    else:
        show(output.stderr if failure else output.stdout)
    if failure is None:
        return
    if not output.as_json:
        raise failure
    output.complain(failure)
    raise typer.Exit(failure.exit_code)


def _say_what_to_install(output: Output, rooms: Rooms, pick: Plan) -> None:
    from deploy.engines import engine as engine_named

    found = engine_named(pick.engine, rooms.engine_homes).availability()
    if not found.installed:
        output.note(f"{pick.engine} is not installed here: {found.install_hint}")


def _rule_of_thumb(output: Output, params: float | None, bits: float | None) -> None:
    from deploy.rule_of_thumb import rule_of_thumb_gb

    if params is None or bits is None:
        raise typer.BadParameter("--rule-of-thumb needs --params and --bits, such as --params 7 --bits 4")
    memory_gb = rule_of_thumb_gb(params, bits)
    data = {"params_billion": _plain(params), "bits": _plain(bits), "memory_gb": _plain(memory_gb)}
    output.result(data, lambda console: console.print(f"{memory_gb:g} GB"))


def _plain(number: float) -> float | int:
    """7.0 as 7: JSON readers compare numbers as they were typed."""
    return int(number) if float(number).is_integer() else number
