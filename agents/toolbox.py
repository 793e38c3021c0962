"""Every tool of Stillroom, made from the services that they work on.

The agent takes them all; the MCP server offers those that an IDE lacks. Making the toolbox opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agents.result_pages import ResultPages
from agents.services import Services
from agents.toolkit.access import Access
from agents.toolkit.calculator import MAX_EXPRESSION_CHARACTERS, evaluate
from agents.toolkit.clock import current_time
from agents.toolkit.deployment_tools import DeploymentTools
from agents.toolkit.engine_status import EngineTools
from agents.toolkit.file_roots import FileRoots
from agents.toolkit.file_tools import FileTools
from agents.toolkit.library_tools import LibraryTools
from agents.tools import tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.tools import Tool

__all__ = ["BEHIND_SWITCHES", "Access", "Services", "paged", "toolbox"]

# A slow model writes an answer for minutes; who waits less says so in the call's context.
_ANSWER_SECONDS = 600.0
_SEARCH_SECONDS = 120.0

# The tools that are there only where a person switched them on, each with the field of `Access` that does.
BEHIND_SWITCHES: Mapping[str, Literal["file_roots", "web", "python"]] = {
    "list_files": "file_roots",
    "read_file": "file_roots",
    "search_files": "file_roots",
    "fetch_page": "web",
    "run_python": "python",
}


@dataclass(frozen=True, slots=True)
class Calculation:
    """The value of an expression."""

    expression: str
    value: int | float

    def to_text(self) -> str:
        """Expression and value; 12 digits hide the last bits of binary fractions."""
        value = f"{self.value:.12g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.expression} = {value}"


def toolbox(services: Services, access: Access = Access()) -> tuple[Tool, ...]:  # noqa: B008 - frozen
    """All tools, in the order in which a model should think of them. None of them writes to a file.

    Args:
        services: what they work on.
        access: what of the world beyond the library they may reach: nothing, unless it says so.
    """
    library = LibraryTools(services)
    deployment = DeploymentTools(services)
    own = (
        tool(library.search_library),
        tool(library.ask_library, timeout_seconds=_ANSWER_SECONDS),
        tool(library.read_document),
        tool(library.read_around),
        tool(library.list_sources),
        tool(deployment.plan_deployment),
        tool(deployment.vram_estimate),
        tool(EngineTools(services).engine_status),
        tool(calculate),
        tool(current_time),
    )
    return (*own, *_file_tools(access), *_web_tools(access), *_python_tools(access))


def _file_tools(access: Access) -> tuple[Tool, ...]:
    if not access.file_roots:
        return ()
    files = FileTools(FileRoots(access.file_roots))
    return (
        tool(files.list_files),
        tool(files.read_file),
        tool(files.search_files, timeout_seconds=_SEARCH_SECONDS),
    )


def _web_tools(access: Access) -> tuple[Tool, ...]:
    if not access.web:
        return ()
    from agents.toolkit.web_fetch import WebFetcher
    from agents.toolkit.web_tools import WebTools

    web = WebTools(WebFetcher())
    return (tool(web.fetch_page, open_world=True, needs_consent=True, precheck=web.check),)


def _python_tools(access: Access) -> tuple[Tool, ...]:
    if not access.python:
        return ()
    from agents.toolkit.python_tools import PythonTools

    python = PythonTools()
    # It may do whatever the user may: nothing on every system holds a program to less.
    return (
        tool(python.run_python, read_only=False, destructive=True, open_world=True, precheck=python.check),
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
