"""Objects and values as models write them: JSON, JSON with trailing commas, and Python's literals.

Pure, and nothing here raises: what cannot be read is None. It knows no calls and no tools.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any, Final

from rag.model_call import json_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

# More JSON than a reply of calls has; prose full of braces would be searched for ever.
MOST_OBJECTS: Final = 64

_TRAILING_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_LITERALS: Final = re.compile(r"\b(true|false|null)\b")
_AS_PYTHON: Final = {"true": "True", "false": "False", "null": "None"}


def json_values(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, the first of them where it has very many.

    Example:
        >>> list(json_values('Sure: {"a": 1}'))
        [{'a': 1}]
    """
    for number, value in enumerate(json_objects(text)):
        if number >= MOST_OBJECTS:
            return
        yield value


def json_at(text: str, position: int) -> tuple[object, int]:
    """The JSON value that begins there, and where it ends; None where none does, or it was cut off."""
    try:
        return json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError):
        return None, position


def relaxed_object(text: str) -> object:
    """The object at the text's first brace, with trailing commas or as Python writes one; None if none is."""
    start = text.find("{")
    end = closing_bracket(text, start, "{}") if start >= 0 else None
    if end is None:
        return None
    written = _TRAILING_COMMA.sub("", text[start : end + 1])
    value = next(json_values(written), None)
    return value if value is not None else _literal(_pythonic(written))


def closing_bracket(text: str, start: int, pair: str) -> int | None:
    """Where the bracket at ``start`` closes, quoted brackets aside; None where it does not."""
    opening, closing = pair[0], pair[1]
    depth, quote, escaped = 0, "", False
    for position in range(start, len(text)):
        character = text[position]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character == '"' or (character == "'" and not text[position - 1 : position].isalnum()):
            # An apostrophe inside a word opens nothing.
            quote = character
        elif character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if depth == 0:
                return position
    return None


def keyword_arguments(written: str) -> dict[str, Any] | None:
    """The keyword arguments of a Python call; None where they are anything but plain values."""
    call = _syntax(f"f({_pythonic(written)})")
    if not isinstance(call, ast.Call) or call.args:
        return None
    values = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            return None
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None
    return values if _is_json(values) else None


def _pythonic(written: str) -> str:
    """The text with JSON's three literals as Python spells them."""
    return _LITERALS.sub(lambda found: _AS_PYTHON[found[0]], written)


def _literal(written: str) -> object:
    """The value of a Python literal; None for what is none."""
    expression = _syntax(written)
    if expression is None:
        return None
    try:
        value: object = ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if _is_json(value) else None


def _syntax(written: str) -> ast.expr | None:
    try:
        return ast.parse(written.strip(), mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _is_json(value: object) -> bool:
    """Whether a Python literal says something in JSON: no sets, no bytes, no numbers for keys."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (ValueError, TypeError, RecursionError):
        return False
