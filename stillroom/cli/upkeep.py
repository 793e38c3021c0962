"""``stillroom library …``: what libraries there are, what they hold, whether they are sound, moving them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, upkeep_pages
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from stillroom.cli.rooms import Rooms

PANEL = "Library"
Targets = Annotated[
    list[str], typer.Argument(help="Each an id, a path, a folder or a pattern such as '*.pdf'.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Look after libraries: list, check, mend, move them.", no_args_is_help=True)
    group.command("list")(list_libraries)
    group.command("import")(import_)
    for command in (show, stats, check, repair, rebuild, export, tag, remove, delete):
        group.command()(command)
    app.add_typer(group, name="library", rich_help_panel=PANEL)


def list_libraries(context: typer.Context, json: options.Json = False) -> None:
    """List the libraries, with what each holds."""
    rooms = open_rooms(context)

    from rag.upkeep.overview import overviews

    libraries = overviews(rooms.library_dir.parent)

    def render(console: Console) -> None:
        upkeep_pages.show_libraries(console, libraries, current=rooms.settings.library)

    Output(as_json=json).result(libraries, render)


def show(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="A document's id or its file's path.")],
    library: options.Library = None,
    text: Annotated[bool, typer.Option("--text", help="Print the stored text too.")] = False,
    json: options.Json = False,
) -> None:
    """Show what the library holds of one document: files, metadata, sections, passages."""
    rooms = open_rooms(context, library=library)
    _require_library(rooms)
    held = rooms.open_library(for_rebuild=True)
    wanted = str(Path(document).absolute())
    found = next(
        (
            each
            for each in held.documents()
            if any(path == wanted or path.endswith(f"/{document}") for path in (each.path, *each.other_paths))
        ),
        None,
    ) or held.document(document)
    passages = held.passages(found.id)
    stored = held.document_text(found.id) if text else None
    notes = held.notes(found.id)

    def render(console: Console) -> None:
        upkeep_pages.show_document(console, found, notes, passages, stored)

    result = {"document": found, "notes": notes, "passages": passages}
    Output(as_json=json).result(result if stored is None else {**result, "text": stored}, render)


def stats(context: typer.Context, library: options.Library = None, json: options.Json = False) -> None:
    """Show a library in figures: documents by format and language, what it takes on disk."""
    rooms = open_rooms(context, library=library)

    from rag.upkeep.overview import overview

    held = overview(rooms.library_dir)

    def render(console: Console) -> None:
        upkeep_pages.show_overview(console, held)

    Output(as_json=json).result(held, render)


def check(
    context: typer.Context,
    library: options.Library = None,
    files: Annotated[
        bool, typer.Option("--files", help="Look also whether the documents' files have changed.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Look at every row and every index entry; exit code 1 where something is wrong."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.upkeep.checking import check as look
    from rag.upkeep.overview import overview

    held = overview(rooms.library_dir)
    with output.working("Looking at every passage"):
        findings = look(rooms.library_dir, chroma=rooms.chroma, files=files)

    def render(console: Console) -> None:
        upkeep_pages.show_findings(console, findings, held)

    output.result({"sound": not findings, "findings": findings}, render)
    if findings:
        raise typer.Exit(1)


def repair(context: typer.Context, library: options.Library = None, json: options.Json = False) -> None:
    """Make again what is wrong and can be made again; no document's file is read."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.upkeep.repairing import repair as mend

    _require_library(rooms)
    with output.working("Looking at every passage") as update:
        done = mend(rooms.library_dir, rooms.embedder(), chroma=rooms.chroma, on_indexed=_counting(update))

    def render(console: Console) -> None:
        upkeep_pages.show_repair(console, done)

    output.result(done, render)


