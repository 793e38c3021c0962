"""Which JSON is no message of the protocol, and what its sender is told: the same over stdio and HTTP.

Pure. Left to the SDK, such JSON is dropped on stdio, and over HTTP answered with the words of the library
that checks it. Nothing here knows what messages ask for.
"""

from __future__ import annotations

from typing import Any, Final

from mcp.types import INVALID_PARAMS, INVALID_REQUEST, ErrorData, JSONRPCError

_OUTCOMES: Final = {"result", "error"}
_NO_ANSWER: Final = (
    "an answer has jsonrpc '2.0', the id of its request, and as result an object, or an error with code and"
    " message"
)


def refusal(message: object) -> JSONRPCError | None:
    """What is answered to a JSON value that is no request, notification or answer; None where it is one.

    Example:
        >>> refusal({"jsonrpc": "2.0", "id": 7}).error.message
        "a message has jsonrpc '2.0' and the name of a method"
    """
    if not isinstance(message, dict):
        return form_error(None, INVALID_REQUEST, "a message is one JSON object; batches are not taken")
    if "method" not in message and _OUTCOMES & message.keys():
        return None if _is_answer(message) else form_error(None, INVALID_REQUEST, _NO_ANSWER)
    return _refused(message)


def form_error(number: str | int | None, code: int, message: str) -> JSONRPCError:
    """A JSON-RPC error; its id is the request's, or None where that is not known."""
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=message))


def _refused(message: dict[str, Any]) -> JSONRPCError | None:
    """Why it is neither a request nor, without an id, a notification."""
    number = message.get("id")
    if "id" in message and not _is_id(number):
        shown = f"{number!r:.80}"
        return form_error(None, INVALID_REQUEST, f"the id {shown} is neither a string nor a whole number")
    if message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return form_error(number, INVALID_REQUEST, "a message has jsonrpc '2.0' and the name of a method")
    if not isinstance(message.get("params"), dict | None):
        return form_error(number, INVALID_PARAMS, "params is a JSON object")
    return None


def _is_answer(message: dict[str, Any]) -> bool:
    if message.get("jsonrpc") != "2.0":
        return False
    number, error = message.get("id"), message.get("error")
    if _is_id(number) and isinstance(message.get("result"), dict):
        return True
    # Whoever could not read a request's id answers with none.
    named = number is None or _is_id(number)
    return (
        named
        and isinstance(error, dict)
        and _is_number(error.get("code"))
        and isinstance(error.get("message"), str)
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
