"""``stillroom ask``: a question to the library, answered as it is written and checked."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import closing
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, pages
from stillroom.cli.conversation import keep_turns, read_turns
from stillroom.cli.live_answer import LiveAnswer
from stillroom.cli.output import Output, jsonable
from stillroom.cli.rooms import Rooms, open_rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from _typeshed import DataclassInstance

    from rag.answering.events import AnswerEvent
    from rag.answering.followup import Turn
    from rag.document import Answer, Hit
    from rag.store.filters import Filter


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Library")(ask)


def ask(
    context: typer.Context,
    question: Annotated[
        str, typer.Argument(help="A question that the documents answer.", callback=options.asked)
    ],
    library: options.Library = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="A follow-up to the question that was asked last.")
    ] = False,
    where: options.Where = None,
    paths: options.Paths = None,
    after: options.After = None,
    before: options.Before = None,
    languages: options.Languages = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show what the model thinks.")] = False,
    show_passages: Annotated[
        bool, typer.Option("--show-passages", help="Show the passages that were found, too.")
    ] = False,
    json: options.Json = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="With --json: a line for each step as it happens.")
    ] = False,
) -> None:
    """Answer from the library with checked citations, or refuse."""
    if stream and not json:
        raise typer.BadParameter("--stream goes with --json; otherwise an answer is always shown as it comes")
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)
    rooms.require_library(library)
    history = read_turns(rooms.settings.state_dir, rooms.library_dir) if go_on else ()
    only = _filter(where, paths, after, before, languages)
    with closing(_events(rooms, output, question, history, only)) as events:
        if json:
            answer, hits = _follow(events, _print_line if stream else lambda _event: None)
        else:
            with LiveAnswer(output, reasoning=reasoning) as live:
                answer, hits = _follow(events, live.show)
    if json and not stream:
        found = {"passages": hits} if show_passages else {}
        output.result({**fields(answer), **found}, lambda _console: None)
    elif show_passages and not json:
        pages.show_hits(output.stdout, hits, whole=True)
    _keep(rooms, output, history, answer)


def fields(value: DataclassInstance) -> dict[str, object]:
    """What a dataclass holds, by name."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _events(
    rooms: Rooms, output: Output, question: str, history: Sequence[Turn], only: Filter
) -> Generator[AnswerEvent, None, None]:
    from rag.answering.answer import answer_events

    endpoint = rooms.endpoint()
    if endpoint is None:
        output.note(
            "No model is running: the answer is made of the passages' own sentences. Start one: stillroom up"
        )
    settings = rooms.settings
    return answer_events(
        question,
        rooms.library,
        endpoint=endpoint,
        limit=settings.retrieval_limit,
        max_tokens=settings.answer_max_tokens,
        history=history,
        options=rooms.retrieval_options(only=only),
    )


def _filter(
    where: Sequence[str] | None,
    paths: Sequence[str] | None,
    after: str | None,
    before: str | None,
    languages: Sequence[str] | None,
) -> Filter:
    from rag.store.filters import parse_filter

    return parse_filter(
        where=where or (), paths=paths or (), after=after, before=before, languages=languages or ()
    )


def _follow(
    events: Iterable[AnswerEvent], show: Callable[[AnswerEvent], None]
) -> tuple[Answer, tuple[Hit, ...]]:
    """Show each event; the answer and the passages that were found for it."""
    from rag.answering.answer import final_answer
    from rag.answering.events import Retrieved

    hits: tuple[Hit, ...] = ()
    seen = []
    for event in events:
        show(event)
        if isinstance(event, Retrieved):
            hits = event.hits
        seen = [event]
    return final_answer(seen), hits


def _print_line(event: AnswerEvent) -> None:
    """An event as a line of JSON, at once."""
    named = {"event": type(event).__name__.lower(), **fields(event)}
    sys.stdout.write(dumps(jsonable(named), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _keep(rooms: Rooms, output: Output, history: Sequence[Turn], answer: Answer) -> None:
    """Keep the turn for ``--continue``; an answer that was given is not taken back where that fails."""
    from rag.answering.followup import Turn

    said = "" if answer.kind == "refused" else answer.text
    turn = Turn(answer.standalone or answer.question, said)
    try:
        keep_turns(rooms.settings.state_dir, rooms.library_dir, (*history, turn))
    except OSError as error:
        output.note(f"this turn cannot be kept for --continue: {error}")
