"""Calls are found in whatever form models write them, and nothing that a model writes raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.calling.actions import InvalidActionError, read_actions
from agents.calling.reply_text import WrittenCall, closed_after_spaces, written_calls
from agents.tools import tool


def weigh(thing: str, times: int = 1, tags: list[str] | None = None) -> str:
    """Weigh a thing."""
    return f"{thing}{times}{tags}"


TOOLS = (tool(weigh),)
SALT = WrittenCall("weigh", {"thing": "salt"})
DEEPSEEK_R1 = """<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weigh
```json
{"thing": "salt"}
```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"""
DEEPSEEK_V31 = (
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weigh<｜tool▁sep｜>{"thing": "salt"}<｜tool▁call▁end｜>'
    "<｜tool▁calls▁end｜>"
)


@pytest.mark.parametrize(
    "reply",
    [
        '{"action": "weigh", "args": {"thing": "salt"}}',
        'Sure!\n```json\n{"action": "weigh", "args": {"thing": "salt"}}\n```\nDone.',
        '<tool_call>\n{"name": "weigh", "arguments": {"thing": "salt"}}\n</tool_call>',
        '{"name": "weigh", "arguments": "{\\"thing\\": \\"salt\\"}"}',
        '{"type": "function", "function": {"name": "weigh", "arguments": "{\\"thing\\": \\"salt\\"}"}}',
        '{"tool_calls": [{"function": {"name": "weigh", "arguments": {"thing": "salt"}}}]}',
        '{"tool": "weigh", "parameters": {"thing": "salt"}}',
        '{"action": "weigh", "action_input": {"thing": "salt"}}',
        DEEPSEEK_R1,
        DEEPSEEK_R1.replace("｜", "|").replace("▁", "_"),
        DEEPSEEK_V31,
        DEEPSEEK_V31.removesuffix("<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
        'I call weigh(thing="salt") now.',
        "weigh(thing='salt')",
        "{'action': 'weigh', 'args': {'thing': 'salt'}}",
        '{"action": "weigh", "args": {"thing": "salt",},}',
        "｛“action”：“weigh”，“args”：｛“thing”：“salt”｝｝",
        "It's this: {'action': 'weigh', 'args': {'thing': 'salt'}}",
        '{broken {"action": "weigh", "args": {"thing": "salt"}}',
    ],
)
def test_one_call_is_read_in_every_form(reply: str) -> None:
    assert written_calls(reply, ["weigh"]) == [SALT]


def test_values_of_python_are_values_of_json() -> None:
    call = "{'action': 'weigh', 'args': {'thing': 'it\\'s salt', 'dry': True, 'old': false, 'of': None}}"
    assert written_calls(call)[0].arguments == {"thing": "it's salt", "dry": True, "old": False, "of": None}


def test_several_calls_keep_their_order() -> None:
    hermes = "".join(
        f'<tool_call>{{"name": "weigh", "arguments": {{"thing": "{thing}"}}}}</tool_call>' for thing in "ab"
    )
    both = [{"action": "weigh", "args": {"thing": thing}} for thing in "ab"]
    listed = json.dumps({"actions": both})
    spoken = 'weigh(thing="a") and weigh(thing="b")'
    for reply in (
        hermes,
        listed,
        spoken,
        DEEPSEEK_V31.replace("salt", "a") + DEEPSEEK_V31.replace("salt", "b"),
    ):
        assert [call.arguments for call in written_calls(reply, ["weigh"])] == [
            {"thing": "a"},
            {"thing": "b"},
        ]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I would weigh it.",
        '{"name": "Anna", "age": 5}',
        "weigh(thing)",
        "outweigh(thing='salt')",
        "weigh(**{'thing': 'salt'})",
        "weigh(thing=__import__('os'))",
        '{"action": "weigh", "args": {"thing": "sa',
        "{" * 30_000,
        "weigh(" * 10_000,
        "[" * 100_000,
    ],
)
def test_what_is_no_call_is_none(reply: str) -> None:
    assert written_calls(reply, ["weigh"]) == []


def test_an_answer_beside_calls_is_left_out() -> None:
    answer = '{"action": "final_answer", "args": {"answer": "5 g"}}'
    call = '{"action": "weigh", "args": {"thing": "salt"}}'
    assert [action.name for action in read_actions(call + answer, TOOLS, most_calls=4)] == ["weigh"]
    assert [action.name for action in read_actions(answer + call, TOOLS, most_calls=4)] == ["final_answer"]


def test_the_same_call_twice_is_one_and_calls_beyond_the_most_are_left_out() -> None:
    calls = [f'weigh(thing="{thing}")' for thing in "aabcd"]
    assert [action.arguments["thing"] for action in read_actions(" ".join(calls), TOOLS, most_calls=4)] == [
        "a",
        "b",
        "c",
    ]
    assert len(read_actions(" ".join(calls), TOOLS)) == 1


def test_slips_in_arguments_are_set_right_and_wrong_ones_named() -> None:
    kind = read_actions('weigh(thing="salt", times="３", tags="dry")', TOOLS)[0]
    assert kind.arguments == {"thing": "salt", "times": 3, "tags": ["dry"]}
    with pytest.raises(InvalidActionError, match="'times' = 'often'"):
        read_actions('weigh(thing="salt", times="often")', TOOLS)


def test_a_name_but_for_case_and_prefix_is_the_tool() -> None:
    assert (
        read_actions('{"name": "functions.Weigh", "arguments": {"thing": "salt"}}', TOOLS)[0].name == "weigh"
    )


pieces = st.sampled_from(
    [
        '{"action": ',
        '"weigh"',
        '"args"',
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        ":",
        ",",
        "\\",
        "weigh(",
        "thing=",
        ")",
        "<tool_call>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁sep｜>",
        "｛",
        "“",
        "null",
        "1e999",
        "NaN",
        "\ud800",
        "0" * 5000,
    ]
)


@given(st.one_of(st.text(), st.lists(pieces | st.text(max_size=5), max_size=40).map("".join)))
def test_no_text_raises_anything_but_an_invalid_action(reply: str) -> None:
    try:
        actions = read_actions(reply, TOOLS, most_calls=4)
    except InvalidActionError:
        actions = ()
    assert {action.name for action in actions} <= {"weigh", "final_answer"}
    json.dumps([dict(action.arguments) for action in actions], allow_nan=False)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ('{"action": "status", "args": {\n    \n      ', '{"action": "status", "args": {}}'),
        ('{"action": "status", "args": {"n": 1' + " " * 40, '{"action": "status", "args": {"n": 1}}'),
        # What is half-written stays so.
        ('{"action": "status", "args": {"n": 1', ""),
        ('{"action": "status", "args": {}}', ""),
        ("", ""),
    ],
)
def test_objects_that_broke_off_in_white_space_are_closed(text: str, closed: str) -> None:
    assert closed_after_spaces(text) == closed
