"""The HTTP below the chat clients: when to try again, how long to wait, and nothing cut behind one's back.

Two transports of ``httpx``, one for each of its clients, over its own. They know requests, not what is in
them, with one exception: Ollama cuts a prompt that is too long unless the request forbids it, and its Python
client has no argument for that.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from deploy.hanging_up import HangUp
from deploy.loopback import is_loopback
from deploy.tls import verification

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_ATTEMPTS: Final = 3
_BACKOFF_SECONDS: Final = 0.2
# A person waits in front of a terminal: a server that asks for more patience than this is reported.
_LONGEST_WAIT_SECONDS: Final = 20.0
# These statuses come before any token was computed, and with Retry-After they ask to be tried again.
_COME_BACK_STATUSES: Final = frozenset({429, 503})
# A streamed token takes about 300 bytes of JSON: this is twice what a thought of 100,000 tokens takes.
_MOST_BYTES: Final = 64 * 1024 * 1024
_OLLAMA_CHAT: Final = "/api/chat"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request may take, in seconds.

    Attributes:
        connect_seconds: until the connection is open.
        first_byte_seconds: until the answer begins, and between two pieces of it. An answer that does not
            stream begins when it is complete.
        total_seconds: until the answer is complete, attempts and waits included.
    """

    connect_seconds: float = 10.0
    first_byte_seconds: float = 300.0
    total_seconds: float = 300.0


class ChatTransport(httpx.BaseTransport):
    """Sends a request, again where that is safe, and keeps an eye on the clock.

    It is safe where nothing can have been computed: the connection could not be opened, or the server
    answered 429 or 503 with ``Retry-After``. After a timeout the first request is still being computed, and a
    second one would queue behind it; in the middle of a stream, text has been shown.

    Args:
        url: where requests go; a proxy of the environment is used unless that is this machine.
        whole_prompts: forbid Ollama to cut a prompt that is too long for its context.
        hang_up: ends requests that are under way.
    """

    def __init__(
        self, url: str, patience: Patience, *, whole_prompts: bool = False, hang_up: HangUp | None = None
    ) -> None:
        self._inner = httpx.HTTPTransport(**_reaching(url))
        self._patience = patience
        self._whole_prompts = whole_prompts
        self._hang_up = hang_up or HangUp()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response, its body not read yet."""
        request.read()
        request = _prepared(request, self._patience, whole_prompts=self._whole_prompts)
        request.extensions["trace"] = self._hang_up.trace
        deadline = time.monotonic() + self._patience.total_seconds
        for attempt in range(1, _ATTEMPTS):
            try:
                response = self._send(request)
            except httpx.ConnectError:
                wait_seconds = _BACKOFF_SECONDS * attempt
            else:
                asked_seconds = _asked_to_wait(response)
                if asked_seconds is None or time.monotonic() + asked_seconds > deadline:
                    return self._timed(response, request, deadline)
                wait_seconds = asked_seconds
                response.close()
            self._hang_up.pause(wait_seconds)
        return self._timed(self._send(request), request, deadline)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        if self._hang_up.done.is_set():
            raise httpx.ReadError("hung up", request=request)
        return self._inner.handle_request(request)

    def _timed(self, response: httpx.Response, request: httpx.Request, deadline: float) -> httpx.Response:
        response.stream = _Timed(response.stream, request, deadline, self._hang_up)
        return response


class AsyncChatTransport(httpx.AsyncBaseTransport):
    """The same for an event loop."""

    def __init__(self, url: str, patience: Patience, *, whole_prompts: bool = False) -> None:
        self._inner = httpx.AsyncHTTPTransport(**_reaching(url))
        self._patience = patience
        self._whole_prompts = whole_prompts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, its body not read yet."""
        await request.aread()
        request = _prepared(request, self._patience, whole_prompts=self._whole_prompts)
        deadline = time.monotonic() + self._patience.total_seconds
        for attempt in range(1, _ATTEMPTS):
            try:
                response = await self._inner.handle_async_request(request)
            except httpx.ConnectError:
                wait_seconds = _BACKOFF_SECONDS * attempt
            else:
                asked_seconds = _asked_to_wait(response)
                if asked_seconds is None or time.monotonic() + asked_seconds > deadline:
                    return _timed(response, request, deadline)
                wait_seconds = asked_seconds
                await response.aclose()
            await asyncio.sleep(wait_seconds)
        return _timed(await self._inner.handle_async_request(request), request, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Timed(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that must be complete by a deadline and within a size, even if its pieces keep coming."""

    def __init__(
        self,
        stream: Any,  # noqa: ANN401  either kind
        request: httpx.Request,
        deadline: float,
        hang_up: HangUp | None = None,
    ) -> None:
        self._stream = stream
        self._request = request
        self._deadline = deadline
        self._hung_up = hang_up.done if hang_up else None
        self._bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._require_an_end(piece)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._require_an_end(piece)
            yield piece

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _require_an_end(self, piece: bytes) -> None:
        if self._hung_up and self._hung_up.is_set():
            raise httpx.ReadError("hung up", request=self._request)
        if time.monotonic() > self._deadline:
            raise httpx.ReadTimeout("the answer was not complete in time", request=self._request)
        self._bytes += len(piece)
        if self._bytes > _MOST_BYTES:
            # No error of the transport: the connection is as it should be, and asking again brings the same.
            raise httpx.DecodingError(
                f"it has more than {_MOST_BYTES:,} bytes, the most that is read", request=self._request
            )


def _timed(response: httpx.Response, request: httpx.Request, deadline: float) -> httpx.Response:
    response.stream = _Timed(response.stream, request, deadline)
    return response


def _prepared(request: httpx.Request, patience: Patience, *, whole_prompts: bool) -> httpx.Request:
    """The request with its time limits, and for Ollama with the order to refuse what is too long."""
    limits = {
        "connect": patience.connect_seconds,
        "read": patience.first_byte_seconds,
        "write": patience.first_byte_seconds,
        "pool": patience.connect_seconds,
    }
    extensions = {**request.extensions, "timeout": limits}
    content, headers = request.content, request.headers.copy()
    if whole_prompts and request.url.path.endswith(_OLLAMA_CHAT):
        content = json.dumps({**json.loads(content), "truncate": False}).encode()
        headers["Content-Length"] = str(len(content))
    return httpx.Request(request.method, request.url, headers=headers, content=content, extensions=extensions)


def _asked_to_wait(response: httpx.Response) -> float | None:
    """Seconds after which the server wants to be asked again; None where it does not, or not soon."""
    if response.status_code not in _COME_BACK_STATUSES:
        return None
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:  # absent, or a date, which a local server does not send
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT_SECONDS else None


def _reaching(url: str) -> dict[str, Any]:
    """How a transport of ``httpx`` reaches that address: proxy, environment, certificates."""
    return {
        "proxy": _proxy_for(url),
        "trust_env": not is_loopback(url),
        "verify": verification(url),
    }


def _proxy_for(url: str) -> str | None:
    """The environment's proxy for that address.

    ``httpx`` looks for it only where it makes the transport itself.
    """
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
