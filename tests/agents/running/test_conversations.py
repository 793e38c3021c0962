"""A conversation can be gone on with, however the run before it ended."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import AgentRun, Limits, run_agent
from agents.background import start_in_background
from agents.memory.conversations import Conversations
from agents.tools import tool
from stillroom.errors import ModelError
from tests.agents.chat_script import ChatScript, Reply, chat_script

if TYPE_CHECKING:
    from pathlib import Path

    from agents.memory.conversation import Conversation
    from agents.tools import Tool


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


WEIGH = tool(weigh)
CALL = ("weigh", '{"thing": "salt"}')


def ask(
    chat: ChatScript,
    conversation: Conversation,
    question: str,
    *tools: Tool,
    cancelled: threading.Event | None = None,
    limits: Limits | None = None,
) -> AgentRun:
    """Go on with the conversation."""
    return run_agent(
        question,
        endpoint=chat.endpoint(native_tools=True),
        tools=tools,
        conversation=conversation,
        cancelled=cancelled,
        limits=limits or Limits(),
    )


def assert_whole(messages: list[dict[str, Any]]) -> None:
    """Each call has its result right behind it, and no two questions follow each other."""
    roles = [message["role"] for message in messages]
    assert "user user" not in " ".join(roles)
    for index, message in enumerate(messages):
        wanted = [call["id"] for call in message.get("tool_calls") or ()]
        following = messages[index + 1 : index + 1 + len(wanted)]
        assert [result.get("tool_call_id") for result in following] == wanted


def test_a_later_question_is_sent_with_what_came_before(tmp_path: Path) -> None:
    with (
        Conversations(tmp_path / "c.sqlite3").open("salt") as conversation,
        chat_script(Reply(calls=[CALL]), Reply(["It weighs 5 g."]), Reply(["As I said: 5 g."])) as chat,
    ):
        ask(chat, conversation, "How heavy is salt?", WEIGH)
        run = ask(chat, conversation, "And again?", WEIGH)
    assert (run.answer, run.notice, run.conversation) == ("As I said: 5 g.", "", "salt")
    assert_whole(chat.requests[-1]["messages"])
    assert "How heavy is salt?" in json.dumps(chat.requests[-1]["messages"])


def test_after_a_run_that_was_cancelled_in_the_middle_of_its_answer(tmp_path: Path) -> None:
    cancelled, silent = threading.Event(), Reply(["It"], silent=True)
    with (
        Conversations(tmp_path / "c.sqlite3").open("salt") as conversation,
        chat_script(Reply(calls=[CALL]), silent, Reply(["5 g"])) as chat,
    ):
        running = start_in_background(
            lambda: ask(chat, conversation, "How heavy is salt?", WEIGH, cancelled=cancelled)
        )
        assert silent.sent.wait(120)
        cancelled.set()
        assert running.result(120).ended_by == "cancelled"
        assert ask(chat, conversation, "And now?", WEIGH).answer == "5 g"
    assert_whole(chat.requests[-1]["messages"])


def test_after_a_run_that_was_cancelled_while_tools_hung(tmp_path: Path) -> None:
    cancelled, started, released = threading.Event(), threading.Event(), threading.Event()

    def hang(thing: str) -> str:
        """Hang."""
        started.set()
        released.wait(120)
        return thing

    hanging = tool(hang)
    calls = Reply(calls=[CALL, ("hang", '{"thing": "a"}'), ("hang", '{"thing": "b"}')])
    with (
        Conversations(tmp_path / "c.sqlite3").open("salt") as conversation,
        chat_script(calls, Reply(["5 g"])) as chat,
    ):
        running = start_in_background(
            lambda: ask(chat, conversation, "Weigh and hang.", WEIGH, hanging, cancelled=cancelled)
        )
        assert started.wait(120)
        cancelled.set()
        run = running.result(120)
        assert ask(chat, conversation, "And now?", WEIGH, hanging).answer == "5 g"
    released.set()
    assert [step.failed for step in run.steps if step.tool == "hang"] == [True, True]
    assert_whole(chat.requests[-1]["messages"])


def test_after_a_limit_and_after_an_error_of_the_model(tmp_path: Path) -> None:
    with (
        Conversations(tmp_path / "c.sqlite3").open("salt") as conversation,
        chat_script(Reply(calls=[CALL]), Reply(["no"], status=500), Reply(["5 g"])) as chat,
    ):
        assert ask(chat, conversation, "One?", WEIGH, limits=Limits(steps=1)).ended_by == "step_limit"
        with pytest.raises(ModelError):
            ask(chat, conversation, "Two?", WEIGH)
        assert ask(chat, conversation, "Three?", WEIGH).answer == "5 g"
    assert_whole(chat.requests[-1]["messages"])
