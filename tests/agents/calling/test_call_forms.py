"""The forms of well-known models' templates are calls, whichever way of calling is in use."""

from __future__ import annotations

import json

import pytest

from agents.agent import run_agent
from agents.calling.call_forms import calls_by_template
from agents.calling.certain_calls import begins_a_call, certain_calls, final_words, is_attempt
from agents.calling.reply_text import WrittenCall, written_calls
from agents.tools import tool
from tests.agents.chat_script import Reply, chat_script

SALT = {"thing": "salt"}
FORMS = {
    "Qwen3-Coder": (
        "<tool_call>\n<function=weigh>\n<parameter=thing>\nsalt\n</parameter>\n</function>\n</tool_call>"
    ),
    "Qwen3-Coder without its first tag": (
        "<function=weigh>\n<parameter=thing>\nsalt\n</parameter>\n</function>\n</tool_call>"
    ),
    "Anthropic": '<invoke name="weigh"><parameter name="thing">salt</parameter></invoke>',
    "Anthropic's whole block": (
        '<function_calls>\n<invoke name="weigh">\n<parameter name="thing">salt</parameter>\n</invoke>\n'
        "</function_calls>"
    ),
    "DeepSeek V3.2": (
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weigh">\n'
        '<｜DSML｜parameter name="thing" string="true">salt</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
        "</｜DSML｜function_calls>"
    ),
    "Llama 3.1": '<function=weigh>{"thing": "salt"}</function>',
    "Llama 3 pythonic": '[weigh(thing="salt")]',
    "Llama 3 python tag": '<|python_tag|>weigh.call(thing="salt")',
    "Gemma": '```tool_code\nprint(default_api.weigh(thing="salt"))\n```',
    "a fence of its own": '```tool_call\nweigh(thing="salt")\n```',
    "GLM": "<tool_call>weigh\n<arg_key>thing</arg_key>\n<arg_value>salt</arg_value>\n</tool_call>",
    "Mistral": '[TOOL_CALLS]weigh{"thing": "salt"}',
    "Mistral with ids": '[TOOL_CALLS]weigh[CALL_ID]a1b2c3d4e[ARGS]{"thing": "salt"}',
    "Kimi": (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weigh:0<|tool_call_argument_begin|>"
        '{"thing": "salt"}<|tool_call_end|><|tool_calls_section_end|>'
    ),
    "Kimi without its tokens": 'functions.weigh:0 {"thing": "salt"}',
    "gpt-oss": (
        '<|channel|>commentary to=functions.weigh <|constrain|>json<|message|>{"thing": "salt"}<|call|>'
    ),
    "ReAct": 'Thought: weigh it.\nAction: weigh\nAction Input: {"thing": "salt"}\nObservation: 9 g',
    "ReAct in Markdown": '**Action:** weigh\n**Action Input:** ```json\n{"thing": "salt"}\n```',
    "full width": "｛“name”：“weigh”，“arguments”：｛“thing”：“salt”｝｝",
    "Python's quotes": "{'name': 'weigh', 'arguments': {'thing': 'salt',},}",
    "name and brackets": "weigh(thing='salt')",
    "a fence without a label": '```\n{"name": "weigh", "arguments": {"thing": "salt"}}\n```',
    "a template's end behind it": '{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call><|im_end|>',
    "a brace too many": '{"name": "weigh", "arguments": {"thing": "salt"}}}',
}
# What may be an answer that speaks of calls.
QUOTED = {
    "inline code": 'Qwen writes `<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call>`.',
    "code in prose": (
        "It is written like this:\n```\n<function=weigh>\n<parameter=thing>\nsalt\n</parameter>\n"
        "</function>\n```\nThe server reads it."
    ),
    "middle of a sentence": (
        'Models write <tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call> to call it.'
    ),
    "name and brackets in prose": 'You can call weigh(thing="salt") yourself.',
    "JSON in prose": 'For example {"name": "weigh", "arguments": {"thing": "salt"}} would weigh it.',
    "Kimi's in prose": 'Kimi numbers its calls, as in functions.weigh:0 {"thing": "salt"}, from zero.',
    "ReAct of another tool": 'Action: fly\nAction Input: {"thing": "salt"}',
    "another tool": 'The tool is called so: <function=fly>{"thing": "salt"}</function>',
    "Python in a fence": "```python\nweigh(thing='salt')\n```",
    "JSON in a fence of Python": '```python\n{"name": "weigh", "arguments": {"thing": "salt"}}\n```',
    "code in a fence without a label": "```\nweigh(thing='salt')\n```",
    "JSON and prose behind it": '{"name": "weigh", "args": {"thing": "salt"}} is how a call is written.',
    "JSON, prose, and JSON": '{"name": "weigh", "args": {"thing": "salt"}} or {"action": "weigh"}',
    "a fence and prose behind it": (
        '```json\n{"name": "weigh", "arguments": {"thing": "salt"}}\n```\nSo a call is written.'
    ),
    "a mark alone": "<tool_call> is the mark that Qwen's template writes.",
    "Chinese quotes": '它写“<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}</tool_call>”。',
}


def weigh(thing: str, times: int = 1) -> str:
    """Weigh a thing."""
    return f"{thing}: {5 * times} g"


