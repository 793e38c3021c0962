"""Reads the tool calls out of what a model wrote, in whichever form models write them.

JSON with prose or a fence around it, the tags of Hermes and Qwen, DeepSeek's own tokens, a call as Python
writes it, and the slips that small models make: single quotes, trailing commas, full-width punctuation.
Pure: it knows no tools, judges nothing, and never raises.
"""

from __future__ import annotations

import ast
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rag.model_call import json_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Beyond this a text is searched no further: a reply has a thousand tokens.
_LONGEST_CHARACTERS: Final = 40_000
# Lists and objects in each other: no tool asks for more, and a conversation's file holds some hundred.
_DEEPEST: Final = 64
# More JSON than a reply of calls has; prose full of braces would be searched for ever.
_MOST_OBJECTS: Final = 64

# What names a call and its arguments: ours, OpenAI's, and those that models know from elsewhere.
_NAME_KEYS: Final = ("action", "name", "tool", "tool_name", "function")
_ARGUMENT_KEYS: Final = ("args", "arguments", "parameters", "action_input", "input", "tool_input")
_LIST_KEYS: Final = ("actions", "tool_calls", "calls")

# <｜tool▁call▁begin｜>function<｜tool▁sep｜>name\n```json\n{…}\n```<｜tool▁call▁end｜>, V3.1's without the
# word and the fence, and both with ASCII bars and underscores.
_DEEPSEEK: Final = re.compile(
    r"<[｜|]tool[▁_]call[▁_]begin[｜|]>(?P<before>[^<]*?)<[｜|]tool[▁_]sep[｜|]>(?P<after>.*?)"
    r"(?:<[｜|]tool[▁_]calls?[▁_]end[｜|]>|\Z)",
    re.DOTALL,
)
_ANSWER_BEGUN: Final = re.compile(r'"action"\s*:\s*"final_answer"\s*,\s*"args"\s*:\s*\{\s*"answer"\s*:\s*"')
# A pair of surrogates, each \\uXXXX.
_LONGEST_ESCAPE: Final = 12
_MANY_SPACES: Final = 32
# Full-width punctuation of Chinese input, where a reply has no JSON without it.
_WIDTHS: Final = str.maketrans("｛｝［］：，“”＂‘’", '{}[]:,"""\'\'')
_TRAILING_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_PYTHON_CALL: Final = re.compile(r"(?<![\w.])([A-Za-z_][\w.\-]*)\(")
_LITERALS: Final = re.compile(r"\b(true|false|null)\b")
_AS_PYTHON: Final = {"true": "True", "false": "False", "null": "None"}


class WrittenCall(NamedTuple):
    """A call as it was written; neither the name nor the arguments need make sense."""

    name: object
    arguments: object


def written_calls(text: str, names: Sequence[str] = ()) -> list[WrittenCall]:
    r"""The calls in a reply, in their order; the first form that holds any counts.

    Args:
        text: without its thought.
        names: of what can be called: only those are looked for in the form ``name(…)``.

    Example:
        >>> written_calls('Sure! {"name": "weigh", "arguments": "{\\"thing\\": \\"salt\\"}"}')
        [WrittenCall(name='weigh', arguments={'thing': 'salt'})]
    """
    text = text[:_LONGEST_CHARACTERS]
    for reading in (_deepseek, _json, _mended, _python):
        if calls := reading(text, names):
            return calls
    return []


def nests_too_deeply(value: object) -> bool:
    """Whether lists and objects stand in each other deeper than any tool asks for.

    Example:
        >>> nests_too_deeply([{"a": [1]}])
        False
    """
    level = [value]
    for _ in range(_DEEPEST):
        inside = (
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        )
        level = [inner for members in inside for inner in members]
        if not level:
            return False
    return True


def closed_after_spaces(text: str) -> str:
    """The text with its objects closed, where it broke off in nothing but white space; else empty.

    A grammar may allow any white space inside an object, and a small model then writes nothing else
    (SmolLM2 on vLLM, for a tool without arguments, 2026-11-26): what stands before it is whole.

    Example:
        >>> closed_after_spaces('{"action": "status", "args": {  ')
        '{"action": "status", "args": {}}'
    """
    body = text[:_LONGEST_CHARACTERS].rstrip()
    missing = body.count("{") - body.count("}")
    if missing <= 0 or not (body.endswith("{") or len(text) - len(body) >= _MANY_SPACES):
        return ""
    return body + "}" * missing


