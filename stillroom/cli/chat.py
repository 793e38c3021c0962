"""``stillroom chat``: the agent, as a conversation on a terminal or for one question."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from stillroom.cli import chat_values, options
from stillroom.cli.output import ErrorWords, Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import StillroomError


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
        str | None,
        typer.Option(
            "--conversation",
            help="Go on with this conversation, or begin it.",
            callback=chat_values.conversation_name,
        ),
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
        typer.Option(
            "--max-steps", min=1, max=100, help="Decisions of the model for a question.", show_default="8"
        ),
    ] = None,
    max_seconds: Annotated[
        int | None,
        typer.Option("--max-seconds", min=1, max=86_400, help="Time for a question.", show_default="600"),
    ] = None,
    mcp: Annotated[bool, typer.Option("--mcp/--no-mcp", help="Tools of MCP servers too.")] = True,
    mcp_config: options.McpConfig = None,
    file_roots: Annotated[
        list[Path] | None,
        typer.Option(
            "--file-root",
            parser=chat_values.folder,
            metavar="folder",
            help="The agent may read files below this folder; repeatable.",
        ),
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
        Path | None,
        typer.Option(
            "--trace-file",
            parser=chat_values.trace_file,
            metavar="path",
            help="Append the same as JSON lines, without secrets.",
        ),
    ] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Talk with the model, which works with tools; or let it work on one question."""
    output = Output(as_json=json)
    asked = chat_values.one_question(question, once)
    if conversation is not None and go_on:
        raise typer.BadParameter(
            "--continue goes on with the last conversation, --conversation with a named one"
        )
    if no_tools:
        _refuse_beside(
            "--no-tools",
            {
                "--tool": tool,
                "--allow": allow,
                "--allow-all": allow_all,
                "--file-root": file_roots,
                "--web": web,
                "--python": python,
                "--mcp-config": mcp_config,
            },
        )
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
    rooms.require_library(library)
    chat_values.require_writable(rooms, trace_file)

    from stillroom.cli.chatting.missing_tool import NoSuchToolError
    from stillroom.cli.chatting.session import ChatOptions, Session
    from stillroom.cli.chatting.wordings import texts_in
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
    output.words = ErrorWords(texts.error, texts.hint, texts.message)
    try:
        session.toolset.check_names()
        if asked is None:
            from stillroom.cli.chatting.loop import ChatLoop

            ChatLoop(session, output, texts).run()
        else:
            from stillroom.cli.chatting.once import answer_once

            answer_once(session, output, texts, asked)
    except NoSuchToolError as error:
        raise typer.BadParameter(f"{error.message}; try: {error.hint}") from error
    except StillroomError as error:
        if context.find_root().params.get("debug"):
            raise
        # Here and not by whoever started the command, who knows no language.
        output.failure(error)
        raise typer.Exit(error.exit_code) from error


def _refuse_beside(switch: str, others: Mapping[str, object]) -> None:
    """Stop where an option was typed that the switch leaves nothing to do.

    Raises:
        BadParameter: one was.
    """
    for name, value in others.items():
        if value:
            raise typer.BadParameter(f"{switch} and {name} contradict each other: leave one of them out")


def _typed_on() -> bool:
    # Python has no stdin at all where the descriptor was closed.
    return sys.stdin is not None and sys.stdin.isatty()
