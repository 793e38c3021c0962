"""The toolkit client: the LangChain chat model of ``deploy.chat``, as the library and the agent use it.

A chat model is made for each request, because the library makes one for each answer: what that costs belongs
to the time to the first token. It knows no HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.benchmark.timing import Answered, Failed, Stopwatch, Usage
from deploy.chat import chat_model
from deploy.chat_errors import model_errors, readable_answer
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from threading import Event

    from langchain_core.messages import AIMessageChunk

    from deploy.endpoint import Endpoint

# The limit is that of each wait: an answer may take as long as it comes.
_WHOLE_ANSWER_SECONDS: Final = 86_400.0

_FINISHED: Final = ("finish_reason", "done_reason")


class Toolkit:
    """Sends one streamed chat request at a time on each thread.

    Args:
        timeout_seconds: of each wait for the server.
        ignore_eos: ask for all tokens, even after the model's end of text.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_seconds: float, ignore_eos: bool) -> None:
        self._endpoint = endpoint
        self._timeout_seconds = timeout_seconds
        self._options: dict[str, Any] = {}
        if endpoint.engine != "ollama":  # which always counts, and has no ignore_eos
            self._options["stream_usage"] = True
            if ignore_eos:
                self._options["extra_body"] = {"ignore_eos": True}

    def ask(self, prompt: str, *, output_tokens: int, stop: Event) -> Answered | Failed:
        """Send the prompt and read the answer to its end, or until ``stop`` is set."""
        try:
            return self._ask(prompt, output_tokens, stop)
        except StillroomError as error:
            return Failed(error.message)

    def _ask(self, prompt: str, output_tokens: int, stop: Event) -> Answered | Failed:
        watch = Stopwatch()
        with model_errors(self._endpoint), readable_answer(self._endpoint):
            model = chat_model(
                self._endpoint,
                max_tokens=output_tokens,
                timeout_seconds=_WHOLE_ANSWER_SECONDS,
                first_byte_seconds=self._timeout_seconds,
            )
            for chunk in model.stream(prompt, **self._options):
                _read(chunk, watch)
                if stop.is_set():
                    return Failed("stopped")
        return watch.result()


def _read(chunk: AIMessageChunk, watch: Stopwatch) -> None:
    if chunk.content or chunk.additional_kwargs.get("reasoning_content"):
        watch.text_came()
    if counted := chunk.usage_metadata:
        cached = counted.get("input_token_details", {}).get("cache_read") or 0
        watch.usage = Usage(counted["input_tokens"], counted["output_tokens"], cached)
    if any(chunk.response_metadata.get(key) for key in _FINISHED):
        watch.finished = True
