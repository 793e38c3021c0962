"""The model's sentences are used where they can be trusted; where not, the turns are folded without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.runtime import Runtime

from agents.memory.summary import SummarizeHistory

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from langchain_core.messages import AnyMessage

    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]

CLOCK = "The clock in the hall was made by Harrison in 1735."
ENGLISH = [
    message
    for number in range(12)
    for message in (HumanMessage(f"Who made clock {number}?"), AIMessage(f"{CLOCK} It is number {number}."))
]
CHINESE = [
    message
    for number in range(12)
    for message in (
        HumanMessage(f"第{number}座钟是谁做的？"),
        AIMessage("大厅里的钟是哈里森于1735年制造的。"),
    )
]


def summarize(
    endpoint: Endpoint, messages: list[Any], *, wanted: Callable[[], bool] = lambda: True
) -> tuple[list[AnyMessage] | None, list[str]]:
    """The messages that stand in the place of all, if any, and what the reader was told."""
    told: list[str] = []
    middleware = SummarizeHistory(endpoint, budget_tokens=1_000, tell=told.append, wanted=wanted)
    state: Any = {"messages": [*messages, HumanMessage("And who repaired it?")]}
    update = middleware.before_model(state, Runtime())
    return (update["messages"][1:] if update else None), told


def test_sentences_stand_beside_the_questions_and_the_request_has_no_schema(scripted_chat: Serve) -> None:
    with scripted_chat("Harrison made the clocks in 1735.") as chat:
        messages, told = summarize(chat.endpoint(), ENGLISH)
    assert messages is not None
    assert "In short: Harrison made the clocks in 1735." in messages[0].text
    assert "Who made clock 0?" in messages[0].text
    assert messages[-1].text == "And who repaired it?"
    assert told[0].endswith("folded into a summary to fit the model's context")
    (request,) = chat.requests
    assert "response_format" not in request
    assert request["max_tokens"] <= 256
    assert CLOCK in request["messages"][1]["content"]


def test_a_chinese_conversation_is_summarized_in_chinese(scripted_chat: Serve) -> None:
    with scripted_chat("哈里森于1735年制造了这些钟。") as chat:
        messages, _ = summarize(chat.endpoint(), CHINESE)
    assert messages is not None
    assert "概要：哈里森于1735年制造了这些钟。" in messages[0].text
    assert chat.requests[0]["messages"][0]["content"].startswith("用中文")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Harrison made them in 1812.", "1812, which was not said"),
        ("哈里森制造了这些钟，它们挂在大厅里。", "in another language"),
        ("…", "wrote nothing"),
        ((500, "out of memory"), "out of memory"),
    ],
    ids=["an invented number", "another language", "nothing", "an error"],
)
def test_what_cannot_be_used_leaves_questions_and_answers_and_a_reason(
    scripted_chat: Serve, reply: str | tuple[int, str], why: str
) -> None:
    with scripted_chat(reply) as chat:
        messages, told = summarize(chat.endpoint(), ENGLISH)
    assert messages is not None
    assert "In short" not in messages[0].text
    assert "Who made clock 0?" in messages[0].text
    assert f" - answered: {CLOCK}" in messages[0].text
    assert why in told[0]


@pytest.mark.parametrize("form", ["tagged", "opened"])
def test_a_thought_is_no_summary(scripted_chat: Serve, form: str) -> None:
    opening = "" if form == "opened" else "<think>"
    with scripted_chat(f"{opening}They ask of clocks.</think>Harrison made them.") as chat:
        endpoint = chat.endpoint(reasoning=True, reasoning_form=form)
        messages, _ = summarize(endpoint, ENGLISH)
    assert messages is not None
    assert "In short: Harrison made them." in messages[0].text
    assert "They ask of clocks" not in messages[0].text


def test_a_run_that_has_ended_asks_for_no_summary(scripted_chat: Serve) -> None:
    with scripted_chat() as chat:
        assert summarize(chat.endpoint(), ENGLISH, wanted=lambda: False) == (None, [])


def test_a_conversation_with_room_is_left_alone(scripted_chat: Serve) -> None:
    with scripted_chat() as chat:
        assert summarize(chat.endpoint(), ENGLISH[:4]) == (None, [])
