"""What is typed behind ``stillroom chat``: each value is looked at before anything is opened or asked.

It knows no model and no tool.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from stillroom.cli import options
from stillroom.errors import ConversationError

if TYPE_CHECKING:
    from stillroom.cli.rooms import Rooms

_STDIN: Final = "-"
# A pipe may have no end: what is longer than this is not counted any further.
_MOST_COUNTED: Final = 1_000_000


def one_question(argument: str | None, once: str | None) -> str | None:
    """The one question, wherever it stands; None where there is none.

    Raises:
        BadParameter: it stands in two places, or it is empty or too long.
    """
    if argument is not None and once is not None:
        raise typer.BadParameter("the question stands twice: as the argument and with --once")
    typed = argument if argument is not None else once
    if typed is None:
        return None
    text, characters = _piped() if typed == _STDIN else (typed.strip(), len(typed.strip()))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # bytes that are no text come as halves of surrogate pairs
        raise typer.BadParameter(
            f"the question is no UTF-8 text: its character {error.start + 1} is none"
        ) from error
    if not text:
        where = "what stdin gave" if typed == _STDIN else "the question"
        raise typer.BadParameter(f"{where} is empty; type one, such as stillroom chat 'What is 6 times 7?'")
    most = options.MOST_QUESTION_CHARACTERS
    if characters > most:
        counted = f"{characters:,}" if characters <= _MOST_COUNTED else f"more than {_MOST_COUNTED:,}"
        raise typer.BadParameter(
            f"the question has {counted} characters, and at most {most:,} are read; "
            "what is longer belongs in the library: stillroom ingest PATH"
        )
    return text


def _piped() -> tuple[str, int]:
    """What stdin gives as far as a question can be long, and how many characters it has."""
    if sys.stdin is None:  # Python has none at all where the descriptor was closed
        return "", 0
    try:
        read = sys.stdin.read(_MOST_COUNTED + 1)
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"what stdin gives is no UTF-8 text: {error.reason}") from error
    text = read.strip()
    return text, len(read) if len(read) > _MOST_COUNTED else len(text)


def conversation_name(name: str | None) -> str | None:
    """A name that a conversation can have.

    Raises:
        BadParameter: it cannot.
    """
    if name is None:
        return None
    from agents.memory.names import checked_name

    try:
        return checked_name(name)
    except ConversationError as error:
        raise typer.BadParameter(f"{error.message}; {error.hint}") from error


def folder(typed: str | Path) -> Path:
    """A folder whose files the agent may read.

    Raises:
        BadParameter: it is none, or may not be read.
    """
    path = Path(typed).expanduser()
    if not str(typed):
        raise typer.BadParameter("a folder is needed, and the name is empty")
    if not path.exists():
        raise typer.BadParameter(f"there is no folder {path}")
    if not path.is_dir():
        raise typer.BadParameter(
            f"{path} is a file, and a folder is needed, such as {path.absolute().parent}"
        )
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise typer.BadParameter(f"the folder {path} cannot be read: {error.strerror}") from error
    return path


def trace_file(typed: str | Path) -> Path:
    """A file to write to, in a folder that is there.

    Raises:
        BadParameter: it is a folder, or there is none for it.
    """
    path = Path(typed).expanduser()
    if not str(typed):
        raise typer.BadParameter("a file is needed, and the name is empty")
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder, and a file is needed, such as {path / 'trace.jsonl'}")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}; to make it: mkdir -p '{path.parent}'")
    return path


def require_writable(rooms: Rooms, typed: Path | None) -> None:
    """Stop where the trace cannot be written, before a model is asked.

    Raises:
        EnvironmentUnfitError: it cannot.
    """
    path = typed or rooms.settings.agent_trace_file
    if path is not None:
        from agents.running.trace_file import TraceFile

        TraceFile(path.expanduser().absolute())
