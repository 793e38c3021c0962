"""``stillroom ingest``: files and folders into the private library, once or for as long as they change."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stillroom.cli import ingest_page, options
from stillroom.cli.ingest_progress import JsonProgress
from stillroom.cli.output import Output
from stillroom.cli.pace import paced
from stillroom.cli.rooms import open_rooms
from stillroom.errors import LibraryBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from rich.console import Console

    from rag.ingesting.ingest import IngestOptions, IngestReport
    from rag.library import LibraryCounts
    from stillroom.cli.rooms import Rooms
    from stillroom.settings import Settings

T = TypeVar("T")

PANEL = "Library"
# Each try looks through the folders anew, so there are not many of them.
_RETRY_SECONDS = 2.0
# 128 and the number of SIGINT, as shells count.
_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL)(ingest)


def ingest(
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.", show_default=False)] = None,
    library: options.Library = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and follow every change.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done; write nothing.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make both indexes anew from the stored text.")
    ] = False,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Said of every file; repeatable.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", help="KEY=VALUE, said of every file; repeatable.")
    ] = None,
    password: Annotated[
        list[str] | None,
        typer.Option("--password", help="For encrypted files; repeatable. Better: document_password_file."),
    ] = None,
    ocr: Annotated[bool, typer.Option(help="Read pictures of text by Tesseract.")] = True,
    ocr_languages: Annotated[
        str | None,
        typer.Option("--ocr-languages", help="As Tesseract names them.", show_default="chi_sim+eng"),
    ] = None,
    ignore: Annotated[
        bool, typer.Option("--ignore/--no-ignore", help="Follow .gitignore and .stillroomignore.")
    ] = True,
    within: Annotated[
        list[Path] | None,
        typer.Option("--within", help="Take in nothing that lies elsewhere, links followed; repeatable."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, max=64, help="Files read at once.", show_default="cores less one"),
    ] = None,
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, help="Seconds to wait for another process that writes to the library."),
    ] = 0.0,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Say on stderr how far it is, one JSON object a line.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Take files and folders into the library; unchanged ones are skipped, deleted ones removed."""
    if not paths and (watch or dry_run or not rebuild):
        raise typer.BadParameter("name at least one file or folder, or --rebuild")
    if watch and (dry_run or rebuild):
        raise typer.BadParameter("--watch goes with neither --dry-run nor --rebuild")
    if (wait or json_progress) and (watch or dry_run):
        raise typer.BadParameter("--wait and --json-progress go with neither --watch nor --dry-run")
    from rag.ingesting.bounds import Bounds

    metadata = _metadata(tag or (), meta or ())
    rooms = open_rooms(context, library=library, ocr_languages=ocr_languages)
    output = Output(as_json=json)
    chosen = replace(
        ingest_options(rooms.settings, tuple(password or ())),
        ignoring=ignore,
        readers=jobs,
        metadata=metadata,
        bounds=Bounds.below(within or ()),
    )
    chosen = replace(chosen, parse=replace(chosen.parse, ocr=ocr))
    if dry_run:
        _preview(output, rooms, paths or [], chosen)
    elif watch:
        _watch(output, rooms, paths or [], chosen)
    else:
        told = JsonProgress(sys.stderr) if json_progress else None
        _ingest(output, rooms, paths or [], chosen, rebuild=rebuild, wait_seconds=wait, told=told)


def ingest_options(settings: Settings, passwords: tuple[str, ...] = ()) -> IngestOptions:
    """How files are read where nothing else is said.

    Raises:
        SettingsError: the file of passwords cannot be read.
    """
    from rag.ingesting.options import IngestOptions
    from rag.ingesting.reading import MIB, ReadLimits
    from rag.parsers.options import ParseOptions
    from stillroom.settings import document_passwords

    return IngestOptions(
        parse=ParseOptions(
            passwords=(*passwords, *document_passwords(settings)), ocr_languages=settings.ocr_languages
        ),
        limits=ReadLimits(memory_bytes=settings.parse_memory_mib * MIB, seconds=settings.parse_seconds),
    )


