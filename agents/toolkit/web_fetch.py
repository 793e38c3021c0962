"""Fetches from the public web: the address that was judged is the one that is connected to.

Each redirect is judged anew. Names, sizes, redirects and the time in total are bounded; neither proxies nor
credentials of the environment are used, and no cookie is kept. It does not know what a page says.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag

import httpx

from agents.toolkit.web_addresses import Address, is_public
from agents.toolkit.web_body import ACCEPTED, Body
from stillroom.errors import ToolError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL_CHARACTERS: Final = 2_000
_HIGHEST_PORT: Final = 65_535
_USER_AGENT: Final = "Stillroom (a person's own agent)"
_SHOWN_CHARACTERS: Final = 200
# With all names below it, by RFC 6761.
_OWN_NAME: Final = "localhost"


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What one fetch may cost.

    Attributes:
        seconds: in total, from the name's resolution to the last byte, redirects included.
        body_bytes: unpacked; the rest is left out.
        redirects: followed.
    """

    seconds: float = 30.0
    body_bytes: int = 3_000_000
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server gave.

    Attributes:
        url: the last one, after redirects.
        content_type: without its parameters, in lower case; empty where the server names none.
        charset: as the server states it, or empty.
        cut: there was more than the limit lets in.
    """

    url: str
    content_type: str
    charset: str
    content: bytes
    cut: bool


async def resolved(host: str, port: int) -> Sequence[Address]:
    """The addresses of a name, as the operating system finds them; a number in any spelling is one too."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope such as %eth0 is of this machine's own networks, and no such address is public.
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class WebFetcher:
    """Fetches pages.

    Attributes:
        limits: of one fetch.
        allowed: which addresses may be connected to.
        resolve: gives a name's addresses.
        tls: what certificates are checked against; None for those that are known to be good.

    Example:
        >>> asyncio.run(WebFetcher().fetch("https://example.com/")).content_type  # doctest: +SKIP
        'text/html'
    """

    limits: WebLimits = WebLimits()
    allowed: Callable[[Address], bool] = is_public
    resolve: Callable[[str, int], Awaitable[Sequence[Address]]] = resolved
    tls: ssl.SSLContext | None = None

    async def fetch(self, url: str, *, accepts: Callable[[str], bool] = lambda _: True) -> Fetched:
        """What is at a URL, redirects followed.

        Args:
            url: ``http`` or ``https``.
            accepts: whether a content type is wanted; the body of another is not read.

        Raises:
            ToolError: the URL is none that may be fetched, or leads to one; nobody answers, or not in time;
                or the answer is an error, or nothing that is accepted.
        """
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._followed(_parsed(url), accepts)
        except TimeoutError as error:
            raise ToolError(f"{_shown(url)} was not there within {self.limits.seconds:g} s") from error

    def check(self, url: str) -> None:
        """Refuse a URL that ``fetch`` would refuse, as far as its spelling tells: no name is looked up.

        Raises:
            ToolError: it is none that may be fetched.
        """
        parsed = _parsed(url)
        for address in _spelled(parsed.raw_host.decode("ascii")):
            self._require_allowed(parsed, address)

    async def _followed(self, url: httpx.URL, accepts: Callable[[str], bool]) -> Fetched:
        for _ in range(self.limits.redirects + 1):
            answer = await self._asked(url, accepts)
            if isinstance(answer, Fetched):
                return answer
            url = answer
        raise ToolError(f"{_shown(url)}: more than {self.limits.redirects} redirects were not followed")

    async def _asked(self, url: httpx.URL, accepts: Callable[[str], bool]) -> Fetched | httpx.URL:
        """What one server answers: a body, or where to ask instead."""
        *others, last = await self._judged(url)
        try:
            for address in others:
                # Of a name with several addresses, this machine may have no way to some.
                with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return await self._asked_at(address, url, accepts)
            return await self._asked_at(last, url, accepts)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise ToolError(f"{_shown(url)} cannot be fetched: {said[:_SHOWN_CHARACTERS]}") from error

    async def _asked_at(
        self, address: Address, url: httpx.URL, accepts: Callable[[str], bool]
    ) -> Fetched | httpx.URL:
        timeout = httpx.Timeout(self.limits.seconds, connect=self.limits.seconds / 3)
        async with (
            httpx.AsyncClient(verify=self._verification(url), trust_env=False, timeout=timeout) as client,
            client.stream(
                "GET",
                url.copy_with(host=str(address)),
                headers={"Host": url.netloc.decode("ascii"), **_HEADERS},
                # The certificate is checked for the name, though the address is what is connected to.
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
                follow_redirects=False,
            ) as response,
        ):
            if response.status_code in _REDIRECTS and "Location" in response.headers:
                return _parsed(str(url.join(response.headers["Location"])))
            return await self._received(url, response, accepts)

    async def _judged(self, url: httpx.URL) -> Sequence[Address]:
        """The addresses to connect to, one at least: of a name with one that is not allowed, none is."""
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self.resolve(host, port)
        except (OSError, ValueError) as error:
            raise ToolError(f"there is no host {host[:_SHOWN_CHARACTERS]!r}") from error
        if not addresses:
            raise ToolError(f"the host {host[:_SHOWN_CHARACTERS]!r} has no address")
        for address in addresses:
            self._require_allowed(url, address)
        return addresses

    def _require_allowed(self, url: httpx.URL, address: Address) -> None:
        if not self.allowed(address):
            raise ToolError(
                f"{_shown(url)} is not fetched: {address} is not on the public internet",
                hint="only public web pages are fetched",
            )

    async def _received(
        self, url: httpx.URL, response: httpx.Response, accepts: Callable[[str], bool]
    ) -> Fetched:
        if not response.is_success:
            raise ToolError(f"{_shown(url)} answers {response.status_code} {response.reason_phrase}".rstrip())
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not accepts(content_type):
            raise ToolError(
                f"{_shown(url)} is {content_type[:_SHOWN_CHARACTERS] or 'of no stated type'}; "
                "HTML, text and JSON are read"
            )
        body = Body(response.headers.get("Content-Encoding", ""), self.limits.body_bytes)
        received = 0
        async for data in response.aiter_raw():
            body.add(data)
            received += len(data)
            # Enough came, or enough that unpacks to nothing.
            if body.full or received > self.limits.body_bytes:
                break
        return Fetched(_shown(url), content_type, response.charset_encoding or "", body.content, body.cut)

    def _verification(self, url: httpx.URL) -> ssl.SSLContext | bool:
        from deploy.tls import verification

        return self.tls or verification(str(url))


