"""Whether calls are right: the rules by which the Berkeley Function Calling Leaderboard compares them.

Names, types and values are compared, never the text. Texts count as equal without spaces, case and the marks
``,./-_*^``; an integer will do for a float; several calls may stand in any order; an empty list stands for
one that may be left out. Where a right value is of another type than the schema's, it stands for a variable,
and is compared as it is. By ``bfcl_eval/eval_checker/ast_eval/ast_checker.py`` of the leaderboard's
repository; three things are done otherwise. Nested lists and objects are compared by the same rules at any
depth, so that integers will do for a list of floats. ``any`` takes any type, where the leaderboard takes
texts alone. A refusal must be an answer in words: what cannot be read is none.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.toolcalling_cases import Call, Case, Function

_IGNORED_MARKS: Final = re.compile(r"[ ,./\-_*^]")
_LEFT_OUT: Final = ""

_PYTHON_TYPES: Final[dict[str, type]] = {
    "string": str,
    "str": str,
    "integer": int,
    "int": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "bool": bool,
    "array": list,
    "list": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model came to.

    Attributes:
        calls: by the names that servers take.
        answer: in words; empty where it called, or where its reply could not be read.
        problem: why its reply could not be read as calls or an answer; empty where it could.
    """

    calls: tuple[Call, ...] = ()
    answer: str = ""
    problem: str = ""

    @property
    def attempted(self) -> bool:
        """Whether it wanted to call, as far as can be told."""
        return bool(self.calls or self.problem)


@dataclass(frozen=True, slots=True)
class Score:
    """How one reply is judged.

    Attributes:
        attempted: it is no answer in words.
        valid: every call names a function that there is, with arguments that keep to its schema; None where
            none was attempted.
        right_tool: the functions called are those that had to be, each as often; None where none had to be.
        right_arguments: the calls are the right ones, arguments and all; None where none had to be.
        right_refusal: nothing was called, and something was said; None where a call was right.
        why: what was wrong first; empty where all is right.
    """

    attempted: bool
    valid: bool | None
    right_tool: bool | None
    right_arguments: bool | None
    right_refusal: bool | None
    why: str = ""


def score(case: Case, reply: Reply) -> Score:
    """Judge a reply."""
    invalid = reply.problem or _invalid(case, reply.calls)
    valid = not invalid if reply.attempted else None
    if case.category == "irrelevance":
        refused = bool(reply.answer) and not reply.attempted
        why = "" if refused else invalid or "it called a function"
        return Score(reply.attempted, valid, None, None, refused, why)
    if case.category == "relevance":
        called = bool(reply.calls) and not invalid
        return Score(reply.attempted, valid, called, None, None, "" if called else invalid or "no call")
    right_tool = _names(case, reply.calls) == _names(case, case.expected)
    why = invalid or wrong_calls(case, reply.calls)
    # The leaderboard does not look at the schema: a call that is right by it is right.
    return Score(reply.attempted, valid, right_tool, not wrong_calls(case, reply.calls), None, why)


def wrong_calls(case: Case, calls: Sequence[Call]) -> str:
    """Why the calls are not the right ones, in any order; empty where they are."""
    if len(calls) != len(case.expected):
        return f"{len(calls)} calls where {len(case.expected)} are right"
    left = list(calls)
    for expected in case.expected:
        function = case.function(expected.function)
        if function is None:
            return f"the case has no function {expected.function}"
        reasons = [_wrong_call(function, call, expected) for call in left]
        if all(reasons):
            return reasons[0]
        left.pop(reasons.index(""))
    return ""


def same_text(text: str) -> str:
    """What is compared of a text.

    Example:
        >>> same_text("April 1, 2024") == same_text("april 1 2024")
        True
    """
    return _IGNORED_MARKS.sub("", text).lower().replace("'", '"')


def _names(case: Case, calls: Sequence[Call]) -> Counter[str]:
    functions = [(call.function, case.function(call.function)) for call in calls]
    return Counter(function.called if function else name for name, function in functions)


