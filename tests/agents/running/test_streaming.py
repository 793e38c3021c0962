"""A run tells thoughts and answer while the model writes, in each way of calling tools."""

from __future__ import annotations

import json

import pytest

from agents.agent import run_agent
from agents.running.events import (
    AgentEvent,
    AnswerPiece,
    AnswerWithdrawn,
    ThoughtPiece,
    ToolEnded,
    ToolStarted,
)
from agents.tools import tool
from tests.agents.chat_script import Reply, chat_script


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


TOOLS = (tool(weigh),)
CALL = json.dumps({"action": "weigh", "args": {"thing": "salt"}})
FINAL = json.dumps({"action": "final_answer", "args": {"answer": "It weighs 5 g. 😀"}})


def in_pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def shape(events: list[AgentEvent]) -> list[tuple[str, str]]:
    """The events, pieces that follow each other put together."""
    shown: list[tuple[str, str]] = []
    for event in events:
        text = event.text if isinstance(event, ThoughtPiece | AnswerPiece) else ""
        name = type(event).__name__
        if text and shown and shown[-1][0] == name:
            shown[-1] = (name, shown[-1][1] + text)
        else:
            shown.append((name, text))
    return shown


RAN = [(ToolStarted.__name__, ""), (ToolEnded.__name__, "")]


@pytest.mark.parametrize("json_schema", [True, False])
def test_the_answer_inside_an_action_is_told_piece_by_piece(*, json_schema: bool) -> None:
    events: list[AgentEvent] = []
    with chat_script(Reply(in_pieces(CALL)), Reply(in_pieces(FINAL))) as chat:
        endpoint = chat.endpoint(json_schema=json_schema)
        run = run_agent("How heavy is salt?", endpoint=endpoint, tools=TOOLS, on_event=events.append)
    assert run.answer == "It weighs 5 g. 😀"
    assert shape(events) == [*RAN, ("AnswerPiece", "It weighs 5 g. 😀")]
    assert sum(isinstance(event, AnswerPiece) for event in events) > 3


@pytest.mark.parametrize(
    "thought", [Reply(["<think>salt", " first</think>"]), Reply(reasoning=["salt", " first"])]
)
def test_a_thought_is_told_before_the_action(thought: Reply) -> None:
    events: list[AgentEvent] = []
    with chat_script(thought, Reply([CALL]), thought, Reply([FINAL])) as chat:
        endpoint = chat.endpoint(reasoning=True)
        run = run_agent("How heavy is salt?", endpoint=endpoint, tools=TOOLS, on_event=events.append)
    said = ("ThoughtPiece", "salt first")
    assert shape(events) == [said, *RAN, said, ("AnswerPiece", "It weighs 5 g. 😀")]
    assert run.steps[0].thought == "salt first"


def test_an_answer_that_turns_out_to_be_none_is_taken_back() -> None:
    events: list[AgentEvent] = []
    broken = json.dumps({"action": "final_answer", "args": {"answer": "…"}})
    with chat_script(Reply([CALL]), Reply([broken]), Reply([FINAL])) as chat:
        run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS, on_event=events.append)
    names = [name for name, _ in shape(events)]
    assert names.index(AnswerWithdrawn.__name__) < len(names) - 1
    assert shape(events)[-1] == ("AnswerPiece", "It weighs 5 g. 😀")


def test_a_native_reply_is_told_and_what_stands_beside_a_call_is_a_thought() -> None:
    events: list[AgentEvent] = []
    native = Reply(["I weigh it."], calls=[("weigh", '{"thing": "salt"}')])
    with chat_script(native, Reply(in_pieces("<think>so</think>It weighs 5 g."))) as chat:
        endpoint = chat.endpoint(native_tools=True)
        run = run_agent("How heavy is salt?", endpoint=endpoint, tools=TOOLS, on_event=events.append)
    assert run.answer == "It weighs 5 g."
    assert run.steps[0].thought == "I weigh it."
    assert shape(events) == [
        ("AnswerPiece", "I weigh it."),
        ("AnswerWithdrawn", ""),
        ("ThoughtPiece", "I weigh it."),
        *RAN,
        ("ThoughtPiece", "so"),
        ("AnswerPiece", "It weighs 5 g."),
    ]


def test_tokens_of_all_requests_are_counted_once() -> None:
    with chat_script(Reply([CALL]), Reply([FINAL])) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS)
    assert len(chat.choices) == 1  # a tool by name, before the first call
    assert run.tokens == 3 * 12
    assert run.steps[0].tokens == 2 * 12


def test_a_reply_that_its_limit_cut_is_said_to_be() -> None:
    with chat_script(Reply(["It weighs"], finish_reason="length")) as chat:
        run = run_agent("How heavy is salt?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.notice.startswith("The answer was cut off")
