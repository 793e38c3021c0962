"""``stillroom bench``: how fast the endpoint answers, and what the toolkit costs beside the raw HTTP API."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import bench_pages, options
from stillroom.cli.output import Output
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EngineUnavailableError, EnvironmentUnfitError, ModelError

if TYPE_CHECKING:
    from deploy.benchmark.report import BenchReport
    from deploy.benchmark.workload import BenchWorkload
    from deploy.endpoint import Endpoint
    from deploy.plan import Plan

MOST_AT_ONCE = 256


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Hardware to endpoint")(bench)


def levels_of(text: str) -> tuple[int, ...]:
    """The numbers of a list such as ``1,2,4,8``, each once.

    Raises:
        typer.BadParameter: it holds something else, or a number out of bounds.
    """
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 1,2,4,8") from error
    if bad := [number for number in numbers if not 1 <= number <= MOST_AT_ONCE]:
        raise typer.BadParameter(f"{bad[0]} at once is not between 1 and {MOST_AT_ONCE}")
    return numbers


def checked_levels(text: str) -> str:
    """The text itself, once it is known to be such a list."""
    levels_of(text)
    return text


def picture(path: Path | None) -> Path | None:
    """A file that a picture can be written to.

    Raises:
        typer.BadParameter: it would not be SVG, or its folder is not there.
    """
    if path is None:
        return None
    if path.suffix.lower() != ".svg":
        raise typer.BadParameter(f"only SVG is drawn: name a file such as {path.with_suffix('.svg')}")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}")
    return path


def bench(
    context: typer.Context,
    concurrency: Annotated[
        str, typer.Option("--concurrency", callback=checked_levels, help="Requests at once, level by level.")
    ] = "1,2,4,8",
    prompt_tokens: Annotated[
        int, typer.Option("--prompt-tokens", min=1, help="Tokens of each prompt.")
    ] = 128,
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=2, help="Tokens of each answer.")] = 64,
    requests: Annotated[
        int, typer.Option("--requests", min=1, help="Requests of a round; at least as many as at once.")
    ] = 1,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of either client at a level.")] = 8,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait for the server's next sign of life.")
    ] = 300,
    plot: Annotated[
        Path | None, typer.Option("--plot", callback=picture, help="Also draw the figures, as SVG.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure the running endpoint, through the toolkit and through its raw HTTP API in turn."""
    from deploy.benchmark.workload import BenchWorkload

    output = Output(as_json=json)
    rooms = open_rooms(context)
    endpoint = rooms.endpoint()
    if endpoint is None:
        raise EngineUnavailableError(
            "there is no endpoint to measure: no engine is running", hint="stillroom up"
        )
    workload = BenchWorkload(prompt_tokens, output_tokens, requests, rounds, levels_of(concurrency))

    report, stopped = _measured(output, rooms, endpoint, workload, timeout)
    output.result(report, lambda console: bench_pages.show_report(console, report))
    if plot is not None:
        _draw(report, plot)
        output.note(f"drawn to {plot}")
    if stopped is not None:
        raise stopped
    if report.failed_requests:
        output.complain(_failure(report))
        raise typer.Exit(ModelError.exit_code)


def _measured(
    output: Output, rooms: Rooms, endpoint: Endpoint, workload: BenchWorkload, timeout: float
) -> tuple[BenchReport, KeyboardInterrupt | None]:
    """The report; with the interruption where it is of a part."""
    from deploy.benchmark.report import bench_report
    from deploy.benchmark.run import Benchmark
    from deploy.benchmark.workload import PROMPT_NUMBERS

    measured, stopped = [], None
    # No moving progress meanwhile: drawing it would take processor time from what is measured.
    output.note(f"warming up {endpoint.model} at {endpoint.address}")
    number = secrets.randbelow(PROMPT_NUMBERS)
    with Benchmark(endpoint, workload, timeout_seconds=timeout, first_number=number) as benchmark:
        benchmark.warm_up()
        try:
            for each in benchmark.rounds():
                measured.append(each)
                output.note(bench_pages.round_line(each))
        except KeyboardInterrupt as interruption:
            stopped = interruption
        report = bench_report(
            measured,
            endpoint=endpoint,
            workload=workload,
            plan=_plan(rooms),
            ignores_eos=benchmark.ignores_eos,
            complete=stopped is None,
            measured_at=datetime.now(UTC).astimezone(),
        )
    return report, stopped


def _plan(rooms: Rooms) -> Plan | None:
    """What the running engine was started for; None of an endpoint that the settings name."""
    from deploy.supervision.supervise import status

    if rooms.settings.endpoint_url:
        return None
    deployment = status(rooms.settings.state_dir)
    return deployment.plan if deployment else None


def _draw(report: BenchReport, path: Path) -> None:
    from deploy.benchmark.plot import plot

    title = f"{report.model} on {report.engine}, {report.workload.output_tokens} tokens an answer"
    try:
        path.write_text(plot(report.levels, title=title), encoding="utf-8")
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {path}: {error.strerror}", hint="stillroom bench --plot ANOTHER.svg"
        ) from error


def _failure(report: BenchReport) -> ModelError:
    first = report.failures[0]
    clients = [client for level in report.levels for client in (level.raw, level.toolkit)]
    asked = sum(client.answered + client.failed for client in clients)
    return ModelError(
        f"{report.failed_requests} of {asked} requests failed; the first: {first.reason}",
        hint="stillroom logs",
    )