TOOLS = (tool(weigh),)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_where_an_action_is_asked_for(form: str) -> None:
    assert written_calls(FORMS[form], ["weigh"]) == [WrittenCall("weigh", SALT)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_a_call_where_words_may_be_the_answer(form: str) -> None:
    assert certain_calls(FORMS[form], {"weigh"}) == (("weigh", SALT),)


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_prose_quotes_is_no_call(quoted: str) -> None:
    assert certain_calls(QUOTED[quoted], {"weigh"}) == ()


@pytest.mark.parametrize("form", ["Qwen3-Coder", "Anthropic", "ReAct", "Kimi without its tokens"])
@pytest.mark.parametrize("capabilities", [{"native_tools": True}, {}, {"json_schema": False}])
def test_a_written_call_runs_in_each_way_of_calling(form: str, capabilities: dict[str, bool]) -> None:
    action = {"action": "final_answer", "args": {"answer": "5 g"}}
    final = "5 g" if capabilities.get("native_tools") else json.dumps(action)
    with chat_script(Reply([FORMS[form]]), Reply([final])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(**capabilities), tools=TOOLS)
    assert (run.answer, [step.result for step in run.steps]) == ("5 g", ["salt: 5 g"])


def test_values_between_tags_are_what_the_schema_asks_for() -> None:
    written = FORMS["Qwen3-Coder"].replace("</function>", "<parameter=times>\n3\n</parameter>\n</function>")
    with chat_script(Reply([written]), Reply(["15 g"])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.steps[0].result == "salt: 15 g"


def test_calls_in_fences_one_behind_the_other_are_calls() -> None:
    form = '```json\n{{"name": "weigh", "arguments": {{"thing": "{}"}}}}\n```\n'
    calls = certain_calls(form.format("a") + form.format("b"), {"weigh"})
    assert calls == (("weigh", {"thing": "a"}), ("weigh", {"thing": "b"}))


def test_an_example_of_a_call_is_an_answer_and_is_not_run() -> None:
    with chat_script(Reply([QUOTED["Python in a fence"]])) as chat:
        run = run_agent("Show me how.", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert (run.answer, run.steps) == (QUOTED["Python in a fence"], ())


def test_several_calls_keep_their_order_and_lines_within_a_value_stay() -> None:
    form = "<function=weigh>\n<parameter=thing>\n{}\n</parameter>\n</function>\n"
    written = form.format("a\nb") + form.format("c")
    assert certain_calls(written, {"weigh"}) == (("weigh", {"thing": "a\nb"}), ("weigh", {"thing": "c"}))


@pytest.mark.parametrize("form", ["Qwen3-Coder", "Anthropic", "GLM", "Mistral", "Kimi", "gpt-oss"])
def test_what_was_cut_off_is_never_completed(form: str) -> None:
    whole = FORMS[form]
    for length in range(len(whole)):
        for _, arguments in certain_calls(whole[:length], {"weigh"}):
            assert arguments == SALT


def test_a_call_that_cannot_be_read_is_shown_to_the_model_and_is_no_answer() -> None:
    broken = "<tool_call>\n<function=weigh>\n<parameter=thing>\nsa"
    with chat_script(Reply([broken]), Reply([FORMS["Qwen3-Coder"]]), Reply(["5 g"])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert (run.answer, len(run.steps)) == ("5 g", 1)
    assert chat.requests[1]["messages"][-1]["content"].startswith("Your call cannot be read.")
    assert not begins_a_call(QUOTED["a mark alone"])


def test_a_text_of_json_quotes_what_it_holds() -> None:
    answer = {"action": "final_answer", "args": {"answer": FORMS["Anthropic"]}}
    assert written_calls(json.dumps(answer), ["weigh"]) == [WrittenCall("final_answer", answer["args"])]


def test_an_answer_as_an_action_is_that_answer() -> None:
    written = 'Salt.</think>Light.</think>{"name":"final_answer","arguments":{"answer":"5 g"}}'
    with chat_script(Reply([written])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.answer == "5 g"
    assert final_words('{"name": "final_answer", "arguments": {"answer": "5 g"}} is how') == ""


def test_an_attempt_is_told_from_words() -> None:
    attempts = ('{"action": "wei', "<tool_call>x", "Action Input: salt", "｛“a”")
    assert all(is_attempt(text) for text in attempts)
    assert not any(is_attempt(text) for text in ("It weighs 5 g.", "", "[1] says so.", "a set {1, 2}"))


@pytest.mark.parametrize(
    "piece",
    [
        *("<function=x>", "<invoke name='x'>", "<parameter=a>", "<tool_call>x", "<tool_call>x<arg_key>a"),
        *("[TOOL_CALLS]x{", "functions.x:0 {", "Action: x\nAction Input: {", "to=functions.x<|", "{'a': "),
        *("<｜tool▁call▁begin｜>", "</think>\n", " ", "\n", "“<tool_call>", "x(", "a-", "```"),
    ],
)
def test_what_is_repeated_without_end_is_read_all_the_same(piece: str) -> None:
    text = "<function=x>" + piece * (20_000 // len(piece))
    assert len(written_calls(text, ["x"])) <= len(text)
    assert len(calls_by_template(text, ["x"])) <= len(text)
    certain_calls(text, {"x"})
    is_attempt(text)
