"""How a configured server is reached: the SDK's transport for a program or an address, and what to say of it.

It starts nothing before the SDK enters the transport, and does not know what is spoken over it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.mcp_servers.config import Process
from agents.mcp_servers.environment import inherited
from agents.mcp_servers.listing import ToolSieve
from agents.mcp_servers.stderr_tail import StderrTail
from deploy.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    import httpx2
    from mcp.client._transport import TransportStreams

    from agents.mcp_servers.config import HttpAddress

# One event or body may hold a whole result; the SDK's own limit of 1 MiB is less than a picture.
_MOST_EVENT_BYTES: Final = 32 * 1024 * 1024
_CONNECT_SECONDS: Final = 30.0
# A stream may be silent for as long as a call works; the call's own time limit ends it.
_READ_SECONDS: Final = 3600.0
_REFUSED_STATUS: Final = 400


@dataclass
class Observations:
    """What a person must know when the server fails.

    Attributes:
        stderr: the last lines of the process; None for a server that is reached over HTTP.
        status: the last refusal of an HTTP server, such as ``401 Unauthorized``.
        left_out: tools in its list that are none by the protocol: why, by name.
    """

    stderr: StderrTail | None = None
    status: str = ""
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def process_ended(self) -> bool:
        """Whether the process and all that it started closed their stderr, which they do when they end."""
        return self.stderr is not None and self.stderr.ended

    def last_words(self) -> str:
        """Them in one phrase, or empty."""
        lines = self.stderr.last_lines() if self.stderr else ()
        words = [f"HTTP {self.status}"] if self.status else []
        if lines:
            words.append("its stderr ends with: " + " | ".join(lines[-5:]))
        return "; ".join(words)


@dataclass(frozen=True)
class Route:
    """One way to a server, to be entered once.

    Attributes:
        transport: what the SDK's client takes.
        observed: is filled while it is open.
    """

    transport: AbstractAsyncContextManager[TransportStreams]
    observed: Observations = field(default_factory=Observations)


def route_to(target: Process | HttpAddress, environment: Mapping[str, str]) -> Route:
    """A fresh route to the server.

    Args:
        target: a program, or an address.
        environment: ours, of which a program is given the harmless part.
    """
    observed = Observations()
    if isinstance(target, Process):
        return Route(_sifted(_process(target, environment, observed), observed), observed)
    return Route(_sifted(_http(target, observed), observed), observed)


@asynccontextmanager
async def _sifted(
    transport: AbstractAsyncContextManager[TransportStreams], observed: Observations
) -> AsyncIterator[TransportStreams]:
    async with transport as (read, write):
        yield ToolSieve(read, observed.left_out), write


@asynccontextmanager
async def _process(
    target: Process, environment: Mapping[str, str], observed: Observations
) -> AsyncIterator[TransportStreams]:
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=target.command,
        args=list(target.arguments),
        env={**inherited(environment), **target.environment},
        cwd=target.folder,
        encoding_error_handler="replace",
    )
    with StderrTail() as stderr:
        observed.stderr = stderr
        async with stdio_client(parameters, errlog=stderr.writer) as streams:
            stderr.writer.close()  # the process has its own
            yield streams


@asynccontextmanager
async def _http(target: HttpAddress, observed: Observations) -> AsyncIterator[TransportStreams]:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    from agents.mcp_servers.bounded_body import BoundedBody

    async def look_at(response: httpx2.Response) -> None:
        # A stream of events stays open for long, and the SDK bounds each of them.
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - an asynchronous client's
            response.stream = BoundedBody(response.stream, most_bytes=_MOST_EVENT_BYTES)
        if response.status_code >= _REFUSED_STATUS:
            observed.status = f"{response.status_code} {response.reason_phrase}"

    async with (
        httpx2.AsyncClient(
            headers=dict(target.headers),
            timeout=httpx2.Timeout(_CONNECT_SECONDS, read=_READ_SECONDS),
            event_hooks={"response": [look_at]},
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not is_loopback(target.url),
        ) as http,
        streamable_http_client(target.url, http_client=http, max_sse_event_size=_MOST_EVENT_BYTES) as streams,
    ):
        yield streams
