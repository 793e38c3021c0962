"""Reads the tool calls out of what a model wrote, in whichever form models write them.

The forms of chat templates (``call_forms``), JSON with prose, a fence or tags around it, a call as Python
writes it, and the slips that small models make: single quotes, trailing commas, full-width punctuation.
Whether a call is meant or only quoted is ``certain_calls``'s question. Pure: it knows no tools, judges
nothing, and never raises.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from agents.calling.call_forms import WrittenCall, calls_by_template, python_calls
from agents.calling.loose_json import MOST_OBJECTS, json_at, json_values, relaxed_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["WrittenCall", "closed_after_spaces", "cut_answer", "nests_too_deeply", "written_calls"]

# Beyond this a text is searched no further: a reply has a thousand tokens.
_LONGEST_CHARACTERS: Final = 40_000
# Lists and objects in each other: no tool asks for more, and a conversation's file holds some hundred.
_DEEPEST: Final = 64
# What names a call and its arguments: ours, OpenAI's, and those that models know from elsewhere.
_NAME_KEYS: Final = ("action", "name", "tool", "tool_name", "function")
_ARGUMENT_KEYS: Final = ("args", "arguments", "parameters", "action_input", "input", "tool_input")
_LIST_KEYS: Final = ("actions", "tool_calls", "calls")

_ANSWER_BEGUN: Final = re.compile(r'"action"\s*:\s*"final_answer"\s*,\s*"args"\s*:\s*\{\s*"answer"\s*:\s*"')
# A pair of surrogates, each \\uXXXX.
_LONGEST_ESCAPE: Final = 12
_MANY_SPACES: Final = 32
# Full-width punctuation of Chinese input, where a reply has no JSON without it.
_WIDTHS: Final = str.maketrans("｛｝［］：，“”＂‘’", '{}[]:,"""\'\'')


def written_calls(text: str, names: Sequence[str] = ()) -> list[WrittenCall]:
    r"""The calls in a reply, in their order; the first form that holds any counts.

    Args:
        text: without its thought.
        names: of what can be called: only those are looked for in forms that prose has too, ``name(…)``
            and ReAct's.

    Example:
        >>> written_calls('Sure! {"name": "weigh", "arguments": "{\\"thing\\": \\"salt\\"}"}')
        [WrittenCall(name='weigh', arguments={'thing': 'salt'})]
    """
    text = text[:_LONGEST_CHARACTERS]
    spots = calls_by_template(text, names)
    if spots and _stands_in_json(text, spots[0].start):
        spots = []
    by_template = [spot.call for spot in spots]
    if any(call.arguments is not None for call in by_template):
        return by_template
    spoken = _json(text) or _mended(text) or [spot.call for spot in python_calls(text, names)]
    return spoken or by_template


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


def _stands_in_json(text: str, position: int) -> bool:
    """Whether a place is inside the first object: what a text of JSON quotes is no call."""
    begins = text.find("{")
    return 0 <= begins < position < json_at(text, begins)[1]


def _json(text: str) -> list[WrittenCall]:
    return [call for value in json_values(text) for call in _calls(value)]


def _mended(text: str) -> list[WrittenCall]:
    """What JSON was meant: full-width punctuation, then quotes and commas as Python has them."""
    plain = text.translate(_WIDTHS)
    if plain != text and (calls := _json(plain)):
        return calls
    relaxed = (relaxed_object(plain[start:]) for start in _openings(plain))
    return next((calls for value in relaxed if (calls := list(_calls(value)))), [])


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
    return next(json_values(arguments), arguments)


def _openings(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"\{", text)][:MOST_OBJECTS]
