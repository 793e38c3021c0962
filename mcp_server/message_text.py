"""A message's text, read as the SDK will read it: mended where that can be done, else refused in words.

Pure, and the same over stdio and HTTP. What the SDK's parser takes no more is found here, so that whoever
sent it is answered under the request's id. Nothing here knows what messages ask for.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from mcp.types import INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError

from mcp_server import message_form

if TYPE_CHECKING:
    from mcp.types import JSONRPCError

# Half of a pair of UTF-16 that a client cut through: no text can hold it. Whole pairs and other escapes are
# matched first and stay, so that an escaped backslash before a "u" is none.
_ESCAPES: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_BOM: Final = "\ufeff"
# A key with its colon, a string, a bracket, or a bare word. Nothing is gone back over, however long it is.
_TOKEN: Final = re.compile(
    r'("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+:|"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]|[^][{}",:\s]++'
)
# The parser of pydantic, which the SDK uses, goes 200 levels deep (jiter, DEFAULT_RECURSION_LIMIT).
_TOO_DEEP: Final = "it nests too deep: 200 levels are read at most"
_TOO_LONG: Final = f"it has a number that is too long: {sys.int_info.default_max_str_digits} digits are read"


def mended(text: str) -> str:
    r"""The text without what keeps a message from being read: a byte order mark, half a pair of UTF-16.

    Example:
        >>> mended('\ufeff{"a": "x\\ud83d"}')
        '{"a": "x\\ufffd"}'
    """
    return _ESCAPES.sub(lambda found: r"\ufffd" if found[1] else found[0], text.removeprefix(_BOM))


def read_message(text: str) -> tuple[dict[str, Any], JSONRPCError | None]:
    """The members of a message, and what is answered where the text holds none that the SDK would read.

    Args:
        text: mended.

    Example:
        >>> read_message('{"jsonrpc": "2.0", "id": 7')[1].error.message
        "it is not JSON: Expecting ',' delimiter, at character 27"
    """
    try:
        message = json.loads(text)
    except json.JSONDecodeError as error:
        said = f"it is not JSON: {error.msg}, at character {error.pos + 1}"
        return {}, message_form.form_error(None, PARSE_ERROR, said)
    except RecursionError:
        return {}, message_form.form_error(_outer_id(text), INVALID_REQUEST, _TOO_DEEP)
    except ValueError:
        return {}, message_form.form_error(_outer_id(text), INVALID_REQUEST, _TOO_LONG)
    trouble = message_form.refusal(message)
    if trouble is not None:
        return {}, trouble
    said = _unread(text)
    if said:
        # Under the id of an answer its receiver would take this for the answer to a request of its own.
        number = message.get("id") if "method" in message else None
        return {}, message_form.form_error(number, INVALID_REQUEST, said)
    return message, None


def _unread(text: str) -> str:
    """Why the SDK would not read it; empty where it would."""
    try:
        jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        if "recursion limit" in said:
            return _TOO_DEEP
        return _TOO_LONG if "number out of range" in said else f"it cannot be read: {said}"
    return ""


def _outer_id(text: str) -> str | int | None:
    """The id of a request that is not read as a whole; None where none is found that is one."""
    depth, is_next = 0, False
    for token in _TOKEN.finditer(text):
        key, word = token[1], token[0]
        if is_next:
            return _id(word)
        if word in {"{", "["}:
            depth += 1
        elif word in {"}", "]"}:
            depth -= 1
        is_next = depth == 1 and key is not None and _id(key) == "id"
    return None


def _id(word: str) -> str | int | None:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
