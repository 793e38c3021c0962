"""A model's decisions as each way of calling writes them, and a run of the agent that cannot hang a test."""

from __future__ import annotations

import json
from concurrent.futures import TimeoutError as WaitedTooLongError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import run_agent
from agents.background import start_in_background
from agents.calling.way import CALLING_WAYS, CallingWay, called_by
from stillroom.errors import ModelError
from tests.agents.hostile.chat_server import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.agent import AgentRun, Step
    from agents.tools import Tool
    from tests.agents.hostile.chat_server import HostileChat

# A run against a local server takes a second on a busy machine. What takes this long hangs.
WATCHDOG_SECONDS = 120.0

every_way = pytest.mark.parametrize("way", CALLING_WAYS)


@dataclass(frozen=True)
class Ending:
    """How a run ended: ``error`` where it raised one, which is the end of a run that found nothing."""

    ended_by: str
    said: str
    steps: tuple[Step, ...] = ()


def calling(way: CallingWay, name: str, arguments: object, *, id: str = "call-1") -> Reply:  # noqa: A002
    """A model calls a tool; a text goes as it is, other arguments as JSON."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    if way == "native":
        return Reply(calls=(Call(name, written, id),))
    return Reply(f'{{"action": {json.dumps(name)}, "args": {written}}}')


def answering(way: CallingWay, answer: str) -> Reply:
    """A model gives its answer."""
    if way == "native":
        return Reply(answer)
    return Reply(json.dumps({"action": "final_answer", "args": {"answer": answer}}))


def ending(chat: HostileChat, way: CallingWay, tools: Sequence[Tool], **options: Any) -> Ending:  # noqa: ANN401
    """The end of a run that may fail; the arguments are those of ``watched_run``."""
    try:
        run = watched_run(chat, way, tools, **options)
    except ModelError as error:
        return Ending("error", error.message)
    return Ending(run.ended_by, run.answer, run.steps)


def watched_run(
    chat: HostileChat,
    way: CallingWay,
    tools: Sequence[Tool],
    *,
    question: str = "How heavy is salt?",
    fields: dict[str, Any] | None = None,
    **options: Any,  # noqa: ANN401 - those of run_agent
) -> AgentRun:
    """The agent's run, which must come to an end.

    Args:
        chat: where the model answers.
        way: in which it is made to call tools.
        tools: that it may call.
        question: that it is asked.
        fields: of the endpoint and its capabilities.
        **options: of ``run_agent``.
    """
    endpoint = called_by(chat.endpoint(**(fields or {})), way)
    running = start_in_background(lambda: run_agent(question, endpoint=endpoint, tools=tools, **options))
    try:
        return running.result(timeout=WATCHDOG_SECONDS)
    except WaitedTooLongError as error:
        if running.done():
            raise
        raise AssertionError("the run hangs") from error
    except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
        if not running.done():
            raise  # a person's, at the terminal that runs the tests
        raise AssertionError(f"{type(error).__name__} came out of the run") from error
