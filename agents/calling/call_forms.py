"""The forms in which models write calls by their chat templates, where the server did not read them.

| form | of |
|---|---|
| ``<tool_call><function=f><parameter=a>…`` | Qwen3-Coder; ``<function=f>{…}`` is Llama 3.1's |
| ``<invoke name="f"><parameter name="a">…`` | Anthropic; MiniMax, DeepSeek V3.2 with a prefix |
| ``<tool_call>f<arg_key>a</arg_key><arg_value>…`` | GLM 4.5 |
| ``[TOOL_CALLS]f[ARGS]{…}`` | Mistral |
| ``functions.f:0 {…}``, with or without its tokens | Kimi K2 |
| ``to=functions.f<|message|>{…}`` | gpt-oss |
| ``<｜tool▁call▁begin｜>function<｜tool▁sep｜>f`` | DeepSeek R1 and V3 |
| ``Action: f``, ``Action Input: {…}`` | ReAct |
| ``f(a=1)``, ``[f(a=1)]``, ``f.call(a=1)`` | Llama 3 and 4, Gemma |

Hermes and Qwen put JSON between tags, which needs no form of its own. A value between tags is a text: the
tool's schema says what it stands for. What was cut off is no call. Each text is gone through once. Pure.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.calling.loose_json import (
    MOST_OBJECTS,
    closing_bracket,
    json_at,
    json_values,
    keyword_arguments,
    relaxed_object,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NAME: Final = r"[^\s<>{}\[\]()\"'`:=,|]{1,128}"
_PREFIX: Final = r"(?:antml:|minimax:|[｜|]DSML[｜|])?"

# Each of these ends where its like begins or the text does, so that no text is searched twice.
_TAGGED: Final = re.compile(
    rf"<{_PREFIX}(?:function=[\"']?(?P<name>{_NAME})[\"']?|invoke\s+name=[\"'](?P<named>{_NAME})[\"'])\s*>"
    rf"(?P<body>.*?)(?:(?P<end></{_PREFIX}(?:function|invoke)>|</tool_call>)"
    rf"|(?=<{_PREFIX}(?:function=|invoke\s))|\Z)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(
    rf"<{_PREFIX}parameter(?:=[\"']?(?P<name>{_NAME})[\"']?|\s+name=[\"'](?P<named>{_NAME})[\"'][^<>]{{0,80}})\s*>"
    rf"(?P<value>.*?)(?:(?P<end></{_PREFIX}parameter>)|(?=<{_PREFIX}parameter[=\s])|\Z)",
    re.DOTALL,
)
_KEYED: Final = re.compile(
    rf"<tool_call>\s{{0,20}}(?P<name>{_NAME})\s{{0,20}}(?P<body>(?:<arg_key>.*?)?)"
    r"(?:(?P<end></tool_call>)|(?=<tool_call>)|\Z)",
    re.DOTALL,
)
_KEY: Final = re.compile(
    r"<arg_key>(?P<name>[^<]{1,128})</arg_key>\s{0,20}<arg_value>(?P<value>.*?)"
    r"(?:(?P<end></arg_value>)|(?=<arg_key>)|\Z)",
    re.DOTALL,
)
# <｜tool▁call▁begin｜>function<｜tool▁sep｜>name\n```json\n{…}\n```<｜tool▁call▁end｜>, V3.1's without the
# word and the fence, and both with ASCII bars and underscores.
_DEEPSEEK: Final = re.compile(
    r"<[｜|]tool[▁_]call[▁_]begin[｜|]>(?P<before>[^<]*?)<[｜|]tool[▁_]sep[｜|]>(?P<after>.*?)"
    r"(?:<[｜|]tool[▁_]calls?[▁_]end[｜|]>|\Z)",
    re.DOTALL,
)
# What comes before an object of JSON: Mistral's, Kimi's, gpt-oss's.
_HEADS: Final = re.compile(
    rf"(?:\[TOOL_CALLS?\]\s{{0,20}}(?P<mistral>{_NAME})(?:\[CALL_ID\]\w{{1,64}})?(?:\[ARGS\])?"
    rf"|(?<![\w.])functions\.(?P<kimi>{_NAME}):\d{{1,4}}\s{{0,20}}(?:<\|tool_call_argument_begin\|>)?"
    rf"|\bto=functions\.(?P<oss>{_NAME})[\s\w|<>]{{0,60}}?<\|message\|>)\s{{0,20}}(?=\{{)"
)
_REACT: Final = re.compile(
    rf"^[ \t]{{0,20}}\**Action\**[:：]\**[ \t]{{0,20}}`?(?P<name>{_NAME})`?\**[ \t]{{0,20}}\n"
    r"\s{0,20}\**Action Input\**[:：]\**\s{0,20}(?:```\w{0,10}\s{0,20})?(?=\{)",
    re.MULTILINE,
)
_OBSERVED: Final = re.compile(r"^\s{0,20}\**Observation\**[:：]", re.MULTILINE)
_PYTHON: Final = re.compile(r"(?<![\w.])([^\W\d][\w.\-]{0,127})\(")
_MODULES: Final = ("functions.", "tools.", "default_api.")


class WrittenCall(NamedTuple):
    """A call as it was written; neither the name nor the arguments need make sense."""

    name: object
    arguments: object


class Spot(NamedTuple):
    """A call, and where it stands."""

    call: WrittenCall
    start: int
    end: int


def calls_by_template(text: str, names: Collection[str] = ()) -> list[Spot]:
    """The calls in the forms of templates, in their order; all of them are of one form.

    Args:
        text: of any quality.
        names: of what can be called: only those are looked for in ReAct's form, which is plain words.

    Example:
        >>> calls_by_template("<function=weigh><parameter=thing>salt</parameter></function>")[0].call
        WrittenCall(name='weigh', arguments={'thing': 'salt'})
    """
    for spots in (_deepseek(text), _tagged(text), _keyed(text), _headed(text), _react(text, names)):
        if spots:
            return spots
    return []


def python_calls(text: str, names: Collection[str]) -> list[Spot]:
    """The calls ``name(key=value)`` of the names that can be called.

    Example:
        >>> python_calls("weigh(thing='salt')", {"weigh"})[0].call
        WrittenCall(name='weigh', arguments={'thing': 'salt'})
    """
    spots = []
    ours = (found for found in _PYTHON.finditer(text) if _bare(found[1], names) in names)
    # Each looks for its closing bracket, which may be nowhere.
    for found in islice(ours, MOST_OBJECTS):
        if end := closing_bracket(text, found.end() - 1, "()"):
            arguments = keyword_arguments(text[found.end() : end])
            if arguments is not None:
                spots.append(Spot(WrittenCall(_bare(found[1], names), arguments), found.start(), end + 1))
    return spots


def _bare(name: str, names: Collection[str]) -> str:
    """The name without the module or the method that some templates write."""
    if name in names:
        return name
    for module in _MODULES:
        name = name.removeprefix(module)
    return name.removesuffix(".call")


def _deepseek(text: str) -> list[Spot]:
    spots = []
    for found in _DEEPSEEK.finditer(text):
        before, after = found["before"].strip(), found["after"].strip()
        head, _, rest = after.partition("\n")
        name, body = (head.strip(), rest) if before in ("", "function") else (before, after)
        spots.append(Spot(WrittenCall(name, _object(body)), found.start(), found.end()))
    return spots


def _tagged(text: str) -> list[Spot]:
    spots = []
    for found in _TAGGED.finditer(text):
        whole = found["end"] is not None
        members = _members(_PARAMETER, found["body"])
        arguments: object = members if members and whole else None
        if members == {} and not _PARAMETER.search(found["body"]):
            empty = whole and not found["body"].strip()
            arguments = {} if empty else _object(found["body"])
        spots.append(
            Spot(WrittenCall(found["name"] or found["named"], arguments), found.start(), found.end())
        )
    return spots


def _keyed(text: str) -> list[Spot]:
    return [
        Spot(WrittenCall(found["name"], _members(_KEY, found["body"])), found.start(), found.end())
        for found in _KEYED.finditer(text)
        if found["end"] is not None
    ]


def _members(pattern: re.Pattern[str], body: str) -> Mapping[str, str] | None:
    """Names and values between tags; None where one was cut off."""
    members = {}
    for found in pattern.finditer(body):
        if found["end"] is None:
            return None
        groups = found.groupdict()
        # Qwen's template puts a line's end before and behind each value.
        value = found["value"].removeprefix("\n").removesuffix("\n")
        members[str(groups["name"] or groups.get("named")).strip()] = value
    return members


def _headed(text: str) -> list[Spot]:
    spots = []
    for found in islice(_HEADS.finditer(text), MOST_OBJECTS):
        arguments, end = json_at(text, found.end())
        name = found["mistral"] or found["kimi"] or found["oss"]
        spots.append(Spot(WrittenCall(name, arguments), found.start(), end))
    return spots


def _react(text: str, names: Collection[str]) -> list[Spot]:
    """What comes before the first observation: a model goes on to make up results."""
    observed = _OBSERVED.search(text)
    text = text[: observed.start()] if observed else text
    spots = []
    for found in islice(_REACT.finditer(text), MOST_OBJECTS):
        if found["name"] in names:
            arguments, end = json_at(text, found.end())
            spots.append(Spot(WrittenCall(found["name"], arguments), found.start(), end))
    return spots


def _object(body: str) -> object:
    value = next(json_values(body), None)
    return value if value is not None else relaxed_object(body)
