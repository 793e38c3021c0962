"""Which of the calls in a text are meant, where words may as well be the answer.

A model with native tools answers in prose, and prose may quote a call, or explain how one is written. So a
call counts where the whole reply is one, or where it stands between the marks of a chat template, which no
prose has without quoting them. Pure; how a call is written is ``reply_text``'s knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agents.calling.actions import FINAL
from agents.calling.call_forms import calls_by_template, python_calls
from agents.calling.loose_json import MOST_OBJECTS, closing_bracket, json_at
from agents.calling.reply_text import nests_too_deeply, written_calls

if TYPE_CHECKING:
    from collections.abc import Collection

# What a call begins with in a chat template, which the server should have read.
MARKS: Final = re.compile(
    r"<tool_call|\[TOOL_CALLS?\]|<[|｜]tool|<[|｜]python_tag[|｜]>|<[|｜]DSML[|｜]|<minimax:|<function="
    r"|<(?:antml:)?(?:function_calls>|invoke\s+name=)|\bto=functions\.|```tool_(?:call|code)\b"
)
_FENCE: Final = re.compile(r"```([\w-]{0,20})")
# Labels of fences in which models write calls; behind another, such as python, stands an example.
_OF_CALLS: Final = frozenset({"json", "tool_call", "tool_calls", "tool_code"})
_OPENINGS: Final = ("{", "[", "｛", "［")
# An answer may begin with a marker, [1].
_OBJECT: Final = re.compile(r"[\[［]?\s{0,9}[{｛]")
_BRACKET: Final = re.compile(r"[{\[]")
_QUOTES: Final = "`'\"“‘「『"
_WIDTHS: Final = str.maketrans("｛｝［］", "{}[]")
# What may stand around JSON and is no word: a template's end mark, and the next fence.
_NO_WORDS: Final = re.compile(rf"</?[^\s<>]{{1,40}}>|```(?:{'|'.join(sorted(_OF_CALLS))})?(?![\w-])")
_BETWEEN_CALLS: Final = re.compile(r"[\s\[\],;]*")
_MOST_MARKS: Final = 64
# A reply has a thousand tokens; what is longer is searched no further.
_LONGEST_CHARACTERS: Final = 40_000
# What only a call has, in whichever form, be it broken.
_ATTEMPT: Final = re.compile(
    r"[\"'“”](?:action|args|arguments|parameters|tool_calls)[\"'“”]\s{0,9}[:：]|^\s{0,9}\**Action Input",
    re.MULTILINE,
)
# A mark, and behind it what a call goes on with; prose about a mark has words there.
_BEGUN: Final = re.compile(rf"\s*(?:{MARKS.pattern})[^\s<>\[{{]{{0,200}}[>\]]?\s{{0,20}}[<\[{{]")

Calls = tuple[tuple[str, Mapping[str, Any]], ...]


def certain_calls(text: str, tools: Collection[str]) -> Calls:
    """Names and arguments of the calls that a reply is; none where it is an answer.

    Args:
        text: without its thought.
        tools: names of what was offered. Another one is only a call where the reply begins with the marks of
            a template: then the model can be told that there is none of that name.

    Example:
        >>> certain_calls('<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}', {"weigh"})
        (('weigh', {'thing': 'salt'}),)
        >>> certain_calls('An example: {"name": "weigh", "arguments": {"thing": "salt"}}', {"weigh"})
        ()
    """
    text = text[:_LONGEST_CHARACTERS]
    mark = _mark(text)
    if mark is None:
        return _offered(_unmarked(text, tools), tools)
    body = text[mark:]
    if body.startswith("```"):
        body = body.partition("\n")[2].partition("```")[0]
    # Without names, no prose behind the mark that looks like a Python call is one.
    code = text.startswith(("```", "<|python_tag|>", "<｜python_tag｜>"), mark)
    calls = _with_objects(written_calls(body, tuple(tools) if code else ()))
    return _offered(calls, tools) if text[:mark].strip() else calls


def begins_a_call(text: str) -> bool:
    """Whether a reply begins as a template writes calls, be it cut off or broken.

    Example:
        >>> begins_a_call('<tool_call>{"name": "wei'), begins_a_call("<tool_call> is Qwen's mark.")
        (True, False)
    """
    return _BEGUN.match(text) is not None


def final_words(text: str) -> str:
    """The answer that a reply gives as the action of a model without native tools; empty where it does not.

    Example:
        >>> final_words('{"name": "final_answer", "arguments": {"answer": "5 g"}}')
        '5 g'
    """
    body = _unfenced(text)
    if not body.startswith("{") or json_at(body, 0)[1] != len(body):
        return ""  # there is more, or less, than one object
    match _with_objects(written_calls(body)):
        case ((str(name), {"answer": str(answer)}),) if name == FINAL:
            return answer.strip()
    return ""


def is_attempt(text: str) -> bool:
    """Whether a reply that holds no call looks as if one was meant: such a reply is no answer.

    Example:
        >>> is_attempt('<tool_call>{"name": "wei'), is_attempt("It weighs 5 g.")
        (True, False)
    """
    text = text[:_LONGEST_CHARACTERS]
    if _mark(text) is not None or _ATTEMPT.search(text):
        return True
    return _OBJECT.match(_unfenced(text)) is not None


def _mark(text: str) -> int | None:
    """Where the first template's mark stands that is not quoted."""
    for number, found in enumerate(MARKS.finditer(text)):
        if number >= _MOST_MARKS:
            break
        if not _is_quoted(text, found.start()):
            return found.start()
    return None


