"""``stillroom chat``: the agent, one question or a conversation on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, pages
from stillroom.cli.output import Output
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from rich.console import Console

    from agents.agent import AgentRun


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Agent and IDE")(chat)


def chat(
    context: typer.Context,
    question: Annotated[
        str | None, typer.Argument(help="What to do; without it, a conversation.", show_default=False)
    ] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Let the agent work on a question with its tools, and show each step."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)
    if question is not None:
        run = work(output, rooms, question)
        output.result(run, lambda console: pages.show_agent_run(console, run))
        return
    if json or not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal, name the question: stillroom chat 'QUESTION'")
    while (asked := _next_question(output.stdout)) is not None:
        if asked:
            pages.show_agent_run(output.stdout, work(output, rooms, asked))


def work(output: Output, rooms: Rooms, question: str) -> AgentRun:
    """Run the agent once, each step printed to stderr as it happens.

    Raises:
        EngineUnavailableError: no endpoint is running or set.
    """
    from agents.agent import Limits, run_agent
    from agents.toolbox import toolbox

    endpoint = rooms.endpoint()
    if endpoint is None:
        raise EngineUnavailableError("the agent needs a model, and none is running", hint="stillroom up")
    settings = rooms.settings
    return run_agent(
        question,
        endpoint=endpoint,
        tools=toolbox(rooms.services()),
        limits=Limits(steps=settings.agent_max_steps, seconds=settings.agent_max_seconds),
        on_step=lambda step: pages.show_step(output.stderr, step),
    )


def _next_question(console: Console) -> str | None:
    """What the person types; None at the end of input or ``/bye``."""
    try:
        asked = console.input("[bold]you[/] › ").strip()
    except EOFError:
        return None
    return None if asked in {"/bye", "/exit", "/quit"} else asked