def cut_answer(text: str) -> str:
    """What stands of a final answer whose reply was cut off inside it; empty where there is none.

    Example:
        >>> cut_answer('{"action": "final_answer", "args": {"answer": "It weighs')
        'It weighs'
    """
    begun = _ANSWER_BEGUN.search(text[:_LONGEST_CHARACTERS])
    if begun is None:
        return ""
    # An escape may be cut, too.
    for end in range(len(text), max(begun.end(), len(text) - _LONGEST_ESCAPE), -1):
        try:
            answer = json.loads(f'"{text[begun.end() : end]}"', strict=False)
        except ValueError:
            continue
        return str(answer).strip() if re.search(r"\w", answer) else ""
    return ""


def _deepseek(text: str, _names: Sequence[str]) -> list[WrittenCall]:
    calls = []
    for found in _DEEPSEEK.finditer(text):
        before, after = found["before"].strip(), found["after"].strip()
        head, _, rest = after.partition("\n")
        name, body = (head.strip(), rest) if before in ("", "function") else (before, after)
        arguments = next(_objects(body), None)
        calls.append(WrittenCall(name, arguments if arguments is not None else _relaxed_object(body)))
    return calls


def _json(text: str, _names: Sequence[str]) -> list[WrittenCall]:
    return [call for value in _objects(text) for call in _calls(value)]


def _mended(text: str, names: Sequence[str]) -> list[WrittenCall]:
    """What JSON was meant: full-width punctuation, then quotes and commas as Python has them."""
    plain = text.translate(_WIDTHS)
    if plain != text and (calls := _json(plain, names)):
        return calls
    relaxed = (_relaxed_object(plain[start:]) for start in _openings(plain))
    return next((calls for value in relaxed if (calls := list(_calls(value)))), [])


def _python(text: str, names: Sequence[str]) -> list[WrittenCall]:
    """``name(key=value)``, of the names that can be called."""
    calls = []
    ours = (found for found in _PYTHON_CALL.finditer(text) if found[1] in names)
    # Each looks for its closing bracket, which may be nowhere.
    for found in islice(ours, _MOST_OBJECTS):
        if end := _closing(text, found.end() - 1, "()"):
            arguments = _keywords(text[found.end() : end])
            if arguments is not None:
                calls.append(WrittenCall(found[1], arguments))
    return calls


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for number, value in enumerate(json_objects(text)):
        if number >= _MOST_OBJECTS:
            return
        yield value


def _calls(value: object) -> Iterator[WrittenCall]:
    """The calls that one JSON value is or holds in a list."""
    if not isinstance(value, dict):
        return
    listed = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
    if listed is not None:
        yield from (call for item in listed for call in _calls(item))
        return
    name_key = next((key for key in _NAME_KEYS if key in value), "")
    if not name_key:
        return
    name = value[name_key]
    if isinstance(name, dict):
        # OpenAI's {"type": "function", "function": {"name": …, "arguments": "…"}}
        yield from _calls(name)
        return
    key = next((key for key in _ARGUMENT_KEYS if key in value), "")
    if not key and name_key != "action":
        # {"name": "Anna"} in a passage of prose is no call.
        return
    yield WrittenCall(name, _parsed(value[key]) if key else {})


def _parsed(arguments: object) -> object:
    """Arguments that were written as a text of JSON, as OpenAI does; others as they are."""
    if not isinstance(arguments, str) or not arguments.lstrip().startswith("{"):
        return arguments
    return next(_objects(arguments), arguments)


def _openings(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"\{", text)][:_MOST_OBJECTS]


def _relaxed_object(text: str) -> object:
    """The object at the text's first brace, with trailing commas or as Python writes one; None if none is."""
    start = text.find("{")
    end = _closing(text, start, "{}") if start >= 0 else None
    if end is None:
        return None
    written = _TRAILING_COMMA.sub("", text[start : end + 1])
    value = next(_objects(written), None)
    return (
        value if value is not None else _literal(_LITERALS.sub(lambda found: _AS_PYTHON[found[0]], written))
    )


def _closing(text: str, start: int, pair: str) -> int | None:
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


def _keywords(written: str) -> dict[str, Any] | None:
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
