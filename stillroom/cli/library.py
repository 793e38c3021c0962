"""``stillroom sources``: what the private library holds, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from stillroom.cli import options, pages
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

if TYPE_CHECKING:
    from rich.console import Console


PANEL = "Library"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=PANEL)(sources)


def sources(context: typer.Context, library: options.Library = None, json: options.Json = False) -> None:
    """List the documents in the library."""
    rooms = open_rooms(context, library=library)
    documents = rooms.library.documents()

    def show(console: Console) -> None:
        pages.show_documents(console, documents)

    Output(as_json=json).result(documents, show)
