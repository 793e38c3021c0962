"""Every tool of Stillroom, made from the services that they work on.

The agent takes them all; the MCP server offers those that an IDE lacks. Making the toolbox opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.calculator import MAX_EXPRESSION_CHARACTERS, evaluate
from agents.deployment_tools import DeploymentTools
from agents.library_tools import LibraryTools
from agents.services import Services
from agents.tools import tool

if TYPE_CHECKING:
    from agents.tools import Tool

__all__ = ["Services", "toolbox"]


@dataclass(frozen=True, slots=True)
class Calculation:
    """The value of an expression."""

    expression: str
    value: int | float

    def to_text(self) -> str:
        """Expression and value; 12 digits hide the last bits of binary fractions."""
        value = f"{self.value:.12g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.expression} = {value}"


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """This machine's clock, with its own time zone."""

    iso: str
    weekday: str

    def to_text(self) -> str:
        """Weekday, date, time and offset from UTC."""
        return f"{self.weekday} {self.iso}"


def toolbox(services: Services) -> tuple[Tool, ...]:
    """All tools, in the order in which a model should think of them. None of them changes anything."""
    library = LibraryTools(services)
    deployment = DeploymentTools(services)
    return (
        tool(library.search_library),
        tool(library.ask_library),
        tool(library.read_document),
        tool(library.list_sources),
        tool(deployment.plan_deployment),
        tool(deployment.vram_estimate),
        tool(calculate),
        tool(current_time),
    )


def calculate(
    expression: Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_CHARACTERS)],
) -> Calculation:
    """Calculate an arithmetic expression exactly: + - * / // % **, brackets, sqrt, log, round, min, max, pi.

    Args:
        expression: for example 7 * 4 * 1.2 / (32 / 4).
    """
    return Calculation(expression, evaluate(expression))


def current_time() -> CurrentTime:
    """Tell the date, weekday and time of this machine."""
    now = datetime.now().astimezone()
    return CurrentTime(now.isoformat(timespec="seconds"), f"{now:%A}")