def rebuild(context: typer.Context, library: options.Library = None, json: options.Json = False) -> None:
    """Make both indexes anew from the stored text, with the embedder that is set now."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.store.writer import rebuild_indexes

    _require_library(rooms)
    with output.working("Embedding") as update:
        counting = _counting(update)
        rebuild_indexes(rooms.library_dir, rooms.embedder(), on_indexed=counting, chroma=rooms.chroma)
    counts = rooms.library.counts()

    def render(console: Console) -> None:
        console.print(f"{counts.passages:,} passages of {counts.documents:,} documents are indexed anew")

    output.result(counts, render)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, such as books.stillroom.")],
    library: options.Library = None,
    vectors: Annotated[
        bool, typer.Option(help="With vectors nothing is embedded again where it is imported.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Write a library into one file, to keep or to move."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.upkeep.exporting import export_library

    _require_library(rooms)
    with output.working("Writing"):
        done = export_library(rooms.library_dir, file, chroma=rooms.chroma, vectors=vectors)

    def render(console: Console) -> None:
        upkeep_pages.show_exported(console, done, "written to")

    output.result(done, render)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that stillroom library export wrote.")],
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Make a library from an exported file; --library names it."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)

    from rag.upkeep.importing import import_library

    with output.working("Reading") as update:
        done = import_library(
            file, rooms.library_dir, rooms.embedder(), chroma=rooms.chroma, on_indexed=_counting(update)
        )

    def render(console: Console) -> None:
        upkeep_pages.show_exported(console, done, "taken from")

    output.result(done, render)


def tag(
    context: typer.Context,
    targets: Targets,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeatable.")] = None,
    meta: Annotated[list[str] | None, typer.Option("--meta", help="KEY=VALUE; repeatable.")] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Say something of documents, in place of what was said before: --where finds them by it."""
    metadata = options.metadata(tags, meta)
    if not metadata:
        raise typer.BadParameter("name at least one --tag or --meta")
    rooms = open_rooms(context, library=library)

    from rag.upkeep.removing import describe_documents

    _require_library(rooms)
    paths = describe_documents(rooms.library, _absolute(targets), metadata)

    def render(console: Console) -> None:
        upkeep_pages.show_paths(console, paths, "described")

    Output(as_json=json).result(paths, render)


def remove(
    context: typer.Context,
    targets: Targets,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Take documents out of the library; their files stay on disk."""
    rooms = open_rooms(context, library=library)

    from rag.upkeep.removing import remove_documents

    _require_library(rooms)
    output = Output(as_json=json)
    paths = remove_documents(rooms.library, _absolute(targets))

    def render(console: Console) -> None:
        upkeep_pages.show_paths(console, paths, "removed")

    output.result(paths, render)
    output.note("An ingest of their folder brings them back, unless .stillroomignore names them.")


def delete(
    context: typer.Context,
    library: Annotated[str, typer.Argument(help="The library's name.")],
    yes: Yes = False,
    json: options.Json = False,
) -> None:
    """Delete a library with its text and its indexes; documents' files stay on disk."""
    rooms = open_rooms(context, library=library)

    from rag.upkeep.overview import overview_or_trouble
    from rag.upkeep.removing import delete_library

    _require_library(rooms)
    # One that is damaged can be deleted, too.
    held = overview_or_trouble(rooms.library_dir)
    what = held.trouble or f"{library} holds {held.documents} documents"
    if not yes:
        if not sys.stdin.isatty():
            raise LibraryError(
                f"{what}, and nobody can be asked here", hint=f"stillroom library delete {library} --yes"
            )
        typer.confirm(f"{what}. Delete it?", abort=True)
    delete_library(rooms.library_dir, chroma=rooms.chroma)

    def render(console: Console) -> None:
        console.print(f"{held.directory} is deleted", markup=False, soft_wrap=True)

    Output(as_json=json).result({"deleted": held.name, "documents": held.documents}, render)


def _require_library(rooms: Rooms) -> None:
    from rag.store.database import require_library

    require_library(rooms.library_dir)


def _absolute(targets: list[str]) -> list[str]:
    """Paths as the library has them; ids and patterns as they are."""
    return [str(Path(target).absolute()) if Path(target).exists() else target for target in targets]


def _counting(update: Callable[[str], None]) -> Callable[[int], None]:
    done = 0

    def count(passages: int) -> None:
        nonlocal done
        done += passages
        update(f"{done:,} passages indexed")

    return count
