"""A server that is asked questions: its answers as values, whatever it is and whatever it sends back.

An unknown route, a web page or a body without end is an answer like others. Only a server that cannot be
reached, or that goes away, is an error. What is asked, and what it means, is not known here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from deploy.broken_connection import broken_connection
from deploy.chat_transport import ChatTransport, Patience
from deploy.loopback import is_loopback

if TYPE_CHECKING:
    from types import TracebackType

    from deploy.endpoint import Endpoint

OK: Final = 200
# vLLM's metrics take 0.1 MB; a page that is no answer may be anything.
_MOST_BYTES: Final = 4_000_000
_START_HINT: Final = (
    "start that server, or unset STILLROOM_ENDPOINT_URL and start an engine here: stillroom up"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        body: the JSON that it is; None where it is none.
        text: the same as it came.
        server: the server's own name in the header of that name; empty where it does not say.
    """

    status: int
    body: Any
    text: str
    server: str = ""

    def get(self, *path: str | int) -> Any:  # noqa: ANN401  any JSON
        """What is at a path of keys and indices; None where there is nothing.

        Example:
            >>> Reply(200, {"data": [{"id": "a"}]}, "").get("data", 0, "id")
            'a'
        """
        found = self.body
        for step in path:
            if isinstance(step, str) and isinstance(found, dict):
                found = found.get(step)
            elif isinstance(step, int) and isinstance(found, list) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def text_at(self, *path: str | int) -> str:
        """The text at a path; empty where there is none."""
        found = self.get(*path)
        return found if isinstance(found, str) else ""

    def number_at(self, *path: str | int) -> int | None:
        """The positive whole number at a path; None where there is none."""
        return positive(self.get(*path))


def positive(value: object) -> int | None:
    """The value if it is a positive whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


class Server:
    """The server behind an endpoint; a context manager that closes its connections.

    Args:
        endpoint: its key goes with every request.
        seconds: for one answer.
    """

    def __init__(self, endpoint: Endpoint, *, seconds: float) -> None:
        self.endpoint = endpoint
        self.api_url = endpoint.base_url.rstrip("/")
        self.root_url = self.api_url.removesuffix("/v1")
        patience = Patience(first_byte_seconds=seconds, total_seconds=seconds)
        key = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(
            transport=ChatTransport(endpoint.base_url, patience),
            trust_env=not is_loopback(endpoint.base_url),
            headers=key,
            timeout=seconds,
        )

    def get(self, url: str) -> Reply | None:
        """What it answers to GET; None where it does not answer in time.

        Raises:
            ModelError: it is not reachable, or the connection broke.
        """
        return self._ask(self._client.build_request("GET", url))

    def post(self, url: str, body: object) -> Reply | None:
        """What it answers to a POST of that JSON; None where it does not answer in time.

        Raises:
            ModelError: as ``get``.
        """
        return self._ask(self._client.build_request("POST", url, json=body))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _ask(self, request: httpx.Request) -> Reply | None:
        try:
            response = self._client.send(request, stream=True)
            try:
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > _MOST_BYTES:
                        break
            finally:
                response.close()
        except httpx.TimeoutException:
            return None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise broken_connection(self.endpoint, error, hint=_START_HINT) from error
        text = content.decode("utf-8", errors="replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        return Reply(response.status_code, body, text, response.headers.get("server", ""))
