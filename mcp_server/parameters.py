"""What is wrong with a request's parameters, said in words: the SDK says only that something is.

It knows how the SDK tells, and no method of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp import MCPError
from mcp.types import INVALID_PARAMS
from pydantic import ValidationError

from stillroom.bad_values import needed

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from pydantic_core import ErrorDetails

_MOST_SAID: Final = 3
_VALUE_CHARACTERS: Final = 80
# The SDK's words for a request that comes before a client of the older revisions has greeted.
_NOT_GREETED: Final = "Invalid request parameters"


async def say_what_is_wrong(ctx: ServerRequestContext, call_next: CallNext) -> HandlerResult:
    """A middleware of the SDK's: the same errors, with the value that was seen and what is needed.

    Raises:
        MCPError: the parameters are not those of the method, or it was called before ``initialize``.
    """
    try:
        return await call_next(ctx)
    except ValidationError as error:
        said = wrong_parameters(error)
        if not said:  # it is not of the request
            raise
        raise MCPError(INVALID_PARAMS, f"{ctx.method}: {said}") from error
    except MCPError as error:
        if error.error.message != _NOT_GREETED:
            raise
        raise MCPError(INVALID_PARAMS, f"{ctx.method} came before initialize, which comes first") from error


def wrong_parameters(error: ValidationError) -> str:
    """What is wrong with a request's parameters; empty where the error is of something else."""
    found = [detail for detail in error.errors(include_url=False) if detail["loc"][:1] == ("params",)]
    said = list(dict.fromkeys(map(_said, found)))
    more = f"; and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
    return "; ".join(said[:_MOST_SAID]) + more


def _said(detail: ErrorDetails) -> str:
    # Where several kinds are allowed, pydantic puts the names of their classes into the way.
    way = ".".join(str(part) for part in detail["loc"] if not str(part)[:1].isupper())
    if detail["type"] == "missing":
        return f"{way!r} is needed and missing"
    value = repr(detail["input"])
    shown = value if len(value) <= _VALUE_CHARACTERS else f"{value[:_VALUE_CHARACTERS]}..."
    return f"{way!r} = {shown}: {needed(detail)}"
