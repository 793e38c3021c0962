"""A LangChain callback that hears a chat model's requests: pieces for ``Speech``, tokens, and how they ended.

It is given to one model and serves its requests one after another. Importing this module imports LangChain's
core: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk

from agents.running.repetition import Repetition
from agents.running.speech import Utterance
from deploy.chat import reasoning_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage
    from langchain_core.messages.tool import ToolCallChunk
    from langchain_core.outputs import GenerationChunk, LLMResult

    from agents.running.speech import RequestKind, Speech

# By these keys of its last chunk a client says why a stream ended: OpenAI's word, and Ollama's.
_END_KEYS: Final = ("finish_reason", "done_reason")


@dataclass
class HeardCall:
    """A native tool call as the model wrote it: LangChain would complete arguments that were cut off."""

    id: str
    name: str
    arguments: str


@dataclass
class Heard:
    """What was heard of one request.

    Attributes:
        chunks: that came; with none, nothing was computed as far as anybody knows.
        end: why the server ended its reply, such as ``stop`` or ``length``; empty where the reply broke off.
        prompt_tokens: as the server counted; 0 where it does not.
        reply_tokens: likewise.
        reasoning: what came beside the text.
        text: what came of it.
        stuck: the reply was ended because it said the same again and again.
        calls: native tool calls, in their order.
    """

    chunks: int = 0
    end: str = ""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    reasoning: str = ""
    text: str = ""
    stuck: bool = False
    calls: list[HeardCall] = field(default_factory=list)
    _by_index: dict[int, HeardCall] = field(default_factory=dict)

    def add_call(self, piece: ToolCallChunk) -> None:
        """Take a piece of a call; some servers give all calls the same index, and some give none."""
        index, call_id = piece.get("index"), piece.get("id") or ""
        call = self._by_index.get(index) if index is not None else None
        if call is None or (call_id and call.id and call_id != call.id):
            call = HeardCall("", "", "")
            self.calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.id = call.id or call_id
        call.name += piece.get("name") or ""
        call.arguments += piece.get("args") or ""


class Listener(BaseCallbackHandler):
    """Hears one model.

    Args:
        speech: of the run.
        kind: of what the model is asked.
        opened: its chat template opens the thought.
        stop: ends the request that is under way.

    Attributes:
        kind: likewise.
        heard: of the last request.
    """

    def __init__(
        self, speech: Speech, kind: RequestKind, *, opened: bool, stop: Callable[[], None] = lambda: None
    ) -> None:
        self.heard = Heard()
        self._speech = speech
        self.kind = kind
        self._opened = opened
        self._stop = stop
        self._repetition = Repetition()
        self._utterance = Utterance(speech, kind, opened=opened)

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - LangChain's
        """A request is sent: what was told of an answer before was none."""
        self._speech.withdraw()
        self.heard = Heard()
        self._repetition = Repetition()
        self._utterance = Utterance(self._speech, self.kind, opened=self._opened)

    def on_llm_new_token(
        self,
        token: object,  # noqa: ARG002 - the chunk has it too
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """A piece came."""
        if not isinstance(chunk, ChatGenerationChunk) or self.heard.stuck:
            return
        self._count(chunk.message)
        # OpenAI's client repeats the whole thought at the end of a reply under a schema.
        reasoning = "" if self.heard.end else reasoning_beside(chunk.message)
        for key in _END_KEYS:
            told = chunk.message.response_metadata.get(key) or (chunk.generation_info or {}).get(key)
            self.heard.end = self.heard.end or str(told or "")
        self.heard.reasoning += reasoning
        for piece in getattr(chunk.message, "tool_call_chunks", ()):
            self.heard.add_call(piece)
            self._utterance.called()
        self.heard.text += chunk.message.text
        self._utterance.feed(reasoning, chunk.message.text)
        if self._repetition.feed(reasoning + chunk.message.text):
            self.heard.stuck = True
            self._stop()

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:  # noqa: ANN401, ARG002 - LangChain's
        """The reply is complete; whether one in words is a call is for its reader to say, by ``finish``."""
        if self.kind != "reply":
            self._utterance.finish()

    def finish(self, *, is_call: bool) -> None:
        """Tell what was held back; ``is_call`` where the text was understood as a tool call."""
        self._utterance.finish(is_call=is_call)

    def _count(self, message: BaseMessage) -> None:
        """Take the tokens: a stream under a schema tells them twice."""
        self.heard.chunks += 1
        usage = getattr(message, "usage_metadata", None)
        if usage:
            self.heard.prompt_tokens = max(self.heard.prompt_tokens, int(usage["input_tokens"]))
            self.heard.reply_tokens = max(self.heard.reply_tokens, int(usage["output_tokens"]))
