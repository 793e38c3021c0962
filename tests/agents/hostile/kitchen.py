"""Tools that say when they run: what a test must know to hold that none ran which must not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.tools import tool

if TYPE_CHECKING:
    from agents.tools import Tool


@dataclass
class Kitchen:
    """One that may be used freely, and one that needs a person's yes.

    Attributes:
        ran: name and argument of each call that really ran.
    """

    ran: list[tuple[str, object]] = field(default_factory=list)

    def weigh(self, thing: str, grams: int = 5) -> str:
        """Weigh a thing."""
        self.ran.append(("weigh", thing))
        return f"{thing}: {grams} g"

    def run_python(self, code: str) -> str:
        """Run Python code."""
        self.ran.append(("run_python", code))
        return "done"

    @property
    def free(self) -> tuple[Tool, ...]:
        """What needs no yes."""
        return (tool(self.weigh),)

    @property
    def all(self) -> tuple[Tool, ...]:
        """Both."""
        return (*self.free, tool(self.run_python, read_only=False, destructive=True))