def _is_quoted(text: str, position: int) -> bool:
    """Whether a mark stands in quotes or code, or in the middle of a sentence."""
    before = text[:position]
    if before.endswith(tuple(_QUOTES)) and not text.startswith("```", position):
        return True
    if before.count("```") % 2:
        # Code is quoted where anything stands around it.
        fence = before.rfind("```")
        behind = text[position:].partition("```")[2]
        return bool(before[:fence].strip() or behind.strip())
    begins_line = not before.rpartition("\n")[2].strip()
    goes_on = re.search(r"\w", re.split(r"[>}\])`]", text[position:])[-1])
    return bool(goes_on) and not begins_line


def _unmarked(text: str, tools: Collection[str]) -> Calls:
    body = _unfenced(text)
    # In a fence without a label, code is as likely an example.
    spoken = [] if text.lstrip().startswith("```") and not _label(text) else python_calls(body, tools)
    if spoken and _BETWEEN_CALLS.fullmatch(_without(body, [(spot.start, spot.end) for spot in spoken])):
        return _with_objects([spot.call for spot in spoken])
    if body.startswith(_OPENINGS):
        return _with_objects(written_calls(body)) if _is_json_alone(body) else ()
    spots = [spot for spot in calls_by_template(text, tools) if not _is_quoted(text, spot.start)]
    return _with_objects([spot.call for spot in spots])


def _label(text: str) -> str:
    """What stands behind the marks of the fence that a text begins with, in small letters; empty without."""
    fence = _FENCE.match(text.lstrip())
    return fence[1].lower() if fence else ""


def _unfenced(text: str) -> str:
    """What is in the fence that a text begins with; the text as it is where that is not one for calls."""
    body, label = text.strip(), _label(text)
    if not body.startswith("```") or (label and label not in _OF_CALLS):
        return body
    return body[len("```") + len(label) :].removesuffix("```").strip()


def _is_json_alone(body: str) -> bool:
    """Whether no word stands outside the objects and lists of a text that begins with one."""
    plain = body.translate(_WIDTHS)
    at, spans = 0, []
    # Each looks for its closing bracket, which may be nowhere.
    for _ in range(MOST_OBJECTS):
        opening = _BRACKET.search(plain, at)
        if opening is None:
            break
        start = at = opening.start()
        closing = closing_bracket(plain, start, "{}" if opening[0] == "{" else "[]")
        at = start + 1 if closing is None else closing + 1
        spans.append((start, at))
    return not re.search(r"\w", _NO_WORDS.sub("", _without(body, spans)))


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = max(at, end)
    return "".join([*kept, text[at:]])


def _with_objects(calls: Collection[tuple[object, object]]) -> Calls:
    """Those whose arguments are an object, or the JSON of one that is whole."""
    read = []
    for name, written in calls:
        arguments = {} if isinstance(written, str) and not written.strip() else written
        if isinstance(name, str) and isinstance(arguments, Mapping) and not nests_too_deeply(arguments):
            read.append((name.removeprefix("functions."), arguments))
    return tuple(read)


def _offered(calls: Calls, tools: Collection[str]) -> Calls:
    return tuple(call for call in calls if call[0] in tools)
