"""Names of foreign tools as models and their servers take them: ``server__tool``, each once.

Pure. OpenAI's protocol takes letters, digits, ``_`` and ``-``, at most 64. A name that had to be changed ends
with six digits of its own hash, so that it stays the same in every run and two of them never meet.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST: Final = 64
_LONGEST_SERVER: Final = 24
_BETWEEN: Final = "__"
_OTHERS: Final = re.compile(r"[^a-zA-Z0-9_-]+")


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
        room = _LONGEST - len(prefix)
        name = prefix + _accepted(tool, room)
        if name in used:
            name = prefix + _hashed(tool, f"{server}\n{tool}", room)
        names[tool] = name
        used.add(name)
    return names


def prefix_of(server: str) -> str:
    """What the names of all of a server's tools begin with.

    Example:
        >>> prefix_of("git")
        'git__'
    """
    return _accepted(server, _LONGEST_SERVER) + _BETWEEN


def plain_name(name: str) -> str:
    """A name as OpenAI's protocol takes it; itself where that is so already.

    Example:
        >>> plain_name("weigh"), plain_name("查天气"), plain_name("weigh_盐")
        ('weigh', 't_80bac9', 'weigh_ad0720')
    """
    return _accepted(name, _LONGEST)


def _accepted(text: str, longest: int) -> str:
    """The text if it may stand in a name as it is; else what is left of it and its hash."""
    if text and len(text) <= longest and not _OTHERS.search(text):
        return text
    return _hashed(text, text, longest)


def _hashed(text: str, what: str, longest: int) -> str:
    mark = hashlib.sha256(what.encode("utf-8", errors="surrogatepass")).hexdigest()[:6]
    kept = _OTHERS.sub("_", text).strip("_")[: longest - len(mark) - 1]
    return f"{kept}_{mark}" if kept else f"t_{mark}"
