"""``stillroom conversations …``: the agent's conversations that are kept, for a person to look after.

The last conversation of ``stillroom ask`` is another thing (``stillroom.cli.conversation``): it has no name,
is of one library, and is kept only so that ``--continue`` understands the next question.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import conversations_page, options
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import ConversationError, EnvironmentUnfitError

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "Agent and IDE"
Name = Annotated[str, typer.Argument(help="The conversation's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look after kept conversations: list, read, rename, export, delete.", no_args_is_help=True
    )
    group.command("list")(list_conversations)
    for command in (show, rename, export, delete):
        group.command()(command)
    app.add_typer(group, name="conversations", rich_help_panel=PANEL)


def list_conversations(context: typer.Context, json: options.Json = False) -> None:
    """List the conversations, the last used first."""
    kept = open_rooms(context).conversations().list()

    def render(console: Console) -> None:
        conversations_page.show_overviews(console, kept)

    Output(as_json=json).result(kept, render)


def show(context: typer.Context, name: Name, json: options.Json = False) -> None:
    """Show a conversation's questions, answers and what they rest on."""
    kept = open_rooms(context).conversations().read(name)

    def render(console: Console) -> None:
        conversations_page.show_conversation(console, kept)

    Output(as_json=json).result(kept, render)


def rename(
    context: typer.Context,
    name: Name,
    new_name: Annotated[str, typer.Argument(help="Letters and digits of any script, blanks, - _ .")],
    json: options.Json = False,
) -> None:
    """Give a conversation another name."""
    open_rooms(context).conversations().rename(name, new_name)

    def render(console: Console) -> None:
        console.print(f"{name} is called {new_name} now", markup=False, soft_wrap=True)

    Output(as_json=json).result({"renamed": name, "name": new_name}, render)


def export(
    context: typer.Context,
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(help="A new file, such as taxes.md.", show_default="stdout")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a conversation with its citations as Markdown, or with --json as JSON."""
    from json import dumps

    from agents.memory.export import to_markdown
    from stillroom.cli.output import jsonable

    kept = open_rooms(context).conversations().read(name)
    text = dumps(jsonable(kept), ensure_ascii=False) + "\n" if json else to_markdown(kept)
    if file is None:
        sys.stdout.write(text)
        return
    _write_new(file, text)
    turns = kept.overview.turns
    output = Output(as_json=json)
    output.note(f"{file}: {turns} turns")
    output.result({"exported": kept.overview.name, "file": file, "turns": turns}, lambda _console: None)


def delete(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Delete a conversation; what it took on the disk is overwritten."""
    conversations = open_rooms(context).conversations()
    turns = conversations.overview(name).turns
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise ConversationError(
                f"{name} has {turns} turns, and nobody can be asked here",
                hint=f"stillroom conversations delete '{name}' --yes",
            )
        typer.confirm(f"{name} has {turns} turns. Delete it?", abort=True)
    conversations.delete(name)

    def render(console: Console) -> None:
        console.print(f"{name} is deleted", markup=False, soft_wrap=True)

    Output(as_json=json).result({"deleted": name, "turns": turns}, render)


def _write_new(file: Path, text: str) -> None:
    """A file that only its owner may read: a conversation may hold anything.

    Raises:
        EnvironmentUnfitError: it is there already, or cannot be written.
    """
    from deploy.private_files import write_new_private

    try:
        write_new_private(file, text.encode())
    except FileExistsError as error:
        raise EnvironmentUnfitError(f"{file} is there already", hint="name another file") from error
    except OSError as error:
        raise EnvironmentUnfitError(
            f"{file} cannot be written: {error.strerror}", hint="name another file"
        ) from error
