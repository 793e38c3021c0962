"""The exceptions of LangChain's chat clients as one of ours, for all rooms that talk to a model.

The edge where OpenAI's client, Ollama's and the HTTP client below them are translated, once. What a refusal
means is ``deploy.refusals``' to say; what the server is asked to make the message precise is
``deploy.probing.second_look``'s.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from deploy.broken_connection import broken_connection, unreadable_answer
from deploy.refusals import Refusal, read_refusal, refusal_error, server_words
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import AIMessageChunk
    from openai import LengthFinishReasonError

    from deploy.endpoint import Endpoint

# With these a server refuses what a request asks for; 500 is Ollama's for a format that it does not know.
_REFUSING: Final = frozenset({400, 422, 500, 501})
# What of an answer that cannot be read is shown.
_SEEN_CHARACTERS: Final = 80
_SEEN_BYTES: Final = 16
# What Ollama's client gives as the status of an error inside a stream.
_NO_STATUS: Final = -1


@contextmanager
def model_errors(endpoint: Endpoint) -> Iterator[None]:
    """Turn the chat clients' exceptions into one that names the endpoint and what to try.

    Raises:
        ModelError: in place of whatever OpenAI's client, Ollama's or the HTTP client below them raised.
    """
    import httpx
    import ollama
    import openai

    try:
        yield
    except (openai.APITimeoutError, httpx.TimeoutException) as error:
        raise ModelError(
            f"{endpoint.model} at {endpoint.address} did not answer in time",
            hint="ask for fewer tokens, or choose a smaller model: stillroom plan",
        ) from error
    except (openai.APIConnectionError, httpx.TransportError, ConnectionError) as error:
        raise broken_connection(endpoint, error) from error
    except openai.APIStatusError as error:
        refusal = read_refusal(error.status_code, error.response.text)
        raise _explained(endpoint, refusal, error.request.content) from error
    except ollama.ResponseError as error:
        status = 0 if error.status_code == _NO_STATUS else error.status_code
        raise _explained(endpoint, read_refusal(status, error.error), b"") from error
    except (openai.OpenAIError, httpx.HTTPError) as error:
        if isinstance(error, openai.APIError) and error.body:
            # In the middle of a stream there is no status any more, only words.
            raise refusal_error(endpoint, read_refusal(0, json.dumps(error.body))) from error
        raise unreadable_answer(endpoint, error) from error


@contextmanager
def readable_answer(endpoint: Endpoint) -> Iterator[None]:
    """Turn what the clients stumble with, over a reply that is no chat answer, into an error of ours.

    To be put around one request alone: a mistake in a program raises the same exceptions.

    Raises:
        ModelError: the endpoint replied with success and a web page, an empty object or the like.
    """
    try:
        yield
    # OpenAI's client asserts that a stream under a schema held something.
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
        words, hint = _what_was_seen(error)
        words = f": {words}" if words else ""
        raise ModelError(
            f"{endpoint.address} answered with something that is no chat answer of {endpoint.model}{words}",
            hint=hint or "look whether the address is that of an OpenAI-compatible server: stillroom status",
        ) from error


def _what_was_seen(error: Exception) -> tuple[str, str]:
    """What of an answer could not be read, and what to try; both empty where nothing tells."""
    from pydantic import ValidationError

    said = error.args[0] if error.args else None
    if isinstance(said, dict):
        # LangChain's client raises the error that a server sends along with a status of success.
        return server_words(json.dumps(said)), ""
    match error:
        case json.JSONDecodeError(doc=str(text)) if "<html" in text.lower():
            return server_words(text), ""
        case json.JSONDecodeError(doc=str(text)):
            seen = f"{text[:_SEEN_CHARACTERS]!r} is no JSON"
        case UnicodeDecodeError(object=data, start=start):
            seen = f"{bytes(data[start : start + _SEEN_BYTES])!r} is no UTF-8"
        case ValidationError():
            first = error.errors(include_url=False)[0]
            # An error of the whole answer is at no place in it.
            place = f"{first['loc'][0]} = " if first["loc"] else ""
            seen = f"{place}{repr(first['input'])[:_SEEN_CHARACTERS]}"
        case _:
            return "", ""
    return server_words(seen), "stillroom logs, or what the server itself writes of this request"


def next_chunk(endpoint: Endpoint, chunks: Iterator[AIMessageChunk]) -> AIMessageChunk | None:
    """The next chunk of a stream; None at its end, which may be the token limit.

    OpenAI's client raises an exception for a reply under a schema that the limit cut, after all its chunks.

    Raises:
        ModelError: as ``readable_answer``.
    """
    import openai

    try:
        with readable_answer(endpoint):
            return next(chunks, None)
    except openai.LengthFinishReasonError:
        return None


def is_away(error: Exception) -> bool:
    """Whether a chat client's exception says that nobody is there now, as while a server starts anew.

    Not a timeout: such a server may still compute. Nor an answer that cannot be read.
    """
    import httpx
    import ollama
    import openai

    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return False
    if isinstance(error.__cause__, httpx.DecodingError):
        return False
    if isinstance(error, openai.APIStatusError | ollama.ResponseError):
        return error.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    return isinstance(error, openai.APIConnectionError | httpx.TransportError | ConnectionError)


def is_too_long(error: Exception) -> bool:
    """Whether a chat client's exception says that a request does not fit the context."""
    import ollama
    import openai

    if isinstance(error, openai.APIStatusError):
        return read_refusal(error.status_code, error.response.text).kind == "too_long"
    return (
        isinstance(error, ollama.ResponseError)
        and read_refusal(max(0, error.status_code), error.error).kind == "too_long"
    )


def refused_words(error: Exception) -> str | None:
    """The server's words where it refuses what a request asks for; None for any other failure.

    A request that is too long, a wrong key, no such model and the like would be refused without it, too.
    """
    import ollama
    import openai

    if isinstance(error, openai.APIStatusError):
        status, text = error.status_code, error.response.text
    elif isinstance(error, ollama.ResponseError):
        status, text = error.status_code, error.error
    else:
        return None
    refusal = read_refusal(status, text)
    return refusal.words if refusal.kind == "other" and status in _REFUSING else None


def cut_off_text(error: LengthFinishReasonError) -> str:
    """What a model had written under a schema when the token limit cut it.

    OpenAI's client throws such text away with an exception, although complete parts of it can be used.
    """
    return error.completion.choices[0].message.content or ""


def _explained(endpoint: Endpoint, refusal: Refusal, request_body: bytes) -> ModelError:
    """The error for a refusal, made precise by one more question where that helps."""
    from deploy.probing import second_look

    if refusal.kind == "no_model":
        return refusal_error(
            endpoint, refusal, models=second_look.served_models(endpoint.base_url, endpoint.api_key)
        )
    uncounted = refusal.prompt_tokens is None or refusal.stopped_counting
    if refusal.kind == "too_long" and uncounted and request_body:
        request: dict[str, Any] = json.loads(request_body)
        counted = second_look.prompt_tokens(endpoint, request) or 0
        if counted > max(refusal.prompt_tokens or 0, refusal.context_tokens or 0):
            refusal = replace(refusal, prompt_tokens=counted, stopped_counting=False)
    return refusal_error(endpoint, refusal)
