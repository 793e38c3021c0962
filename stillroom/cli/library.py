"""``stillroom sources`` and ``search``: the private library from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, pages
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

if TYPE_CHECKING:
    from rich.console import Console


PANEL = "Library"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (sources, search):
        app.command(rich_help_panel=PANEL)(command)


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