_HEADERS: Final = {
    "User-Agent": _USER_AGENT,
    "Accept": "text/html, text/plain, application/json, text/*;q=0.8",
    "Accept-Encoding": ACCEPTED,
    "Connection": "close",
}


def _parsed(text: str) -> httpx.URL:
    """A URL that may be asked for, as far as its spelling tells."""
    if len(text) > _LONGEST_URL_CHARACTERS:
        raise ToolError(f"the URL has {len(text)} characters; at most {_LONGEST_URL_CHARACTERS} are taken")
    try:
        url = httpx.URL(urldefrag(text.strip()).url)
        # Read here: a host whose Punycode stands for nothing is only found out by that.
        host = url.host
    except (httpx.InvalidURL, ValueError) as error:
        raise ToolError(f"{text[:_SHOWN_CHARACTERS]!r} is no URL: {error}") from error
    if url.scheme not in {"http", "https"} or not host:
        raise ToolError(
            f"{text[:_SHOWN_CHARACTERS]!r} is not fetched; http://… or https://… with a host is needed"
        )
    if not 0 < (url.port or 80) <= _HIGHEST_PORT:
        raise ToolError(f"{text[:_SHOWN_CHARACTERS]!r} has no port that there is")
    if url.userinfo:
        raise ToolError("a URL with a name or a password in it is not fetched")
    return url


def _spelled(host: str) -> Sequence[Address]:
    """The addresses that a host is by its spelling: a number in any form, or this machine's own name."""
    name = host.rstrip(".").lower()
    if name == _OWN_NAME or name.endswith(f".{_OWN_NAME}"):
        return (ipaddress.IPv4Address("127.0.0.1"),)
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):  # a name, which only a look-up would tell
        return ()
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def _shown(url: httpx.URL | str) -> str:
    return str(url)[:_SHOWN_CHARACTERS]
