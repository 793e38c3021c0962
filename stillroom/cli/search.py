"""``stillroom search``: passages of the private library, and on request how they were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stillroom.cli import options
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.cli.search_page import show_explained, show_hits

if TYPE_CHECKING:
    from rich.console import Console

# Typer reads annotations when the program starts, and the retrieval's room is heavy to import: its choices
# are written down here again, and mypy holds the two together.
Stage = Annotated[
    Literal["lexical", "dense", "hybrid"], typer.Option("--stage", help="By words, by meaning, or by both.")
]
Expand = Annotated[
    Literal["fusion", "hyde", "translate"] | None,
    typer.Option(
        "--expand",
        help="Let the running model widen the question: ask otherwise, imagine an answer, translate it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Library")(search)


def search(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(help="Words or a question, English or Chinese.", callback=options.asked)
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="Passages to show.")] = 5,
    where: options.Where = None,
    paths: options.Paths = None,
    after: options.After = None,
    before: options.Before = None,
    languages: options.Languages = None,
    stage: Stage = "hybrid",
    expand: Expand = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each step's scores and ranks, and what it took.")
    ] = False,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Find passages by meaning and by words."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)
    rooms.require_library(library)

    from rag.retrieval.retrieve import search as find
    from rag.store.filters import parse_filter

    only = parse_filter(
        where=where or (), paths=paths or (), after=after, before=before, languages=languages or ()
    )
    chosen = rooms.retrieval_options(stage=stage, expansion=expand, only=only)
    found = find(rooms.library, query, chosen, limit=limit)
    for note in found.notes:
        output.note(note)

    def show(console: Console) -> None:
        if explain:
            show_explained(console, found)
        else:
            show_hits(console, found.hits)

    output.result(found if explain else found.hits, show)
