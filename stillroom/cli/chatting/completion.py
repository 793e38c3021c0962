"""What Tab completes on the line: slash commands, and what may follow each of them.

Names are asked for when they are needed, so that nothing is opened before somebody presses Tab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from stillroom.cli.chatting.slash import COMMANDS, read_command
from stillroom.cli.chatting.thinking import THINK_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prompt_toolkit.completion import CompleteEvent

_FIRST_WORDS: Final = {"think": THINK_MODES, "tools": ("on", "off")}


class SlashCompleter(Completer):
    """Completes commands, their words, names and paths.

    Args:
        summaries: what each command does, by name.
        names: gives the names that may follow a command, by its name; it must be quick.
    """

    def __init__(
        self, summaries: Mapping[str, str], names: Mapping[str, Callable[[], Iterable[str]]]
    ) -> None:
        self._summaries = summaries
        self._names = names
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        before = document.text_before_cursor
        typed = read_command(before)
        if typed is None or "\n" in before:
            return
        if " " not in before:
            yield from self._commands(before[1:])
            return
        name = typed.command.name if typed.command else ""
        if name == "save":
            path = before.partition(" ")[2].lstrip()
            yield from self._paths.get_completions(Document(path), complete_event)
            return
        *said, begun = before.split(" ")[1:]
        yield from _those(self._possible(name, [word for word in said if word]), begun)

    def _commands(self, begun: str) -> Iterable[Completion]:
        for command in COMMANDS:
            if command.name.startswith(begun.lower()):
                whole = f"{command.name} " if command.arguments else command.name
                yield Completion(
                    whole, -len(begun), f"/{command.name}", self._summaries.get(command.name, "")
                )

    def _possible(self, name: str, said: list[str]) -> Iterable[str]:
        if not said and name in _FIRST_WORDS:
            return _FIRST_WORDS[name]
        if said and name != "tools":
            return ()
        names = self._names.get(name, tuple)()
        return [one for one in names if one not in said]


def _those(possible: Iterable[str], begun: str) -> Iterable[Completion]:
    return [Completion(one, -len(begun)) for one in possible if one.startswith(begun)]
