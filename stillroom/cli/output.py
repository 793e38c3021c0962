"""Where output goes: results to stdout, everything else to stderr.

With ``--json`` the result is one line of JSON and nothing else is written to stdout; it is the stable
format. Colour and moving progress appear only on a terminal, and ``NO_COLOR`` is honoured.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stillroom.errors import StillroomError

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """How an error is told to a person: in English, where the command knows no other language.

    Attributes:
        told: the message or the hint as it is shown; JSON has it as it was made.
    """

    error: str = "error:"
    hint: str = "try:  "
    told: Callable[[str], str] = str


class Output:
    """One command's output.

    Args:
        as_json: print the result as one line of JSON, and human text nowhere on stdout.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.stdout = Console(soft_wrap=False, highlight=False)
        self.stderr = Console(stderr=True, highlight=False)
        self.words = ErrorWords()

    def result(self, data: object, show: Callable[[Console], None]) -> None:
        """Print the command's result: ``data`` as JSON, or whatever ``show`` draws."""
        if self.as_json:
            sys.stdout.write(json.dumps(jsonable(data), ensure_ascii=False) + "\n")
        else:
            show(self.stdout)

    def flush(self) -> None:
        """Let whoever reads stdout see at once what was printed: for a command that goes on."""
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something on stderr that is no part of the result; printed as it is, never as markup."""
        self.stderr.print(text, markup=False, soft_wrap=True)

    def failure(self, error: StillroomError) -> None:
        """Print an error and its hint; with ``--json`` also as an object on stdout."""
        if self.as_json:
            sys.stdout.write(json.dumps({"error": error_body(error)}, ensure_ascii=False) + "\n")
        self.complain(error)

    def complain(self, error: StillroomError) -> None:
        """Print an error and its hint on stderr alone: for a command whose result says it already."""
        words = self.words
        self.stderr.print(f"[bold red]{words.error}[/] {escape(words.told(error.message))}", soft_wrap=True)
        if error.hint:
            self.stderr.print(f"[bold]{words.hint}[/] {escape(words.told(error.hint))}", soft_wrap=True)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something takes a while; yields a function that replaces the text.

        On a terminal a spinner turns; elsewhere the first text is printed once.
        """
        if not self.stderr.is_terminal:
            self.stderr.print(f"{escape(text)} …")
            yield lambda _text: None
            return
        with self.stderr.status(escape(text)) as status:
            yield lambda newer: status.update(escape(newer))


def error_body(error: StillroomError) -> dict[str, str | int]:
    """An error as the JSON that every command prints for one."""
    return {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}


def jsonable(value: object) -> object:
    """Turn dataclasses, paths, sets and tuples into what ``json`` writes.

    Example:
        >>> jsonable((1, Path("a")))
        [1, 'a']
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: jsonable(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr
        }
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def gib(size_bytes: float) -> str:
    """Bytes as GiB with one decimal, or MiB below one GiB.

    Example:
        >>> gib(5 * 1024**3), gib(300 * 1024**2)
        ('5.0 GiB', '300 MiB')
    """
    if abs(size_bytes) < GIB:
        return f"{size_bytes / MIB:.0f} MiB"
    return f"{size_bytes / GIB:.1f} GiB"
