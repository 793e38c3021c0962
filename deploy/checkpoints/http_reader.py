"""HTTP for reading a little of something large: patience, redirects, tokens, proxies, helpful errors.

It knows statuses and broken connections, and nothing of ranges or of models.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import httpx

from deploy.checkpoints.patience import DEFAULT_PATIENCE
from deploy.loopback import is_loopback
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from deploy.checkpoints.patience import Patience

_MOST_REDIRECTS: Final = 10
_LONGEST_BACKOFF_SECONDS: Final = 16.0
# A server that gives a few bytes and breaks, again and again, makes progress for ever.
_MOST_INTERRUPTIONS: Final = 20
_DENIED: Final = frozenset({401, 403})
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_FOUND: Final = frozenset({404, 410})
_PROXY_LOGIN: Final = 407
RANGE_NOT_SATISFIABLE: Final = 416

_LATER_HINT: Final = "run the same command again; stillroom plan without a URL needs no network"
_NETWORK_HINT: Final = (
    "check the network and HTTPS_PROXY, or set HF_ENDPOINT to a mirror; "
    "stillroom plan without a URL needs no network"
)
_DENIED_HINT: Final = (
    "if the model is gated, accept its licence on its page and set HF_TOKEN or STILLROOM_HUB_TOKEN; "
    "if not, check the name"
)


class InterruptedReadError(Exception):
    """The connection or the server failed in a way that may pass. Never leaves this package.

    Attributes:
        wait_seconds: how long the server asks to wait; 0 where it does not.
    """

    def __init__(self, message: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class NotThereError(WeightsError):
    """The server says that there is no such file; where a file is optional, that is no error."""


class HttpReader:
    """Connections to one host and those that it redirects to; safe to share between threads.

    Args:
        base_url: a loopback host is reached without the environment's proxies, any other through them.
        token: sent as a bearer token to the base URL's origin only, never to one that it redirects to.
    """

    def __init__(
        self, base_url: str, *, token: str | None = None, patience: Patience = DEFAULT_PATIENCE
    ) -> None:
        self.patience = patience
        self._token = token
        self._origin = _origin(base_url)
        try:
            self._client = httpx.Client(
                follow_redirects=True,
                max_redirects=_MOST_REDIRECTS,
                timeout=patience.timeout_seconds,
                trust_env=not is_loopback(base_url),
            )
        # httpx reads the proxies here, and SSL_CERT_FILE: an unknown scheme, no SOCKS support, no such file.
        except (ValueError, ImportError, OSError) as error:
            raise WeightsError(
                f"the environment's proxy or certificate settings cannot be used: {error}",
                hint="correct HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or SSL_CERT_FILE",
            ) from error

    def __enter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """A successful answer, its body not read yet, or the answer that a range is past the end of the file.

        Raises:
            InterruptedReadError: it may work next time.
            WeightsError: it will not.
        """
        sent = {"Accept-Encoding": "identity", **headers}
        # httpx itself drops this header on a redirect to another origin.
        if self._token and _origin(url) == self._origin:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            with self._client.stream("GET", url, headers=sent) as response:
                _require_success(response, shown_url(url))
                yield response
        except httpx.TooManyRedirects as error:
            raise WeightsError(
                f"{shown_url(url)} redirects more than {_MOST_REDIRECTS} times", hint="check the URL"
            ) from error
        # A UnicodeError is what a host name with a part of more than 63 letters ends in.
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise WeightsError(
                f"{shown_url(url)} is or leads to what is no web address: {error}", hint="check the URL"
            ) from error
        except httpx.RequestError as error:
            if isinstance(error.__cause__ and error.__cause__.__cause__, ssl.SSLCertVerificationError):
                raise WeightsError(
                    f"{shown_url(url)}: the server's certificate is not trusted",
                    hint="set SSL_CERT_FILE to your organization's certificates",
                ) from error
            raise InterruptedReadError(_cause(error)) from error

    def patiently(self, url: str, attempt: Callable[[], None], progress_bytes: Callable[[], int]) -> None:
        """Call until it returns; failures count anew whenever there is progress.

        Raises:
            WeightsError: it failed ``attempts`` times in a row, or for good.
        """
        failures, interruptions = 0, 0
        furthest_bytes = progress_bytes()
        while True:
            try:
                return attempt()
            except InterruptedReadError as error:
                interruptions += 1
                failures = 0 if progress_bytes() > furthest_bytes else failures + 1
                furthest_bytes = max(furthest_bytes, progress_bytes())
                if failures >= self.patience.attempts or interruptions >= _MOST_INTERRUPTIONS:
                    raise WeightsError(
                        f"{shown_url(url)} could not be read after {interruptions} attempts: {error}",
                        hint=_NETWORK_HINT
                        if isinstance(error.__cause__, httpx.ConnectError)
                        else _LATER_HINT,
                    ) from error
                backoff = self.patience.backoff_seconds * 2 ** (failures - 1) if failures else 0.0
                time.sleep(min(max(backoff, error.wait_seconds), _LONGEST_BACKOFF_SECONDS))

    def document(self, url: str, *, most_bytes: int, headers: Mapping[str, str] | None = None) -> Document:
        """A small document as a whole.

        Raises:
            WeightsError: it cannot be read, or is longer than that.
        """
        found: list[Document] = []

        def attempt() -> None:
            with self.get(url, headers or {}) as response:
                found.append(_whole(response, shown_url(url), most_bytes))

        self.patiently(url, attempt, lambda: 0)
        return found[0]

    def document_if_there(self, url: str, *, most_bytes: int) -> bytes | None:
        """A small document as a whole; None where the server says that there is none."""
        try:
            return self.document(url, most_bytes=most_bytes).body
        except NotThereError:
            return None


@dataclass(frozen=True, slots=True)
class Document:
    """What a server answered.

    Attributes:
        next_url: where a paged answer goes on.
    """

    body: bytes
    next_url: str | None


def _whole(response: httpx.Response, shown: str, most_bytes: int) -> Document:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise WeightsError(
                f"{shown} is longer than the {most_bytes:,} bytes that are read", hint="check the URL"
            )
    next_link = response.links.get("next", {}).get("url")
    return Document(bytes(body), str(response.url.join(next_link)) if next_link else None)


def shown_url(url: str) -> str:
    """A URL as messages show it: without a password, and without its query, which may carry a signature."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return repr(url)
    return str(parsed.copy_with(username=None, password=None, query=None, fragment=None))


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise WeightsError(f"{url!r} is no web address: {error}", hint="check the URL") from error
    return parsed.scheme, parsed.host, parsed.port