def _invalid(case: Case, calls: Sequence[Call]) -> str:
    """What is wrong with the first call that its function's schema does not allow."""
    from jsonschema import Draft202012Validator

    for call in calls:
        function = case.function(call.function)
        if function is None:
            return f"there is no function {call.function}"
        found = next(Draft202012Validator(dict(function.schema)).iter_errors(dict(call.arguments)), None)
        if found is not None:
            return f"{call.function}: {found.message}"
    return ""


def _wrong_call(function: Function, call: Call, expected: Call) -> str:
    if call.function not in (function.name, function.called):
        return f"{call.function} where {function.called} is right"
    properties = function.schema.get("properties", {})
    missing = [name for name in function.schema.get("required", ()) if name not in call.arguments]
    if missing:
        return f"{missing[0]!r} is missing"
    described = function.parameters.get("properties")
    types = described if isinstance(described, dict) else properties
    for name, value in call.arguments.items():
        if name not in properties or name not in expected.arguments:
            return f"{name!r} is not to be given"
        acceptable = expected.arguments[name]
        if not _accepted(value, types[name], acceptable):
            return f"{name!r} = {value!r} where one of {acceptable!r} is right"
    for name, acceptable in expected.arguments.items():
        if name not in call.arguments and not _may_be_left_out(acceptable):
            return f"{name!r} is left out"
    return ""


def _accepted(value: Any, node: Mapping[str, Any], acceptable: Sequence[Any]) -> bool:  # noqa: ANN401  any JSON
    """Whether an argument has the type and one of the values."""
    kind = _PYTHON_TYPES.get(str(node.get("type", "any")).lower())
    if kind is float and type(value) is int:
        value = float(value)
    if kind is not None and type(value) is not kind:
        # A variable stands for the value: its name is a text where the type is another.
        stands = next((type(one) for one in acceptable if one != _LEFT_OUT), None)
        return type(value) is stands and value in acceptable
    if kind is list and not value and _may_be_left_out(acceptable):
        return True
    return any(
        _equal(value, one)
        for one in acceptable
        if (one != _LEFT_OUT or value == _LEFT_OUT) and (kind is not list or _items_fit(value, node, one))
    )


def _items_fit(value: Sequence[Any], node: Mapping[str, Any], right: object) -> bool:
    """Whether the items have the schema's type, or that of the first one in a right list."""
    items = node.get("items")
    kind = _PYTHON_TYPES.get(str(items.get("type", "any")).lower()) if isinstance(items, dict) else None
    # Some right lists hold texts where the schema says integers: the leaderboard takes those, too.
    kinds = (
        kind,
        int if kind is float else kind,
        type(right[0]) if isinstance(right, list) and right else kind,
    )
    return kind is None or all(type(one) in kinds for one in value)


def _equal(value: Any, right: Any, *, inside: bool = False) -> bool:  # noqa: ANN401  any JSON
    """Whether a value is the right one; the right one of an object has a list of values for each name.

    ``inside`` of an object the right one of another may also be written as it is.
    """
    if isinstance(value, str) and isinstance(right, str):
        return same_text(value) == same_text(right)
    if isinstance(value, list) and isinstance(right, list):
        pairs = zip(value, right, strict=False)
        return len(value) == len(right) and all(_equal(*pair, inside=inside) for pair in pairs)
    if isinstance(value, dict) and isinstance(right, dict):
        return (inside and value == right) or _same_object(value, right)
    # True is 1 in Python, and no number in JSON.
    return isinstance(value, bool) == isinstance(right, bool) and bool(value == right)


def _same_object(value: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    for name, given in value.items():
        if name not in right or not any(_equal(given, one, inside=True) for one in _listed(right[name])):
            return False
    return all(name in value or _may_be_left_out(_listed(one)) for name, one in right.items())


def _listed(acceptable: Any) -> Sequence[Any]:  # noqa: ANN401  any JSON
    return acceptable if isinstance(acceptable, list) else [acceptable]


def _may_be_left_out(acceptable: Sequence[Any]) -> bool:
    return any(isinstance(one, str) and one == _LEFT_OUT for one in acceptable)
