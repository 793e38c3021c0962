"""Whether a tool may run: at once, after a person's yes, or not at all.

A tool that only reads on this machine runs at once. One that writes, runs code, deletes or reaches out needs
a yes, each time or once for the conversation. It does not know how a person is asked.
"""

from __future__ import annotations

import copy
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from agents.running.loops import call_key
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

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

    Attributes:
        unasked: names of the tools that did not run because nobody could be asked.

    Example:
        >>> consent = Consent(allowed=frozenset({"write_file"}), ask=lambda tool, arguments: Decision.NO)
        >>> consent.check(write_file, {"path": "notes.md"})  # doctest: +SKIP
    """

    allowed: frozenset[str] = frozenset()
    ask: Callable[[Tool, Mapping[str, Any]], Decision] | None = None
    unasked: list[str] = field(default_factory=list, init=False)
    _given: set[str] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, tool: Tool) -> bool:
        """Whether the tool may run without a question."""
        return not tool.needs_consent or bool({tool.name, "*"} & (self.allowed | self._given))

    def check(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        *,
        waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
        decided: Callable[[Decision], None] = lambda _: None,
    ) -> None:
        """Return if the call may run; of several threads one asks at a time.

        A call that was refused is not asked for again.

        Args:
            tool: what would run.
            arguments: with which.
            waiting: is entered while a person decides.
            decided: is told what that person said.

        Raises:
            ToolError: it may not, with a message that the model reads too.
        """
        with self._lock:
            if self.allows(tool):
                return
            call = call_key(tool.name, arguments)
            if call in self._refused:
                raise _refusal(tool)
            if self.ask is None:
                if tool.name not in self.unasked:
                    self.unasked.append(tool.name)
                raise ToolError(
                    f"{tool.name} was not run: it needs a person's yes, and there is nobody to ask",
                    hint=f"--allow {tool.name} allows it beforehand",
                )
            try:
                with waiting():
                    # A copy: what was shown is what runs, whatever the asking does to it.
                    decision = self.ask(tool, copy.deepcopy(dict(arguments)))
            except (EOFError, OSError, RuntimeError) as error:
                raise ToolError(
                    f"{tool.name} was not run: it needs a person's yes, and asking failed: {error!r}",
                    hint=f"--allow {tool.name} allows it beforehand",
                ) from error
            decided(decision)
            if decision is Decision.ALWAYS:
                self._given.add(tool.name)
            elif decision is not Decision.ONCE:
                # A no, or what an answer that is none is taken for.
                self._refused.add(call)
                raise _refusal(tool)


def _refusal(tool: Tool) -> ToolError:
    return ToolError(f"{tool.name} was not run: the user said no. Do not call it again.")
