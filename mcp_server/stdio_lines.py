"""stdin and stdout as a client's messages: a line that holds none is answered.

The SDK drops a line that it cannot read, and the client waits until it gives up. Nothing here knows what
messages ask for.
"""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from mcp_server.background import in_background
from mcp_server.message_text import mended, read_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


@asynccontextmanager
async def stdio_messages() -> AsyncIterator[tuple[Any, Any]]:
    """The SDK's streams over stdin and stdout; use it for the length of a ``with`` block."""
    with _stdin_of_our_own() as stdin:
        lines = _Lines(stdin)
        # Of a file the SDK wants its lines alone.
        async with stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (read, write):
            lines.answer = write.send
            yield read, write


class _Lines:
    """The lines that hold messages; the others are answered."""

    def __init__(self, stdin: TextIO) -> None:
        self._stdin = stdin
        self.answer: Callable[[SessionMessage], Awaitable[None]] | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        # In a thread that may be left to its read: where stdout is closed and stdin is not, none would end.
        while raw := await in_background(self._stdin.readline):
            line = mended(raw)
            if not line.strip():
                continue
            _, trouble = read_message(line)
            if trouble is None:
                yield line
            elif self.answer is not None:
                # A client that has gone hears nothing more.
                with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                    await self.answer(SessionMessage(trouble))


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
