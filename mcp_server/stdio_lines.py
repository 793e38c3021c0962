"""stdin and stdout as a client's messages: mended where that can be done, answered where a line holds none.

The SDK drops a line that it cannot read, and the client waits until it gives up. Nothing here knows what
messages ask for.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import PARSE_ERROR

from mcp_server import message_form

from mcp_server.background import in_background

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from mcp.types import JSONRPCError

# Half of a pair of UTF-16 that a client cut through: no text can hold it. Whole pairs and other escapes are
# matched first and stay, so that an escaped backslash before a "u" is none.
_ESCAPES: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_BOM: Final = "\ufeff"


@asynccontextmanager
async def stdio_messages() -> AsyncIterator[tuple[Any, Any]]:
    """The SDK's streams over stdin and stdout; use it for the length of a ``with`` block."""
    with _stdin_of_our_own() as stdin:
        lines = _Lines(stdin)
        # Of a file the SDK wants its lines alone.
        async with stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (read, write):
            lines.answer = write.send
            yield read, write


def mended(line: str) -> str:
    r"""The line without what keeps a message from being read: a byte order mark, half a pair of UTF-16.

    Example:
        >>> mended('\ufeff{"a": "x\\ud83d"}')
        '{"a": "x\\ufffd"}'
    """
    return _ESCAPES.sub(lambda found: r"\ufffd" if found[1] else found[0], line.removeprefix(_BOM))


def refusal(line: str) -> JSONRPCError | None:
    """What a line is answered with that holds no message; None where it holds one, or nothing at all.

    Example:
        >>> refusal("nonsense").error.code
        -32700
    """
    if not line.strip():
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return message_form.form_error(None, PARSE_ERROR, "the line is not JSON")
    return message_form.refusal(message)


class _Lines:
    """The lines that hold messages; the others are answered."""

    def __init__(self, stdin: TextIO) -> None:
        self._stdin = stdin
        self.answer: Callable[[SessionMessage], Awaitable[None]] | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        # In a thread that may be left to its read: where stdout is closed and stdin is not, none would end.
        while raw := await in_background(self._stdin.readline):
            line = mended(raw)
            error = refusal(line)
            if error is None:
                yield line
            elif self.answer is not None:
                # A client that has gone hears nothing more.
                with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                    await self.answer(SessionMessage(error))


@contextmanager
def _stdin_of_our_own() -> Iterator[TextIO]:
    """stdin, while whatever else reads it in this process or in a child finds it at its end."""
    private = _copy_of_stdin()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    try:
        # It stays open: a thread may wait for it until the process ends.
        yield open(private, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    finally:
        os.dup2(private, 0)


def _copy_of_stdin() -> int:
    if sys.platform == "win32":
        return os.dup(0)
    import fcntl

    # Not where a closed stderr would be.
    return fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
