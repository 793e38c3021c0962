"""``stillroom calibration``: what launches measured, shown, exported and forgotten; and what adds to it."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from stillroom.cli import options
from stillroom.cli.output import Output, gib
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EnvironmentUnfitError, StillroomError

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.calibration.run import Launch
    from deploy.calibration.summary import Summary
    from deploy.measurement import Measurement
    from deploy.supervision.deployment import Deployment


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode,
        no_args_is_help=True,
        help="What launches measured, by which plans are corrected.",
    )
    group.command("list")(list_calibration)
    group.command("export")(export)
    group.command("reset")(reset)
    app.add_typer(group, name="calibration", rich_help_panel="Hardware to endpoint")


def calibrate_deployment(output: Output, rooms: Rooms, deployment: Deployment, *, planned_here: bool) -> None:
    """Measure what ``up`` started and keep it, if its process is ours and its prediction this program's.

    A plan in a file may be another machine's, another version's, or edited.
    """
    from deploy.calibration.run import Launch
    from deploy.launching.readiness import read_log
    from deploy.supervision.supervise import measure

    if deployment.engine_process is None or not planned_here:
        return

    def measure_now() -> Measurement | None:
        return measure(deployment, visible_gpus=rooms.settings.visible_gpus)

    log = read_log(deployment.log_path)
    with output.working("Measuring what it takes"):
        calibrate_launch(output, rooms, Launch(deployment.spec, deployment.plan, log, measure_now))


def calibrate_launch(output: Output, rooms: Rooms, launch: Launch) -> Measurement | None:
    """Measure a launch of ours and keep what it says for later plans.

    The engine runs by now: that its figures cannot be kept is said, and is no failure.
    """
    from deploy.calibration.run import calibrate
    from deploy.hardware.gpu_facts import common_names

    try:
        machine = rooms.machine()
        return calibrate(
            launch,
            machine=machine,
            device_names=common_names(machine.gpus),
            state_dir=rooms.settings.state_dir,
        )
    except StillroomError as error:
        output.note(f"What was measured is not kept: {error.message}. Try: {error.hint}")
        return launch.measure()


def list_calibration(context: typer.Context, json: options.Json = False) -> None:
    """List what plans are corrected by: component by component, on which device, by how many launches."""
    rooms = open_rooms(context)

    from deploy.calibration.file import read_observations
    from deploy.calibration.summary import summarize

    found = summarize(read_observations(rooms.settings.state_dir))

    def show(console: Console) -> None:
        if not found:
            console.print("No launch was measured yet. Start an engine: stillroom up")
            return
        _show_summaries(console, found)

    Output(as_json=json).result({"residuals": found}, show)


def export(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="The file to write.", show_default="stdout", dir_okay=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Write every observation as JSON, in the form of the file that they are kept in."""
    rooms = open_rooms(context)

    from deploy.calibration.file import read_observations
    from deploy.calibration.form import form_of

    form = form_of(read_observations(rooms.settings.state_dir))
    if path is not None:
        try:
            path.write_text(json_module.dumps(form, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise EnvironmentUnfitError(
                f"cannot write {path}: {error.strerror}", hint="stillroom calibration export"
            ) from error

    def show(console: Console) -> None:
        if path is None:
            text = json_module.dumps(form, ensure_ascii=False, indent=1)
            console.print(text, markup=False, soft_wrap=True)

    Output(as_json=json).result(form, show)


def reset(
    context: typer.Context,
    engine: Annotated[str | None, typer.Option("--engine", help="Only what this engine measured.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only what this model took.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Forget what launches measured, so that plans say what the formulas say."""
    rooms = open_rooms(context)
    if engine is not None:
        _require_engine(engine)
    if not yes:
        _require_consent(engine, model)

    from deploy.calibration.file import remove_observations

    removed = remove_observations(rooms.settings.state_dir, engine=engine, model=model)

    def show(console: Console) -> None:
        console.print(f"Forgotten: {removed} observations." if removed else "There was nothing to forget.")

    Output(as_json=json).result({"removed": removed}, show)


def _require_engine(name: str) -> None:
    from deploy.spec import ENGINE_NAMES

    if name not in ENGINE_NAMES:
        raise typer.BadParameter(f"--engine takes {', '.join(ENGINE_NAMES)}, not {name!r}")


def _require_consent(engine: str | None, model: str | None) -> None:
    """Ask, on a terminal; elsewhere nobody can answer.

    Raises:
        BadParameter: there is no terminal.
        Abort: the answer is no.
    """
    whose = " and ".join(word for word in (engine, model) if word) or "every engine and model"
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"without a terminal nobody can be asked: add --yes to forget {whose}")
    typer.confirm(f"Forget what was measured of {whose}?", abort=True, err=True)


def _show_summaries(console: Console, summaries: tuple[Summary, ...]) -> None:
    """A table for each engine, version, device, layout and architecture."""
    places = dict.fromkeys(one.place for one in summaries)
    for place in places:
        console.print(place, style="bold", markup=False, soft_wrap=True)
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("memory")
        table.add_column("of")
        for title in ("predicted", "measured", "applied", "launches", "last"):
            table.add_column(title, justify="right", no_wrap=True)
        for one in summaries:
            if one.place == place:
                table.add_row(
                    one.component,
                    one.scope,
                    gib(one.predicted_bytes),
                    gib(one.measured_bytes),
                    one.applied,
                    str(one.launches),
                    one.last,
                )
        console.print(table)
    console.print(
        "Predicted and measured are the newest launch's. To plan without: stillroom plan --no-calibration",
        style="dim",
        soft_wrap=True,
    )
