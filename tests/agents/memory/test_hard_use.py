"""A conversation survives kills and company in its file, and goes on with a small real model."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import Limits, run_agent
from agents.memory.conversations import Conversations
from agents.running.events import Noticed
from agents.running.trace_events import TraceEvents
from agents.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from agents.running.events import AgentEvent
    from agents.running.trace_events import TraceEvent
    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]

# Asks one question after the other until it is killed; says how many answers it has had.
ASK_ON = """
import sys
import threading
from pathlib import Path
from agents.agent import run_agent
from agents.memory.conversations import Conversations
from agents.tools import tool
from deploy.endpoint import Capabilities, Endpoint

def weigh(thing: str) -> str:
    "Weigh a thing."
    return f"{thing}: 5 g"

endpoint = Endpoint(sys.argv[1], "scripted", "vllm", 65536, Capabilities())
with Conversations(Path(sys.argv[2])).open(sys.argv[3]) as conversation:
    for number in range(10_000):
        run = run_agent(
            f"How heavy is {number}?", endpoint=endpoint, tools=(tool(weigh),), conversation=conversation
        )
        assert run.ended_by == "answer", run
        print(number, flush=True)
"""


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


def answer_everything(chat: Any) -> None:  # noqa: ANN401 - the fixture's server
    """Let the server call the tool once for each question, and then answer."""
    scripted, lock = chat.respond, threading.Lock()

    def respond(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        found = "<tool_result" in request["messages"][-1]["content"]
        call = {"action": "weigh", "args": {"thing": f"salt {len(chat.requests)}"}}
        answer = {"action": "final_answer", "args": {"answer": "It weighs 5 g."}}
        with lock:  # two processes ask at once
            chat.replies[:] = [json.dumps(answer if found else call)]
            body: tuple[int, dict[str, Any]] = scripted(request)
        return body

    chat.respond = respond


@contextmanager
def asking_on(chat: Any, path: Path, name: str, answers: int) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401
    """A process that has had so many answers and goes on; killed at the end, wherever it is then."""
    with subprocess.Popen(
        [sys.executable, "-c", ASK_ON, chat.base_url, str(path), name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        for number in range(answers):
            assert process.stdout.readline() == f"{number}\n"
        yield process
        process.kill()


def test_a_conversation_goes_on_after_kills_at_any_moment_in_a_shared_file(
    scripted_chat: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "c.sqlite3"
    with scripted_chat() as chat:
        answer_everything(chat)
        # Both write the same file; the first is killed after the second, so anywhere in its work.
        with asking_on(chat, path, "one", 1), asking_on(chat, path, "two", 3):
            pass
        for name in ("one", "two"):
            with Conversations(path).open(name) as conversation:
                endpoint = chat.endpoint(context_tokens=65_536)
                run = run_agent("Well?", endpoint=endpoint, tools=(tool(weigh),), conversation=conversation)
                turns = conversation.turns
            assert (run.ended_by, turns[-1].ended_by) == ("answer", "answer")
            ended = [turn.ended_by for turn in turns]
            assert ended.count("answer") >= 2
            assert ended.count("interrupted") <= 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_thirty_turns_go_on_with_the_bundled_model_at_a_context_of_2048(
    scripted_chat: Serve, bundled_endpoint: Endpoint, tmp_path: Path, language: str
) -> None:
    asked = {"en": "How heavy is salt number {}?", "zh": "第{}份盐有多重？"}[language]
    events: list[AgentEvent] = []
    trace: list[TraceEvent] = []
    with Conversations(tmp_path / "c.sqlite3").open("salt") as conversation:
        with scripted_chat() as chat:
            answer_everything(chat)
            endpoint = chat.endpoint(context_tokens=65_536)
            for number in range(30):
                run_agent(
                    asked.format(number), endpoint=endpoint, tools=(tool(weigh),), conversation=conversation
                )
        run = run_agent(
            asked.format(30),
            endpoint=replace(bundled_endpoint, context_tokens=2048),
            tools=(tool(weigh),),
            limits=Limits(steps=2),
            conversation=conversation,
            on_event=events.append,
            recorder=TraceEvents([trace.append]),
        )
        turns = conversation.turns
    assert run.ended_by in {"answer", "step_limit", "loop"}
    assert any(isinstance(event, Noticed) and "folded into a summary" in event.text for event in events)
    counted = [event["prompt_tokens"] for event in trace if event["event"] == "model_called"]
    assert counted
    # Of the largest, room for the reply is left.
    assert max(counted) <= 2048 - 256
    assert (len(turns), turns[-1].question) == (31, asked.format(30))
