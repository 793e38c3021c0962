"""Native tool calls are read as models really write them, and a broken one is repaired once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.agent import run_agent
from agents.calling.certain_calls import certain_calls
from agents.tools import tool
from agents.wire_names import wire_name
from stillroom.errors import ModelError
from tests.agents.chat_script import Reply, chat_script


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


TOOLS = (tool(weigh),)
SALT = (("weigh", {"thing": "salt"}),)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call>',
        'I will.\n<tool_call>\n{"name": "weigh", "arguments": "{\\"thing\\": \\"salt\\"}"}',
        '[TOOL_CALLS][{"name": "weigh", "arguments": {"thing": "salt"}}]',
        '{"name": "weigh", "parameters": {"thing": "salt"}}',
        '```json\n{"type": "function", "function": {"name": "weigh", "arguments": {"thing": "salt"}}}\n```',
        '<function=weigh>{"thing": "salt"}</function>',
        '{"action": "weigh", "args": {"thing": "salt"}}',
        '<｜tool▁call▁begin｜>function<｜tool▁sep｜>weigh\n{"thing": "salt"}<｜tool▁call▁end｜>',
        "<tool_call>{'name': 'weigh', 'arguments': {'thing': 'salt',}}</tool_call>",
    ],
)
def test_a_call_that_is_written_as_text_is_one(text: str) -> None:
    assert certain_calls(text, {"weigh"}) == SALT


@pytest.mark.parametrize(
    "text",
    [
        "It weighs 5 g.",
        'An example: {"name": "weigh", "arguments": {}}',
        '{"name": "Ada", "age": 36}',
        "{}",
        "",
    ],
)
def test_an_answer_is_none(text: str) -> None:
    assert certain_calls(text, {"weigh"}) == ()


@pytest.mark.parametrize("length", range(12, 66, 6))
def test_a_call_as_text_that_is_cut_off_is_not_completed(length: int) -> None:
    text = '<tool_call>{"name": "weigh", "arguments": {"thing": {"a": 1}, "of": "salt"}}'
    assert certain_calls(text[:length], {"weigh"}) == ()


def test_a_call_of_an_unknown_tool_as_text_is_one_where_a_template_marks_it() -> None:
    assert certain_calls('<tool_call>{"name": "fly", "arguments": {}}', {"weigh"}) == (("fly", {}),)
    assert certain_calls('{"name": "fly", "arguments": {}}', {"weigh"}) == ()


def test_a_call_as_text_runs_and_is_not_told_as_an_answer() -> None:
    told: list[object] = []
    written = '<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call>'
    with chat_script(Reply([written]), Reply(["It weighs ", "5 g."])) as chat:
        run = run_agent(
            "How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS, on_event=told.append
        )
    assert (run.answer, [step.result for step in run.steps]) == ("It weighs 5 g.", ["salt: 5 g"])
    assert "tool_call" not in str([event for event in told if "Piece" in type(event).__name__])


@pytest.mark.parametrize("cut", ['{"thing": ', '{"thing": {"name": "salt"}, "unit": ', "salt", "[1]"])
def test_broken_arguments_are_shown_to_the_model_once_and_never_completed(cut: str) -> None:
    with chat_script(
        Reply(calls=[("weigh", cut)]), Reply(calls=[("weigh", '{"thing": "salt"}')]), Reply(["5 g"])
    ) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert (run.answer, len(run.steps)) == ("5 g", 1)
    assert "are no JSON object" in chat.requests[1]["messages"][-1]["content"]


def test_arguments_with_something_around_them_need_no_repair() -> None:
    with chat_script(Reply(calls=[("weigh", '{"thing": "salt"}}\n')]), Reply(["5 g"])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.steps[0].arguments == {"thing": "salt"}


@pytest.mark.parametrize("broken", [Reply(calls=[("weigh", "{")]), Reply([""])])
def test_two_replies_that_cannot_be_read_are_an_error(broken: Reply) -> None:
    with (
        chat_script(broken, broken) as chat,
        pytest.raises(ModelError, match="no valid action in 2") as raised,
    ):
        run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    # What the model was asked to do is no news for a person.
    assert "Call" not in raised.value.message


def test_calls_without_an_id_or_with_the_same_get_their_own() -> None:
    both = Reply(calls=[("weigh", '{"thing": "salt"}'), ("weigh", '{"thing": "sand"}')])
    with chat_script(both, Reply(["5 g each"])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert [step.arguments["thing"] for step in run.steps] == ["salt", "sand"]
    results = [message for message in chat.requests[1]["messages"] if message["role"] == "tool"]
    assert len({message["tool_call_id"] for message in results}) == 2


@pytest.mark.parametrize("call", [("fly", '{"thing": "salt"}'), ("weigh", '{"colour": "red"}')])
def test_a_call_that_cannot_run_is_a_result_that_says_why(call: tuple[str, str]) -> None:
    with chat_script(Reply(calls=[call]), Reply(["It cannot be."])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    (step,) = run.steps
    assert step.failed
    assert step.result.startswith("Error: ")
    assert run.answer == "It cannot be."


@pytest.mark.parametrize("empty", [Reply([" \n\n"]), Reply(["\n"] * 400)], ids=["once", "on and on"])
def test_an_empty_reply_is_asked_again_behind_the_persons_own_words(empty: Reply) -> None:
    # A word that stood for the reply would be repeated by a small model.
    with chat_script(empty, Reply(["Good morning."])) as chat:
        run = run_agent("Greet me.", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.answer == "Good morning."
    system, asked = chat.requests[1]["messages"]
    assert (system["role"], asked["role"]) == ("system", "user")
    assert asked["content"].startswith("Greet me.\n\nYou")
    assert "Call a tool, or answer" in asked["content"]


def test_a_tool_whose_name_the_protocol_does_not_take_has_another_on_the_wire() -> None:
    wired = wire_name("称重")
    named = replace(tool(weigh), name="称重")
    again = Reply(calls=[(wired, '{"thing": "糖"}')])
    with chat_script(Reply(calls=[(wired, '{"thing": "盐"}')]), again, Reply(["都是 5 克。"])) as chat:
        run = run_agent("多重？", endpoint=chat.endpoint(native_tools=True), tools=(named,))
    assert [(step.tool, step.result) for step in run.steps] == [("称重", "盐: 5 g"), ("称重", "糖: 5 g")]
    assert (wired.isascii(), chat.requests[0]["tools"][0]["function"]["name"]) == (True, wired)
    sent = [call for message in chat.requests[2]["messages"] for call in message.get("tool_calls", ())]
    assert [call["function"]["name"] for call in sent] == [wired, wired]
