"""``stillroom chat``: the agent, as a conversation on a terminal or for one question."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from stillroom.cli import options
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

_STDIN = "-"
# Of a question from a pipe, rather more than is asked: what is too long is refused and not cut.
_MOST_READ_CHARACTERS = 2 * options.MOST_QUESTION_CHARACTERS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Agent and IDE")(chat)


def chat(
    context: typer.Context,
    question: Annotated[
        str | None,
        typer.Argument(
            help="One question; - reads it from stdin. Without it, a conversation.", show_default=False
        ),
    ] = None,
    once: Annotated[str | None, typer.Option("--once", help="The same as the argument QUESTION.")] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", help="Go on with this conversation, or begin it.")
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on with the last conversation that has no name.")
    ] = False,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Only this tool; repeatable.", show_default="all")
    ] = None,
    no_tools: Annotated[bool, typer.Option("--no-tools", help="No tools: the model answers alone.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="This tool may run without a yes; repeatable.")
    ] = None,
    allow_all: Annotated[bool, typer.Option("--allow-all", help="Every tool may run without a yes.")] = False,
    calling: Annotated[
        Literal["auto", "native", "constrained", "prompted"] | None,
        typer.Option(
            "--calling",
            help="How the model calls tools; auto: as its server was seen to do.",
            show_default="auto",
        ),
    ] = None,
    think: Annotated[
        Literal["on", "fold", "off"], typer.Option("--think", help="How thoughts are shown.")
    ] = "fold",
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", help="Decisions of the model for a question.", show_default="8"),
    ] = None,
    max_seconds: Annotated[
        int | None, typer.Option("--max-seconds", help="Time for a question.", show_default="600")
    ] = None,
    mcp: Annotated[bool, typer.Option("--mcp/--no-mcp", help="Tools of MCP servers too.")] = True,
    mcp_config: options.McpConfig = None,
    file_roots: Annotated[
        list[Path] | None,
        typer.Option("--file-root", help="The agent may read files below this folder; repeatable."),
    ] = None,
    web: Annotated[
        bool | None,
        typer.Option("--web/--no-web", help="The agent may fetch web pages, and asks.", show_default="no"),
    ] = None,
    python: Annotated[
        bool | None,
        typer.Option("--python/--no-python", help="The agent may run Python, and asks.", show_default="no"),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Print each request and tool call with times and tokens.")
    ] = False,
    trace_file: Annotated[
        Path | None, typer.Option("--trace-file", help="Append the same as JSON lines, without secrets.")
    ] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Talk with the model, which works with tools; or let it work on one question."""
    output = Output(as_json=json)
    asked = _question(question, once)
    if conversation is not None and go_on:
        raise typer.BadParameter(
            "--continue goes on with the last conversation, --conversation with a named one"
        )
    if tool and no_tools:
        raise typer.BadParameter("--tool names tools and --no-tools takes all away")
    if asked is None and (json or not _typed_on()):
        raise typer.BadParameter(
            "without a terminal, name the question: stillroom chat 'QUESTION', or - for stdin"
        )
    rooms = open_rooms(
        context,
        library=library,
        agent_max_steps=max_steps,
        agent_max_seconds=max_seconds,
        agent_calling=calling,
        agent_file_roots=tuple(file_roots) if file_roots else None,
        agent_web=web,
        agent_python=python,
        mcp_config=mcp_config,
    )

    from stillroom.cli.chatting.session import ChatOptions, Session
    from stillroom.cli.chatting.texts import texts_in
    from stillroom.settings import interface_language

    chosen = ChatOptions(
        tools=tuple(tool or ()),
        no_tools=no_tools,
        mcp=mcp,
        allow=frozenset({"*"} if allow_all else allow or ()),
        conversation=conversation or "",
        resume=go_on,
        trace=trace,
        trace_file=trace_file,
    )
    session = Session(rooms, chosen, think=think)
    context.call_on_close(session.close)
    texts = texts_in(interface_language(rooms.settings))
    if asked is None:
        from stillroom.cli.chatting.loop import ChatLoop

        ChatLoop(session, output, texts).run()
        return
    from stillroom.cli.chatting.once import answer_once

    answer_once(session, output, texts, asked)


def _question(argument: str | None, once: str | None) -> str | None:
    """The one question, wherever it stands; None where there is none.

    Raises:
        BadParameter: it stands in two places, or it is empty or too long.
    """
    if argument is not None and once is not None:
        raise typer.BadParameter("the question stands twice: as the argument and with --once")
    typed = argument if argument is not None else once
    if typed != _STDIN:
        return options.asked(typed)
    return options.asked(sys.stdin.read(_MOST_READ_CHARACTERS) if sys.stdin is not None else "")


def _typed_on() -> bool:
    # Python has no stdin at all where the descriptor was closed.
    return sys.stdin is not None and sys.stdin.isatty()