def _ingest(
    output: Output,
    rooms: Rooms,
    paths: Sequence[Path],
    chosen: IngestOptions,
    *,
    rebuild: bool,
    wait_seconds: float,
    told: JsonProgress | None,
) -> None:
    from rag.ingesting.ingest import ingest as take_in
    from rag.ingesting.ingest import rebuild as make_indexes

    report: IngestReport | None = None
    with stopping(output) as stop:
        with paced(output, "Opening the library", noun="files") as pace:
            tell = told.tell if told else ingest_page.teller(pace.show)
            patient = partial(
                _once_free, seconds=wait_seconds, stop=stop, tell=told.wait if told else output.note
            )
            held = rooms.open_library(for_rebuild=rebuild)
            if rebuild:
                patient(lambda: make_indexes(held, on_progress=tell))
            if paths:
                report = patient(lambda: take_in(held, paths, options=chosen, on_progress=tell, stop=stop))
        counts = held.counts()
    _print(output, rooms, report, counts)
    if report is not None and report.stopped:
        output.note("stopped; the same command goes on from here")
        raise typer.Exit(_INTERRUPTED)
    if report is not None and report.failed:
        raise typer.Exit(1)


def _once_free(
    write: Callable[[], T], *, seconds: float, stop: threading.Event, tell: Callable[[str], None]
) -> T:
    """What ``write`` gives, tried again for so long while another process writes to the library.

    Raises:
        LibraryBusyError: it writes still, or the wait was stopped.
    """
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        try:
            return write()
        except LibraryBusyError as error:
            if time.monotonic() >= deadline or stop.is_set():
                raise
            if error.message != said:
                said = error.message
                tell(f"{said}; waiting for it")
        stop.wait(_RETRY_SECONDS)


def _watch(output: Output, rooms: Rooms, paths: Sequence[Path], chosen: IngestOptions) -> None:
    from rag.ingesting.watch import watch

    with stopping(output) as stop, paced(output, "Opening the library", noun="files") as pace:
        held = rooms.open_library()

        def show(report: IngestReport) -> None:
            _print(output, rooms, report, held.counts())
            output.flush()

        output.note("Watching; Ctrl-C ends it.")
        watch(
            held,
            paths,
            stop=stop,
            options=chosen,
            on_report=show,
            on_error=output.complain,
            on_progress=ingest_page.teller(pace.show),
        )


def _preview(output: Output, rooms: Rooms, paths: Sequence[Path], chosen: IngestOptions) -> None:
    from rag.ingesting.preview import preview

    with output.working("Looking"):
        found = preview(rooms.library_dir, paths, options=chosen)

    def show(console: Console) -> None:
        ingest_page.show_preview(console, found)

    output.result({"preview": found, "directory": rooms.library_dir}, show)
    if found.failed:
        raise typer.Exit(1)


def _print(output: Output, rooms: Rooms, report: IngestReport | None, counts: LibraryCounts) -> None:
    def show(console: Console) -> None:
        if report is not None:
            ingest_page.show_report(console, report)
        held_now = f"{counts.documents} documents, {counts.passages} passages in {rooms.library_dir}"
        console.print(held_now, markup=False, soft_wrap=True)

    output.result({"report": report, "counts": counts, "directory": rooms.library_dir}, show)


@contextmanager
def stopping(output: Output) -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set: what is at work is finished. A second time ends at once."""
    stop = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.note("Stopping after what is at work; Ctrl-C again stops at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _metadata(tags: Sequence[str], pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What is said of every file, by key.

    Raises:
        BadParameter: a pair has no ``=``, or an empty side.

    Example:
        >>> _metadata(["tax"], ["year=2026", "year=2025"])
        {'tag': ('tax',), 'year': ('2026', '2025')}
    """
    said: dict[str, tuple[str, ...]] = {"tag": tuple(tags)} if tags else {}
    for pair in pairs:
        key, _, value = (part.strip() for part in pair.partition("="))
        if not key or not value or not key.replace("-", "").replace(".", "").isidentifier():
            raise typer.BadParameter(f"--meta takes KEY=VALUE with a key of letters and digits, not {pair!r}")
        said[key] = (*said.get(key, ()), value)
    return said
