"""JSON as editors write it: with comments and trailing commas.

VS Code's ``mcp.json`` has both. Positions stay as they are in the file, so that an error names the right
line. It does not know what the file means.
"""

from __future__ import annotations

import json
import re

# What has no end is matched to that of the text: else it would be looked for from each place where it could
# begin, and a file of a megabyte would be read for hours.
_STRING = r'"(?:\\.|[^"\\])*+(?:"|\\?\Z)'
# A string is matched first and kept, so that what looks like a comment inside one stays.
_TOKEN = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
# A comma after a value and before the end of what holds it.
_TRAILING_COMMA = re.compile(rf"(?:{_STRING}|[\w\]}}])(?:\s*,(?=\s*[}}\]]))?", re.DOTALL)


def parse_jsonc(text: str) -> object:
    r"""The value that the text holds.

    Raises:
        ValueError: it is no JSON, or an object names a key twice; the message has line and column.

    Example:
        >>> parse_jsonc('{"a": [1, 2,], // why not\n}')
        {'a': [1, 2]}
    """
    bare = _TOKEN.sub(_without_comment, text.removeprefix("\ufeff"))
    plain = _TRAILING_COMMA.sub(lambda match: re.sub(",$", " ", match[0]), bare)
    try:
        return json.loads(plain, object_pairs_hook=_each_key_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _without_comment(match: re.Match[str]) -> str:
    token = match[0]
    has_no_end = token.startswith("/*") and not token.endswith("*/", len("/*"))
    return token if token.startswith('"') or has_no_end else re.sub(r"[^\n]", " ", token)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object; of a key that stands there twice nobody knows which value is meant."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found
