"""How our errors become the protocol's: words for whoever reads them, and the code that clients know.

It does not know what was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mcp import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from mcp_server.background import in_background
from mcp_server.callers import current_caller
from stillroom.errors import (
    LibraryBusyError,
    LibraryDamagedError,
    LibraryError,
    LibraryOutdatedError,
    StillroomError,
    ToolError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def error_text(error: StillroomError) -> str:
    """Message and hint, for someone who sees neither our exit code nor our stderr."""
    return f"{error.message}\nHint: {error.hint}" if error.hint else error.message


async def answered(method: str, work: Callable[[], T]) -> T:
    """The value of ``work()``, made in the background, if the caller may ask for ``method``.

    Raises:
        MCPError: the caller may not, or the work raised an error of ours.
    """
    try:
        current_caller().require(method)
    except ToolError as error:
        raise MCPError(INVALID_REQUEST, error_text(error)) from error
    try:
        return await in_background(work)
    except (LibraryBusyError, LibraryDamagedError, LibraryOutdatedError) as error:
        # Whatever was asked for: no other parameters would do.
        raise MCPError(INTERNAL_ERROR, error_text(error)) from error
    except (ToolError, LibraryError) as error:
        raise MCPError(INVALID_PARAMS, error_text(error)) from error
    except StillroomError as error:
        raise MCPError(INTERNAL_ERROR, error_text(error)) from error
