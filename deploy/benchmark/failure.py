"""Why a request failed, in a few words: the exceptions of both clients, and servers' error bodies."""

from __future__ import annotations

import json
from typing import Final

from deploy.benchmark.timing import Failed
from stillroom.errors import StillroomError

_MOST_CHARACTERS: Final = 300


def failed(error: Exception) -> Failed:
    """A failure in words; whatever is no failure of a connection is one of reading what came."""
    import httpx
    import ollama
    import openai

    if isinstance(error, StillroomError):  # the toolkit has found the words
        return Failed(error.message)
    if isinstance(error, openai.APIStatusError | ollama.ResponseError):
        return Failed(server_message(str(error)), status=error.status_code)
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return Failed("the server sent nothing for too long")
    if isinstance(error, openai.APIConnectionError | httpx.HTTPError | ConnectionError):
        return _disconnected(error)
    if isinstance(error, openai.OpenAIError):  # the server's own words, in the middle of a stream
        return Failed(str(error))
    return Failed(f"what the server sent cannot be read: {error}")


def _disconnected(error: Exception) -> Failed:
    import httpx

    cause = _http_error(error)
    # A plain ConnectionError is Ollama's client's, where nobody listens.
    if isinstance(cause, httpx.ConnectError | ConnectionError):
        return Failed(f"no connection: {cause}", reached=False)
    return Failed(f"the connection broke: {cause}")


def _http_error(error: BaseException) -> BaseException:
    """What the HTTP client raised below OpenAI's, whose own words are only "Connection error."."""
    import httpx

    below: BaseException | None = error
    while below is not None and not isinstance(below, httpx.HTTPError):
        below = below.__cause__
    return below or error


def server_message(text: str) -> str:
    """The message in an error's body, in any of the servers' forms; without one the text itself.

    Example:
        >>> server_message('{"error": {"message": "no such model", "code": 404}}')
        'no such model'
    """
    try:
        error = json.loads(text)["error"]
    except (ValueError, LookupError, TypeError):
        return text.strip()[:_MOST_CHARACTERS] or "no reason was given"
    message = error.get("message", error) if isinstance(error, dict) else error
    return str(message)[:_MOST_CHARACTERS]
