"""Whether a tool may run: at once, after a person's yes, or not at all.

A tool that only reads on this machine runs at once. One that writes, runs code, deletes or reaches out needs
a yes, each time or once for the conversation. It does not know how a person is asked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.tools import Tool


class Decision(Enum):
    """What a person said."""

    ONCE = "once"
    ALWAYS = "always"
    NO = "no"


@dataclass
class Consent:
    """What is allowed in one conversation.

    Args:
        allowed: names of tools that may run without a question; ``*`` allows all.
        ask: asks a person about one call, and blocks until there is an answer; None where nobody can be
            asked, and then nothing runs that needs a yes.
    """

    allowed: frozenset[str] = frozenset()
    ask: Callable[[Tool, Mapping[str, Any]], Decision] | None = None
    _given: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """Return if the call may run; of several threads one asks at a time.

        Raises:
            ToolError: it may not, with a message that the model reads too.
        """
        with self._lock:
            if not tool.needs_consent or {tool.name, "*"} & (self.allowed | self._given):
                return
            if self.ask is None:
                raise ToolError(
                    f"{tool.name} was not run: it needs a person's yes, and there is nobody to ask",
                    hint=f"--allow {tool.name} allows it beforehand",
                )
            decision = self.ask(tool, arguments)
            if decision is Decision.NO:
                raise ToolError(f"{tool.name} was not run: the user said no. Do not call it again.")
            if decision is Decision.ALWAYS:
                self._given.add(tool.name)
