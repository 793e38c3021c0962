"""Slash commands as words: which there are, what was typed, and what was probably meant.

Pure; what a command does is ``stillroom.cli.chatting.commands``' business.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command.

    Attributes:
        arguments: how they are written, as help shows them.
        others: other names of the same.
    """

    name: str
    arguments: str = ""
    others: tuple[str, ...] = ()


# In the order in which /help lists them.
COMMANDS: Final = (
    SlashCommand("tools", "[on|off NAME…]"),
    SlashCommand("library", "[NAME]"),
    SlashCommand("model", "[NAME]"),
    SlashCommand("think", "[on|off|fold]"),
    SlashCommand("trace"),
    SlashCommand("retry"),
    SlashCommand("copy"),
    SlashCommand("save", "[PATH]"),
    SlashCommand("conversations"),
    SlashCommand("open", "NAME"),
    SlashCommand("clear", others=("new",)),
    SlashCommand("help", others=("?",)),
    SlashCommand("exit", others=("bye", "quit", "q")),
)
_BY_NAME: Final = {name: command for command in COMMANDS for name in (command.name, *command.others)}


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that begins with a slash.

    Attributes:
        command: which one; None for an unknown name.
        name: as it was typed, without the slash.
        rest: what follows the name, stripped.
    """

    command: SlashCommand | None
    name: str
    rest: str

    @property
    def words(self) -> tuple[str, ...]:
        """What follows the name, word by word."""
        return tuple(self.rest.split())


def read_command(line: str) -> Typed | None:
    """The command in a line; None for a line that is a question.

    A blank before the slash makes it a question: somebody may ask about ``/etc/fstab``.

    Example:
        >>> read_command("/think on").rest
        'on'
        >>> read_command(" /etc/fstab?") is None
        True
    """
    if not line.startswith("/"):
        return None
    name, _, rest = line[1:].strip().partition(" ")
    return Typed(_BY_NAME.get(name.lower()), name, rest.strip())


def nearest(name: str, known: Iterable[str] = _BY_NAME) -> str | None:
    """The known name that is most like what was typed; None where none is near.

    Example:
        >>> nearest("tolls"), nearest("sav"), nearest("etc/fstab")
        ('tools', 'save', None)
    """
    names = list(known)
    begun = [one for one in names if name and one.startswith(name.lower())]
    near = begun or difflib.get_close_matches(name.lower(), names, n=1)
    return near[0] if near else None
