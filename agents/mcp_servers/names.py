"""Names of foreign tools as models and their servers take them: ``server__tool``, each once.

Pure. What OpenAI's protocol takes of a name is ``wire_names``'s knowledge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.wire_names import LONGEST, hashed_name, wire_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_SERVER: Final = 24
_BETWEEN: Final = "__"


def tool_names(server: str, tools: Iterable[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """The name for a model of each of a server's tools, by the server's own name of it.

    Args:
        server: its name in the configuration.
        tools: as the server calls them; of two with one name the first counts.
        taken: names that other tools have already.

    Example:
        >>> tool_names("git", ["log", "read file"])
        {'log': 'git__log', 'read file': 'git__read_file_121414'}
    """
    used = set(taken)
    prefix = prefix_of(server)
    names: dict[str, str] = {}
    for tool in tools:
        if tool in names:
            continue
        room = LONGEST - len(prefix)
        name = prefix + wire_name(tool, room)
        if name in used:
            name = prefix + hashed_name(tool, f"{server}\n{tool}", room)
        names[tool] = name
        used.add(name)
    return names


def prefix_of(server: str) -> str:
    """What the names of all of a server's tools begin with.

    Example:
        >>> prefix_of("git")
        'git__'
    """
    return wire_name(server, _LONGEST_SERVER) + _BETWEEN
