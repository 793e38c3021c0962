"""Runs of the agent go on with a conversation: after a kill, with another model, after many turns."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from agents.agent import run_agent
from agents.memory.conversations import Conversations
from agents.running.events import Noticed
from agents.tools import tool
from stillroom.errors import ConversationError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from agents.running.events import AgentEvent

    Serve = Callable[..., AbstractContextManager[Any]]

# Runs the agent against the server given; its tool says that it runs, and never ends.
HANG = """
import sys, time
from pathlib import Path
from agents.agent import run_agent
from agents.memory.conversations import Conversations
from agents.tools import tool
from deploy.endpoint import Capabilities, Endpoint

def weigh(thing: str) -> str:
    "Weigh a thing."
    print("running", flush=True)
    time.sleep(600)
    return ""

endpoint = Endpoint(sys.argv[1], "scripted", "vllm", 4096, Capabilities(native_tools=True))
with Conversations(Path(sys.argv[2])).open("salt") as conversation:
    run_agent("How heavy is salt?", endpoint=endpoint, tools=(tool(weigh),), conversation=conversation)
"""


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g. " + "It was weighed with care. " * 20


TOOLS = (tool(weigh),)


def call(thing: str) -> str:
    return json.dumps({"action": "weigh", "args": {"thing": thing}})


def final(answer: str) -> str:
    return json.dumps({"action": "final_answer", "args": {"answer": answer}})


def native(thing: str) -> dict[str, Any]:
    function = {"name": "weigh", "arguments": json.dumps({"thing": thing})}
    return {
        "content": None,
        "tool_calls": [{"id": f"call-{thing}", "type": "function", "function": function}],
    }


def answer_summaries(chat: Any, summary: str) -> None:  # noqa: ANN401 - the fixture's server
    """Give that reply to whatever is asked without a schema, out of turn."""
    scripted = chat.respond

    def respond(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "response_format" not in request:
            chat.replies.insert(0, summary)
        body: tuple[int, dict[str, Any]] = scripted(request)
        return body

    chat.respond = respond


def test_the_next_question_is_asked_with_what_was_said_before(scripted_chat: Serve, tmp_path: Path) -> None:
    kept = Conversations(tmp_path / "c.sqlite3")
    with scripted_chat(call("salt"), final("It weighs 5 g."), call("ash"), final("The same.")) as chat:
        with kept.open("salt") as conversation:
            run_agent("How heavy is salt?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
        with kept.open("salt") as conversation:
            run_agent("And ash?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
    told = [message["content"] for message in chat.requests[2]["messages"]]
    assert told[1] == "How heavy is salt?"
    assert told[-2] == "It weighs 5 g."
    assert told[-1].startswith("And ash?")
    assert [turn.answer for turn in kept.read("salt").turns] == ["It weighs 5 g.", "The same."]


def test_another_model_with_other_tools_goes_on_with_it(scripted_chat: Serve, tmp_path: Path) -> None:
    def count(thing: str) -> str:
        """Count things."""
        return f"{thing}: 3"

    kept = Conversations(tmp_path / "c.sqlite3")
    with scripted_chat(native("salt"), "It weighs 5 g.", final("x"), final("Three.")) as chat:
        with kept.open("salt") as conversation:
            able = chat.endpoint(native_tools=True)
            run_agent("How heavy is salt?", endpoint=able, tools=TOOLS, conversation=conversation)
        chat.replies[0] = json.dumps({"action": "count", "args": {"thing": "salt"}})
        with kept.open("salt") as conversation:
            others = (tool(count),)
            run = run_agent("How many?", endpoint=chat.endpoint(), tools=others, conversation=conversation)
    assert (run.answer, run.ended_by) == ("Three.", "answer")
    assert {message["role"] for message in chat.requests[-1]["messages"]} == {"system", "user", "assistant"}


def test_a_process_killed_in_a_tool_leaves_a_conversation_that_goes_on(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "c.sqlite3"
    with scripted_chat(native("salt"), "I do not know.") as chat:
        with subprocess.Popen(
            [sys.executable, "-c", HANG, chat.base_url, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGKILL)
        able = chat.endpoint(native_tools=True)
        with Conversations(path).open("salt") as conversation:
            run_agent("Well?", endpoint=able, tools=TOOLS, conversation=conversation)
            turns = conversation.turns
    told = chat.requests[-1]["messages"]
    assert [message["role"] for message in told] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert "interrupted" in told[3]["content"]
    assert [turn.ended_by for turn in turns] == ["interrupted", "answer"]


def test_a_run_that_failed_is_kept_with_the_reason_and_gone_on_from(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    kept = Conversations(tmp_path / "c.sqlite3")
    replies = ((500, "out of memory"), call("salt"), final("5 g"))
    with scripted_chat(*replies) as chat, kept.open("salt") as conversation:
        with pytest.raises(ModelError):
            run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
        run = run_agent("Again?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
        turns = conversation.turns
    assert run.answer == "5 g"
    assert [turn.ended_by for turn in turns] == ["model_error", "answer"]
    assert "out of memory" in turns[0].notice


def test_a_run_that_an_unforeseen_error_ended_is_kept_with_the_reason_and_its_time(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    def stumble(_: AgentEvent) -> None:
        raise ZeroDivisionError

    kept = Conversations(tmp_path / "c.sqlite3")
    with scripted_chat(call("salt")) as chat, kept.open("salt") as conversation:
        with pytest.raises(ZeroDivisionError):
            run_agent(
                "Well?",
                endpoint=chat.endpoint(),
                tools=TOOLS,
                conversation=conversation,
                on_event=stumble,
            )
        (turn,) = conversation.turns
    assert (turn.ended_by, turn.notice) == ("error", "unexpected ZeroDivisionError")
    assert turn.seconds > 0


def test_a_hundred_turns_neither_overflow_the_context_nor_fill_the_disk(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "c.sqlite3"
    events: list[AgentEvent] = []
    sizes: list[int] = []
    with scripted_chat() as chat, Conversations(path).open("salt") as conversation:
        answer_summaries(chat, "Salt was weighed.")
        endpoint = chat.endpoint(context_tokens=2048)
        for number in range(100):
            chat.replies[:] = [call(f"salt {number}"), final(f"Salt {number} weighs 5 g.")]
            run = run_agent(
                f"How heavy is salt number {number}?",
                endpoint=endpoint,
                tools=TOOLS,
                conversation=conversation,
                on_event=events.append,
            )
            assert run.ended_by == "answer"
            sizes.append(path.stat().st_size)
    assert any(isinstance(event, Noticed) and "summary" in event.text for event in events)
    longest = max(sum(len(m["content"]) for m in request["messages"]) for request in chat.requests)
    assert longest < 2048 * 4
    last = chat.requests[-1]["messages"]
    assert last[1]["content"].startswith("(Summary of the first 9")
    assert "How heavy is salt number 99?" in last[-1]["content"]
    assert max(sizes) < 300_000
    assert path.stat().st_size < 200_000


def test_messages_that_cannot_be_read_name_the_conversation_and_leave_its_answers(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    kept = Conversations(tmp_path / "c.sqlite3")
    with scripted_chat(call("salt"), final("5 g")) as chat, kept.open("salt") as conversation:
        run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, conversation=conversation)
        saver = conversation.open_checkpointer()
        saver.conn.execute("UPDATE checkpoints SET checkpoint = x'c1c1'")
        saver.conn.commit()
    with (
        kept.open("salt") as conversation,
        pytest.raises(ConversationError, match="messages of the conversation"),
    ):
        conversation.open_checkpointer()
    assert [turn.answer for turn in kept.read("salt").turns] == ["5 g"]


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux tells every open file")
def test_a_file_that_turns_out_damaged_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with Conversations(path).open("salt") as conversation:
        conversation.open_checkpointer()
        conversation.close()
        path.write_bytes(b"salt" * 1000)
        with pytest.raises(ConversationError, match="is damaged") as caught:
            conversation.open_checkpointer()
        # Whoever holds the error, holds the frames that it went through.
        assert caught.value.hint
        assert not [file for file in psutil.Process().open_files() if file.path == str(path)]
