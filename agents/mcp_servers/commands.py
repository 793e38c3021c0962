"""The commands that messages about MCP servers name, so that a person can type them as they stand.

Who named a file with ``--mcp-config`` must name it again. It does not know what the commands do.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Commands:
    """Makes them.

    Attributes:
        file: what was named with ``--mcp-config``; None where the servers are found without it.

    Example:
        >>> Commands().line("approve", "my notes")
        "stillroom mcp approve 'my notes'"
    """

    file: Path | None = None

    def line(self, verb: str, *words: str) -> str:
        """``stillroom mcp VERB`` with its words, and the file before a ``--`` or at the end."""
        end = words.index("--") if "--" in words else len(words)
        named = ("--mcp-config", str(self.file)) if self.file else ()
        return shlex.join(("stillroom", "mcp", verb, *words[:end], *named, *words[end:]))
