"""The raw client: one HTTP request with httpx, and its stream read line by line.

What the toolkit is measured against, so it does as little as can be done: OpenAI's server-sent events, or
Ollama's own lines of JSON, since that is the API which the toolkit uses there. It knows no toolkit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self

from deploy.benchmark.failure import failed
from deploy.benchmark.timing import Answered, Failed, Stopwatch, Usage
from deploy.loopback import is_loopback
from deploy.refusals import server_words
from deploy.tls import verification

if TYPE_CHECKING:
    from threading import Event
    from types import TracebackType

    from deploy.endpoint import Endpoint

_DATA: Final = "data:"
_END: Final = "[DONE]"
_OK: Final = 200

# A connection for each request, as the toolkit has it: llama.cpp's server now and then closes a kept one just
# when the next request is sent on it (3 of 180 requests on 2026-11-26).
_KEPT_CONNECTIONS: Final = 0


class RawApi:
    """Sends one streamed chat request at a time on each thread.

    Args:
        timeout_seconds: of each wait for the server, for a connection or for more of an answer.
        ignore_eos: ask for all tokens, even after the model's end of text.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_seconds: float, ignore_eos: bool) -> None:
        import httpx

        self._endpoint = endpoint
        self._ignore_eos = ignore_eos
        key = endpoint.api_key
        self._http = httpx.Client(
            trust_env=not is_loopback(endpoint.base_url),
            verify=verification(endpoint.base_url),
            timeout=timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=_KEPT_CONNECTIONS),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def ask(self, prompt: str, *, output_tokens: int, stop: Event) -> Answered | Failed:
        """Send the prompt and read the answer to its end, or until ``stop`` is set."""
        import httpx

        try:
            return self._ask(prompt, output_tokens, stop)
        except (httpx.TransportError, ValueError, LookupError, TypeError, AttributeError) as error:
            return failed(error)

    def _ask(self, prompt: str, output_tokens: int, stop: Event) -> Answered | Failed:
        watch = Stopwatch()
        read = read_ollama if self._endpoint.engine == "ollama" else read_openai
        body = chat_body(self._endpoint, prompt, output_tokens, ignore_eos=self._ignore_eos)
        with self._http.stream("POST", chat_url(self._endpoint), json=body) as response:
            if response.status_code != _OK:
                response.read()
                return Failed(server_words(response.text), status=response.status_code)
            for line in response.iter_lines():
                read(line, watch)
                if stop.is_set():
                    return Failed("stopped")
        return watch.result()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self._http.close()


def chat_url(endpoint: Endpoint) -> str:
    """Where chat requests of this engine go."""
    if endpoint.engine == "ollama":
        return endpoint.base_url.removesuffix("/v1") + "/api/chat"
    return f"{endpoint.base_url}/chat/completions"


def chat_body(endpoint: Endpoint, prompt: str, output_tokens: int, *, ignore_eos: bool) -> dict[str, Any]:
    """The request: temperature 0, streamed, with the server's count of tokens.

    To Ollama the same context as the toolkit asks for: another one would make it load the model again.
    """
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
    }
    if endpoint.engine == "ollama":
        options = {"num_ctx": endpoint.context_tokens, "num_predict": output_tokens, "temperature": 0.0}
        able = endpoint.capabilities
        thinks = able.reasoning and able.reasoning_form == "apart"
        return body | {"options": options, "truncate": False} | ({"think": True} if thinks else {})
    body |= {"max_tokens": output_tokens, "temperature": 0.0, "stream_options": {"include_usage": True}}
    return body | ({"ignore_eos": True} if ignore_eos else {})


def read_openai(line: str, watch: Stopwatch) -> None:
    """Tell the stopwatch what a line of server-sent events says.

    Raises:
        ValueError: it is no JSON, or the server's report of an error.
    """
    if not line.startswith(_DATA):
        return
    data = line[len(_DATA) :].strip()
    if data == _END:
        watch.finished = True
        return
    chunk = json.loads(data)
    if "error" in chunk:
        raise ValueError(server_words(data))
    if usage := chunk.get("usage"):
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        watch.usage = Usage(usage["prompt_tokens"], usage["completion_tokens"], cached)
    for choice in chunk["choices"]:
        delta = choice["delta"]
        if delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning"):
            watch.text_came()
        if choice.get("finish_reason"):
            watch.finished = True


def read_ollama(line: str, watch: Stopwatch) -> None:
    """The same for a line of Ollama's stream.

    Raises:
        ValueError: it is no JSON, or the server's report of an error.
    """
    if not line.strip():
        return
    chunk = json.loads(line)
    if "error" in chunk:
        raise ValueError(server_words(line))
    message = chunk["message"]
    if message.get("content") or message.get("thinking"):
        watch.text_came()
    if chunk.get("done"):
        watch.finished = True
        # A prompt that was cached as a whole is left out of the counts.
        watch.usage = Usage(chunk.get("prompt_eval_count", 0), chunk["eval_count"])