def _require_success(response: httpx.Response, shown: str) -> None:
    """Sort the statuses into those that may pass and those that will not."""
    status = response.status_code
    if response.is_success:
        _require_plain(response, shown)
        return
    if status == RANGE_NOT_SATISFIABLE and response.headers.get("Content-Range"):
        return  # it tells how long the file is
    if status in _TRANSIENT:
        asked = response.headers.get("Retry-After", "")
        raise InterruptedReadError(
            f"status {status}", wait_seconds=float(asked) if asked.isdecimal() else 0.0
        )
    message = f"{shown} answers with status {status}"
    if status in _DENIED:
        raise WeightsError(f"{message}: it does not let us read", hint=_DENIED_HINT)
    if status in _NOT_FOUND:
        raise NotThereError(f"{message}: there is no such file", hint="check the name and the revision")
    if status == _PROXY_LOGIN:
        raise WeightsError(f"{message}: the proxy wants a login", hint="put it into HTTPS_PROXY")
    raise WeightsError(message, hint="check the URL")


def _require_plain(response: httpx.Response, shown: str) -> None:
    """Refuse a web page in the place of the file."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise WeightsError(
            f"{shown} answers with a web page ({kind}), not with a file",
            hint="check the URL; in a network with a sign-in page, sign in with a browser first",
        )


def _cause(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no connection in time" if isinstance(error, httpx.ConnectTimeout) else "no answer in time"
    return str(error) or type(error).__name__
