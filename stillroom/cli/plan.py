"""``stillroom plan``: which model, quantization and engine fit this machine, and why not the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, tables
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Hardware to endpoint")(plan)


def plan(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="A model's tag or id; all by default.")] = None,
    quant: options.Quantization = None,
    context_tokens: options.Context = None,
    sequences: options.Sequences = None,
    engine: options.Engine = None,
    rule_of_thumb: Annotated[
        bool, typer.Option("--rule-of-thumb", help="Only M = P·4·1.2/(32/Q), for --params and --bits.")
    ] = False,
    params: Annotated[float | None, typer.Option("--params", help="Billions of parameters.")] = None,
    bits: Annotated[float | None, typer.Option("--bits", help="Bits a parameter: 16, 8 or 4.")] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Also unusual quantizations, and what this machine lacks the hardware for."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Pick model, quantization and engine for this machine, and explain the pick."""
    output = Output(as_json=json)
    if rule_of_thumb:
        _rule_of_thumb(output, params, bits)
        return
    if params is not None or bits is not None:
        raise typer.BadParameter("--params and --bits belong to --rule-of-thumb")
    rooms = open_rooms(context, context_tokens=context_tokens, concurrent_sequences=sequences, engine=engine)

    from deploy.catalog import load_catalog
    from deploy.engines import engine as engine_named
    from deploy.planner import plan as make_plan
    from deploy.planner import require_pick

    report = make_plan(
        rooms.machine(),
        rooms.workload,
        load_catalog(),
        model=model,
        quantization=quant,
        engines=rooms.engines,
    )

    def show(console: Console) -> None:
        tables.show_machine(console, report.machine)
        tables.show_plan(console, report, every=every or model is not None)

    if report.pick is None and not json:
        # Why each was turned down; it is no result, so stdout stays empty.
        show(output.stderr)
    pick = require_pick(report)
    output.result(report, show)
    found = engine_named(pick.engine).availability()
    if not found.installed and not json:
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
