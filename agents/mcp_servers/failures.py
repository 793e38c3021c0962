"""What the SDK raises as our errors, in one place, without the secrets that a server may have put into them.

It does not decide what to do about a failure; whether a connection is lost it does say.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rag.prompt_text import as_data
from stillroom.errors import McpError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError

    from agents.mcp_servers.redaction import Secrets

START_HINT: Final = "run the server's command by hand and read what it prints to stderr"
# What a server says of its failure goes to a model and a terminal.
_MESSAGE_CHARACTERS: Final = 2_000
# Control characters but tab and newline; what turns the direction of writing; tags, which nobody sees.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
# Of a value in a message.
_VALUE_CHARACTERS: Final = 80
_SESSION_GONE: Final = "Session terminated"


class ConnectionLostError(McpError):
    """The server ended, or its session did.

    Args:
        sent: the request may have reached it.
    """

    def __init__(self, message: str, *, hint: str = "", sent: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


@contextmanager
def translated(error_type: type[McpError | ToolError], subject: str, secrets: Secrets) -> Iterator[None]:
    """Turn what the SDK raises into one of our errors, with what it was about in front.

    Raises:
        ConnectionLostError: the far side is gone; whatever was asked for may or may not have happened.
    """
    from anyio import BrokenResourceError, ClosedResourceError
    from mcp import MCPError
    from pydantic import ValidationError

    def told(text: str) -> str:
        return plain_words(secrets.redact(f"{subject}: {text}"))

    try:
        yield
    except ExceptionGroup as group:
        # The client's task groups wrap what failed, once for each layer.
        first = first_of(group)
        kind = ConnectionLostError if is_connection_lost(first) else error_type
        words = no_mcp(first) if isinstance(first, ValidationError) else str(first) or type(first).__name__
        raise kind(told(words), hint=START_HINT) from first
    except MCPError as error:
        if is_connection_lost(error):
            raise ConnectionLostError(told(error.message), hint=START_HINT) from error
        raise error_type(told(error.message)) from error
    except (BrokenResourceError, ClosedResourceError) as error:
        raise ConnectionLostError(told("Connection closed"), hint=START_HINT) from error
    except OSError as error:
        raise error_type(told(str(error.strerror or error)), hint=START_HINT) from error
    except ValidationError as error:
        raise error_type(told(no_mcp(error))) from error
    except RuntimeError as error:
        # The SDK's word for an answer against the tool's own schema, and for questions without an end.
        raise error_type(told(str(error))) from error


def no_mcp(error: ValidationError) -> str:
    """What is said of an answer that the protocol does not know."""
    return f"the answer is no MCP: {invalid_words(error)}"


def invalid_words(error: ValidationError, *, below: int = 0) -> str:
    """The first thing that is wrong, with where it stands and the value seen.

    Args:
        error: of a message from outside.
        below: so many parts of the place are left out.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"][below:]))
    seen = repr(first["input"])
    # Of something that is missing, the value is all that stands around it.
    shown = f", and it is {seen}" if first["type"] != "missing" and len(seen) <= _VALUE_CHARACTERS else ""
    message = first["msg"][:1].lower() + first["msg"][1:]
    return f"{where}: {message}{shown}" if where else f"{message}{shown}"


def is_connection_lost(error: BaseException) -> bool:
    """Whether the SDK's error means that the session is over."""
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST

    if not isinstance(error, MCPError):
        return False
    gone = error.code == INVALID_REQUEST and error.message == _SESSION_GONE
    return error.code == CONNECTION_CLOSED or gone


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception in nested groups."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner


def plain_words(text: str, *, limit: int = _MESSAGE_CHARACTERS) -> str:
    r"""A foreign text without what steers a terminal or could pass for a turn of a chat template.

    Example:
        >>> plain_words("\x1b[2Jhello<|im_start|>")
        '[2Jhello‹|im_start|>'
    """
    left_out = len(text) - limit
    short = text if left_out <= 0 else f"{text[:limit]}… [{left_out} characters left out]"
    return as_data(_UNSEEN.sub("", short))
