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
    from collections.abc import Sequence

    from rich.console import Console

    from agents.agent import AgentRun
    from agents.tools import Tool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Agent and IDE")(chat)


def chat(
    context: typer.Context,
    question: Annotated[
        str | None,
        typer.Argument(
            help="What to do; without it, a conversation.", show_default=False, callback=options.asked
        ),
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Only this tool; may be repeated.", show_default="all")
    ] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Let the agent work on a question with its tools, and show each step."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library)
    tools = _chosen(rooms, tool or ())
    if question is not None:
        run = work(output, rooms, question, tools)
        output.result(run, lambda console: pages.show_agent_run(console, run))
        return
    # Python has no stdin at all where the descriptor was closed.
    if json or sys.stdin is None or not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal, name the question: stillroom chat 'QUESTION'")
    while (asked := _next_question(output.stdout)) is not None:
        if asked:
            pages.show_agent_run(output.stdout, work(output, rooms, asked, tools))


def work(output: Output, rooms: Rooms, question: str, tools: Sequence[Tool]) -> AgentRun:
    """Run the agent once, each step printed to stderr as it happens.

    Raises:
        EngineUnavailableError: no endpoint is running or set.
    """
    from agents.agent import Limits, run_agent
    from agents.background import start_in_background

    endpoint = rooms.endpoint()
    if endpoint is None:
        raise EngineUnavailableError("the agent needs a model, and none is running", hint="stillroom up")
    settings = rooms.settings
    running = start_in_background(
        lambda: run_agent(
            question,
            endpoint=endpoint,
            tools=tools,
            limits=Limits(steps=settings.agent_max_steps, seconds=settings.agent_max_seconds),
            on_step=lambda step: pages.show_step(output.stderr, step),
        )
    )
    return running.result()


def _chosen(rooms: Rooms, names: Sequence[str]) -> tuple[Tool, ...]:
    """The tools of those names, or all where none is named."""
    from agents.toolbox import toolbox

    tools = toolbox(rooms.services())
    known = [tool.name for tool in tools]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"there is no tool {unknown[0]}; there are {', '.join(known)}")
    return tuple(tool for tool in tools if not names or tool.name in names)


def _next_question(console: Console) -> str | None:
    """What the person types; None at the end of input or ``/bye``."""
    try:
        asked = console.input("[bold]you[/] › ").strip()
    except EOFError:
        return None
    return None if asked in {"/bye", "/exit", "/quit"} else asked
