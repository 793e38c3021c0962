"""The agent calls tools until it has an answer or a limit ends it, whatever the model does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import Limits, run_agent
from agents.memory.conversations import Conversations
from agents.running.events import AgentEvent, ToolEnded
from agents.tools import ToolResult, tool
from deploy.endpoint import Endpoint
from rag.document import Citation
from stillroom.errors import ModelError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    Serve = Callable[..., AbstractContextManager[Any]]

QUOTE = Citation(4, "d", "Scales", "/s.md", "p", "line 2", "Salt weighs 5 g.", 9, 25)


def weigh(thing: str) -> ToolResult:
    """Weigh a thing."""
    if thing == "smoke":
        raise ToolError("smoke cannot be weighed")
    return ToolResult(f"{thing}: 5 g", {}, (QUOTE,))


TOOLS = (tool(weigh),)


def call(thing: str) -> str:
    return json.dumps({"action": "weigh", "args": {"thing": thing}})


def final(answer: str) -> str:
    return json.dumps({"action": "final_answer", "args": {"answer": answer}})


def test_a_model_without_tools_calls_one_and_answers_with_its_citations(scripted_chat: Serve) -> None:
    seen: list[AgentEvent] = []
    with scripted_chat(call("salt"), final("It weighs 5 g.")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS, on_event=seen.append)
    assert (run.answer, run.ended_by, run.notice) == ("It weighs 5 g [1].", "answer", "")
    ended = [event.step for event in seen if isinstance(event, ToolEnded)]
    assert [(step.tool, step.result) for step in ended] == [("weigh", "salt: 5 g")]
    assert run.citations[0].marker == 1
    assert "tools" not in chat.requests[0]
    assert {message["role"] for message in chat.requests[1]["messages"]} == {"system", "user", "assistant"}


def test_without_tools_a_model_that_cannot_call_any_is_asked_in_plain_words(scripted_chat: Serve) -> None:
    with scripted_chat("", "你好！") as chat:
        run = run_agent("打个招呼", endpoint=chat.endpoint(), tools=())
    assert (run.answer, run.ended_by) == ("你好！", "answer")
    first, second = chat.requests
    assert not {"response_format", "tools"} & first.keys()
    assert "工具" not in first["messages"][0]["content"]
    assert second["messages"][-1]["content"].startswith("打个招呼\n\n")
    assert "tool" not in second["messages"][-1]["content"]


def test_earlier_tool_calls_are_told_in_words_to_a_model_without_tools(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    with (
        scripted_chat(call("salt"), final("It weighs 5 g."), "You asked for salt.") as chat,
        Conversations(tmp_path / "c.sqlite3").open("scales") as conversation,
    ):
        run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
        run = run_agent("What did I ask?", endpoint=chat.endpoint(), tools=(), conversation=conversation)
    assert run.answer == "You asked for salt."
    told = chat.requests[-1]["messages"]
    assert {message["role"] for message in told} == {"system", "user", "assistant"}
    assert not any(message.get("tool_calls") for message in told)
    assert any("5 g" in message["content"] for message in told)


def test_a_model_with_native_tools_is_given_them(scripted_chat: Serve) -> None:
    function = {"name": "weigh", "arguments": '{"thing": "salt"}'}
    native = {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    with scripted_chat(native, "It weighs 5 g.") as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert (run.answer, len(run.steps)) == ("It weighs 5 g [1].", 1)
    assert chat.requests[0]["tools"][0]["function"]["name"] == "weigh"


@pytest.mark.parametrize("thought", ["<think>salt first", "salt first</think>", "<think>salt first</think>"])
def test_a_thought_is_kept_however_its_tags_stand(scripted_chat: Serve, thought: str) -> None:
    with scripted_chat(thought, call("salt"), thought, final("5 g")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(reasoning=True), tools=TOOLS)
    assert run.steps[0].thought == "salt first"
    assert "response_format" not in chat.requests[0]


def test_an_invalid_action_is_repaired_once_with_what_was_wrong(scripted_chat: Serve) -> None:
    with scripted_chat('{"action": "fly", "args": {}}', call("salt"), final("5 g")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert run.ended_by == "answer"
    assert "no action 'fly'" in chat.requests[1]["messages"][-1]["content"]


def test_two_invalid_actions_in_a_row_are_an_error(scripted_chat: Serve) -> None:
    fly = '{"action": "fly", "args": {}}'
    with (
        scripted_chat(fly, fly) as chat,
        pytest.raises(ModelError, match="no valid action in 2 replies") as no,
    ):
        run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert f"it wrote: {fly}" in no.value.message


@pytest.mark.parametrize("json_schema", [True, False])
def test_words_are_the_answer_where_json_is_not_even_written_when_asked_again(
    scripted_chat: Serve,
    json_schema: bool,  # noqa: FBT001
) -> None:
    with scripted_chat(call("salt"), "It weighs 5 g.", "It weighs 5 g.") as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(json_schema=json_schema), tools=TOOLS)
    assert (run.answer, run.ended_by) == ("It weighs 5 g [1].", "answer")
    assert "its words as it wrote them" in run.notice


@pytest.mark.parametrize("attempt", ['{"action": "weigh", "args": {"th', "<think>It weighs 5 g."])
def test_neither_half_a_call_nor_a_thought_is_an_answer(scripted_chat: Serve, attempt: str) -> None:
    with scripted_chat(call("salt"), attempt, attempt, attempt) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(json_schema=False), tools=TOOLS)
    assert run.ended_by == "model_error"


def test_a_tool_that_fails_is_a_result_and_the_run_goes_on(scripted_chat: Serve) -> None:
    with scripted_chat(call("smoke"), final("It cannot be weighed.")) as chat:
        run = run_agent("How heavy is smoke?", endpoint=chat.endpoint(), tools=TOOLS)
    assert (run.steps[0].failed, run.ended_by) == (True, "answer")
    assert "smoke cannot be weighed" in chat.requests[1]["messages"][-1]["content"]


def test_the_same_call_three_times_ends_the_run_with_what_was_found(scripted_chat: Serve) -> None:
    with scripted_chat(*[call("salt")] * 3) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert run.ended_by == "loop"
    assert [step.repeated for step in run.steps] == [False, True, True]
    assert "salt: 5 g" in run.answer


def test_a_call_that_failed_has_failed_again_when_it_is_repeated(scripted_chat: Serve) -> None:
    with scripted_chat(call("smoke"), call("smoke"), final("It cannot be weighed.")) as chat:
        run = run_agent("How heavy is smoke?", endpoint=chat.endpoint(), tools=TOOLS)
    assert [(step.failed, step.repeated) for step in run.steps] == [(True, False), (True, True)]


@pytest.mark.parametrize("native_tools", [True, False])
def test_an_error_in_the_place_of_an_answer_is_one(scripted_chat: Serve, *, native_tools: bool) -> None:
    with (
        scripted_chat((200, "no such thing here")) as chat,
        pytest.raises(ModelError, match="refused the request: no such thing here"),
    ):
        run_agent("How heavy?", endpoint=chat.endpoint(native_tools=native_tools), tools=TOOLS)


@pytest.mark.parametrize(
    ("limits", "ended_by"),
    [
        (Limits(steps=2), "step_limit"),
        (Limits(tool_calls=1), "tool_limit"),
        (Limits(seconds=0), "time_limit"),
    ],
)
def test_a_limit_ends_the_run_and_says_so(scripted_chat: Serve, limits: Limits, ended_by: str) -> None:
    with scripted_chat(call("salt"), call("sand"), call("silt")) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=limits)
    assert run.ended_by == ended_by
    assert "No answer: the run was ended by its limit" in run.answer


def test_a_number_that_no_tool_returned_is_pointed_out(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), final("It weighs 77 g.")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert run.notice.startswith("The model wrote 77; no tool returned that.")


def test_quotes_that_share_nothing_with_the_answer_are_not_cited(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), final("Nobody knows that.")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert (run.ended_by, run.citations) == ("answer", ())


def test_the_bundled_model_runs_to_an_honest_end(bundled_endpoint: Endpoint) -> None:
    run = run_agent("Weigh a thing: salt.", endpoint=bundled_endpoint, tools=TOOLS, limits=Limits(steps=3))
    assert run.ended_by in {"answer", "loop", "step_limit"}
    assert run.steps[0].tool == "weigh"
    assert run.answer


def test_tools_that_their_names_do_not_tell_apart_are_an_error_at_the_start() -> None:
    def final_answer(answer: str) -> str:
        """Answer."""
        return answer

    nowhere = Endpoint("http://127.0.0.1:1/v1", "m", "vllm", 4096)
    with pytest.raises(ToolError, match="two tools are called 'weigh'"):
        run_agent("How heavy?", endpoint=nowhere, tools=(tool(weigh), tool(weigh)))
    with pytest.raises(ToolError, match="a tool is called 'final_answer', which stands for the answer"):
        run_agent("How heavy?", endpoint=nowhere, tools=(tool(final_answer),))


def test_half_of_a_character_in_a_question_is_replaced(scripted_chat: Serve) -> None:
    with scripted_chat("5 g") as chat:
        run_agent("How\ud800 heavy?", endpoint=chat.endpoint(), tools=())
    assert "How\ufffd heavy?" in chat.requests[-1]["messages"][-1]["content"]
