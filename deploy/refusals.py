"""What a server says when it refuses a request, in our words: too long, no such model, wrong key.

vLLM, llama.cpp, Ollama and others word the same refusal differently. Pure: a status and a body in, a
``ModelError`` out. It sends nothing and knows no client.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.endpoint import Endpoint

RefusalKind = Literal["too_long", "no_model", "no_route", "key", "no_tools", "no_thinking", "busy", "other"]

_NOT_FOUND: Final = 404
_DENIED: Final = frozenset({401, 403})
_BUSY: Final = frozenset({429, 503})
_SHOWN_CHARACTERS: Final = 300
ADDRESS_HINT: Final = (
    "the address is that of an OpenAI-compatible API and usually ends in /v1: STILLROOM_ENDPOINT_URL"
)
_ASK_ANEW: Final = "stillroom doctor asks the server anew what it can do"
_CONTEXT_STEP_TOKENS: Final = 1024

# Each says by its groups how many tokens the prompt has (prompt), how many the answer may have (answer), how
# many fit (context), and whether the server stopped counting (least). Sources: recordings of vLLM 0.32 and
# Ollama 0.33, a llama.cpp server of 2026-10, LM Studio 0.4 by its bug tracker.
_CONTEXT: Final = r"maximum context length is (?P<context>\d+) tokens"
_PROMPT: Final = r"prompt contains (?P<least>at least )?(?P<prompt>\d+) input tokens"
_PARTS: Final = r"requested \d+ tokens \((?P<prompt>\d+) in the messages, (?P<answer>\d+) in the completion\)"
_TOO_LONG: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"request \((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<context>\d+) tokens\)",
        rf"{_CONTEXT}.*?requested (?P<answer>\d+) output tokens.*?{_PROMPT}",
        rf"{_CONTEXT}.*?{_PROMPT}",
        rf"{_CONTEXT}.*?{_PARTS}",
        r"max_tokens=(?P<answer>\d+) cannot be greater than max_model_len=(?P<context>\d+)",
        r"keep the first (?P<prompt>\d+) tokens.*?context length of only (?P<context>\d+) tokens",
        _CONTEXT,
        r"prompt is longer than the context length",
        r"(greater than|exceeds?) the (available )?context (size|length)",
        r"context size has been exceeded",
    )
)
_NO_MODEL: Final = re.compile(r"model\b.*\b(not found|does not exist|not exist)|no such model", re.IGNORECASE)
_NO_TOOLS: Final = re.compile(
    r"does not support tools|tool choice requires|tools param requires", re.IGNORECASE
)
_NO_THINKING: Final = re.compile(r"does not support thinking", re.IGNORECASE)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server said.

    Attributes:
        words: its own, one line.
        prompt_tokens: of a request that is too long; None where it does not say.
        answer_tokens: that were asked for in addition; 0 where the server does not count them.
        context_tokens: that fit; None where it does not say.
        stopped_counting: the prompt has at least ``prompt_tokens``.
    """

    kind: RefusalKind
    status: int
    words: str
    prompt_tokens: int | None = None
    answer_tokens: int = 0
    context_tokens: int | None = None
    stopped_counting: bool = False


def read_refusal(status: int, text: str) -> Refusal:
    """Understand a refusal.

    Args:
        status: the HTTP status; 0 for an error in the middle of a stream, which has none of its own.
        text: the body, or the error inside it.

    Example:
        >>> read_refusal(400, "request (4239 tokens) exceeds the available context size (512 tokens)").kind
        'too_long'
    """
    whole = _one_line(text)
    words = _shortened(whole)
    for pattern in _TOO_LONG:
        if found := pattern.search(whole):
            return _too_long(status, words, found.groupdict())
    kind: RefusalKind = "other"
    if status in _DENIED:
        kind = "key"
    elif _NO_TOOLS.search(words):
        kind = "no_tools"
    elif _NO_THINKING.search(words):
        kind = "no_thinking"
    elif _NO_MODEL.search(words):
        kind = "no_model"
    elif status == _NOT_FOUND:
        kind = "no_route"
    elif status in _BUSY:
        kind = "busy"
    return Refusal(kind, status, words)


def server_words(text: str) -> str:
    """The message in an error's body, on one line: OpenAI's shape, Ollama's, FastAPI's, or a page's title.

    Example:
        >>> server_words('{"error": {"message": "no", "code": 400}}'), server_words("<title>Hi</title>")
        ('no', 'a web page, "Hi"')
    """
    return _shortened(_one_line(text))


