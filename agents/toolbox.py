"""Every tool of Stillroom, made from the services that they work on.

The agent takes them all; the MCP server offers those that an IDE lacks. Making the toolbox opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.result_pages import ResultPages
from agents.services import Services
from agents.toolkit.calculator import MAX_EXPRESSION_CHARACTERS, evaluate
from agents.toolkit.deployment_tools import DeploymentTools
from agents.toolkit.library_tools import LibraryTools
from agents.tools import tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.tools import Tool

__all__ = ["Services", "paged", "toolbox"]


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


def paged(tools: Sequence[Tool], pages: ResultPages | None = None) -> tuple[Tool, ...]:
    """The tools, what is too long of their results kept, and one more that reads on in it."""
    pages = pages or ResultPages()
    return (*(replace(entry, pages=pages) for entry in tools), tool(pages.read_result))


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
