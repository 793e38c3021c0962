"""``stillroom ingest``, ``sources`` and ``search``: the private library from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from stillroom.cli import options, pages
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from rag.ingesting.ingest import IngestProgress, IngestReport

PANEL = "Library"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ingest, sources, search):
        app.command(rich_help_panel=PANEL)(command)


def ingest(
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.", show_default=False)] = None,
    library: options.Library = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make both indexes anew from the stored text.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Take files and folders into the library; unchanged ones are skipped, deleted ones removed."""
    if not paths and not rebuild:
        raise typer.BadParameter("name at least one file or folder, or --rebuild")
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.ingesting.ingest import ingest as take_in
    from rag.ingesting.ingest import rebuild as make_indexes

    with output.working("Opening the library") as update:
        held = rooms.open_library(for_rebuild=rebuild)
        if rebuild:
            make_indexes(held, on_progress=progress_line(update))
        report = take_in(held, paths, on_progress=progress_line(update)) if paths else None
    counts = held.counts()

    def show(console: Console) -> None:
        if report is not None:
            show_report(console, report)
        held_now = f"{counts.documents} documents, {counts.passages} passages in {rooms.library_dir}"
        console.print(held_now, markup=False, soft_wrap=True)

    output.result({"report": report, "counts": counts, "directory": rooms.library_dir}, show)
    if report is not None and report.failed:
        raise typer.Exit(1)


def sources(context: typer.Context, library: options.Library = None, json: options.Json = False) -> None:
    """List the documents in the library."""
    rooms = open_rooms(context, library=library)
    documents = rooms.library.documents()

    def show(console: Console) -> None:
        pages.show_documents(console, documents)

    Output(as_json=json).result(documents, show)


def search(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(help="Words or a question, English or Chinese.", callback=options.asked)
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="Passages to show.")] = 5,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Find passages by meaning and by words."""
    rooms = open_rooms(context, library=library)

    from rag.retrieval.retrieve import retrieve

    hits = retrieve(rooms.library, query, limit=limit)

    def show(console: Console) -> None:
        pages.show_hits(console, hits)

    Output(as_json=json).result(hits, show)


def progress_line(update: Callable[[str], None]) -> Callable[[IngestProgress], None]:
    """A callback that shows which file ``ingest`` is at."""

    def show(progress: IngestProgress) -> None:
        name = Path(progress.path).name
        update(f"{progress.files_done}/{progress.files_total} files, {progress.step} {name}")

    return show


def show_report(console: Console, report: IngestReport) -> None:
    """What an ingest did, with a line for every file that failed."""
    console.print(
        f"{report.added} added, {report.replaced} replaced, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.failed)} failed, in {report.seconds:.1f} s"
    )
    for failure in report.failed:
        console.print(f"[red]✗[/] {escape(f'{failure.path}: {failure.reason}')}", soft_wrap=True)
        if failure.hint:
            console.print(f"  try: {failure.hint}", style="dim", markup=False, soft_wrap=True)