def _one_line(text: str) -> str:
    said: Any = text
    # Ollama hands llama.cpp's error on as a string of JSON inside its own.
    for _ in range(3):
        said = _unwrapped(said)
    if not isinstance(said, str):
        said = json.dumps(said, ensure_ascii=False)
    if title := _TITLE.search(said):
        said = f'a web page, "{title.group(1).strip()}"'
    elif "<html" in said.lower():
        said = "a web page"
    return " ".join(said.split())


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def refusal_error(endpoint: Endpoint, refusal: Refusal, *, models: Sequence[str] = ()) -> ModelError:
    """The error for a person: what was seen, what is needed, and what to do.

    Args:
        endpoint: where the request went.
        refusal: what came back.
        models: those that the server has, for a request that named another one.
    """
    where, words = f"{endpoint.model} at {endpoint.address}", refusal.words
    if refusal.kind == "no_model":
        return missing_model(endpoint, models, words=words)
    if refusal.kind == "too_long":
        return ModelError(f"{where}: {_by_how_much(refusal)}", hint=_larger_context(refusal))
    message, hint = {
        "key": (
            f"{endpoint.address} "
            + ("refused the key that was sent" if endpoint.api_key else "wants a key, and none was sent")
            + f" (HTTP {refusal.status})",
            "set STILLROOM_ENDPOINT_API_KEY to the server's key",
        ),
        "no_route": (f"{endpoint.address} takes no chat requests (HTTP 404: {words})", ADDRESS_HINT),
        "no_tools": (f"{where} was asked for what it cannot do: {words}", _ASK_ANEW),
        "no_thinking": (f"{where} was asked for what it cannot do: {words}", _ASK_ANEW),
        "busy": (
            f"{where} has no room for the request now (HTTP {refusal.status}: {words})",
            "try again later, or ask fewer things at once",
        ),
        "other": (
            f"{where} refused the request{f', HTTP {refusal.status}' if refusal.status else ''}: {words}",
            "stillroom logs",
        ),
    }[refusal.kind]
    return ModelError(message, hint=hint)


def missing_model(endpoint: Endpoint, models: Sequence[str], *, words: str = "") -> ModelError:
    """The error for a model that a server does not have; names those that it has."""
    if models:
        named = f"it has {', '.join(models)}"
        hint = f"STILLROOM_ENDPOINT_MODEL={models[0]}, or endpoint_model in stillroom.toml"
    else:
        named = words or "it names none"
        hint = "STILLROOM_ENDPOINT_MODEL, or endpoint_model in stillroom.toml, is the name on that server"
    return ModelError(f"{endpoint.address} has no model {endpoint.model}: {named}", hint=hint)


def _unwrapped(said: Any) -> Any:  # noqa: ANN401  any JSON
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except ValueError:
            return said
    if isinstance(said, dict):
        for key in ("error", "message", "detail"):
            if said.get(key):
                return said[key]
    return said


def _too_long(status: int, words: str, groups: dict[str, str | None]) -> Refusal:
    prompt, context = groups.get("prompt"), groups.get("context")
    return Refusal(
        "too_long",
        status,
        words,
        prompt_tokens=int(prompt) if prompt else None,
        answer_tokens=int(groups.get("answer") or 0),
        context_tokens=int(context) if context else None,
        stopped_counting=bool(groups.get("least")),
    )


def _by_how_much(refusal: Refusal) -> str:
    context = refusal.context_tokens
    if context is None or (refusal.prompt_tokens is None and not refusal.answer_tokens):
        return f"the request is too long for the model's context: {refusal.words}"
    needed = (refusal.prompt_tokens or 0) + refusal.answer_tokens
    parts = [f"{refusal.prompt_tokens:,} of prompt"] if refusal.prompt_tokens else []
    parts += [f"{refusal.answer_tokens:,} of answer"] if refusal.answer_tokens else []
    least = "at least " if refusal.stopped_counting else ""
    excess = needed - context
    tokens = "token" if excess == 1 else "tokens"
    return (
        f"the request is {least}{excess:,} {tokens} too long: it has {least}{' and '.join(parts)}, "
        f"and the context holds {context:,}"
    )


def _larger_context(refusal: Refusal) -> str:
    hint = "ask something shorter, or start the engine with a larger context"
    if refusal.prompt_tokens is None or refusal.stopped_counting:
        return hint
    needed = refusal.prompt_tokens + refusal.answer_tokens + _CONTEXT_STEP_TOKENS
    steps = -(-needed // _CONTEXT_STEP_TOKENS)
    return f"{hint}: stillroom up --context {steps * _CONTEXT_STEP_TOKENS}"
