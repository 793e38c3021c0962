"""Servers that break, refuse, or never come to an end: each run ends, and says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agents.agent import Limits
from agents.tools import tool
from stillroom.errors import ModelError
from tests.agents.hostile.chat_server import (
    Reply,
    Script,
    dropped,
    endless,
    events,
    hostile_chat,
    raw,
    refused,
    silent,
    slow,
)
from tests.agents.hostile.scripted_model import answering, calling, every_way, watched_run

if TYPE_CHECKING:
    from agents.calling.way import CallingWay

ENGINES = pytest.mark.parametrize("engine", ["vllm", "ollama"])


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


TOOLS = (tool(weigh),)
LONG_ANSWER = "It weighs 5 g. " * 20


@ENGINES
@every_way
def test_a_good_server_gets_an_answer_from_a_tool(way: CallingWay, engine: str) -> None:
    with hostile_chat(calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")) as chat:
        run = watched_run(chat, way, TOOLS, fields={"engine": engine})
    assert (run.answer, run.ended_by, len(run.steps)) == ("It weighs 5 g.", "answer", 1)
    assert chat.left == 0


@pytest.mark.parametrize("abruptly", [True, False])
@ENGINES
@every_way
def test_a_server_that_drops_before_a_tool_ran_is_an_error(
    way: CallingWay, engine: str, *, abruptly: bool
) -> None:
    broken = dropped(calling(way, "weigh", {"thing": "salt"}), pieces=1, abruptly=abruptly)
    with hostile_chat(broken) as chat, pytest.raises(ModelError, match=r"broke off|cannot be read"):
        watched_run(chat, way, TOOLS, fields={"engine": engine})
    assert len(chat.requests) == 1


@pytest.mark.parametrize("abruptly", [True, False])
@ENGINES
@every_way
def test_a_server_that_drops_after_a_tool_ran_ends_the_run_with_what_there_is(
    way: CallingWay, engine: str, *, abruptly: bool
) -> None:
    broken = dropped(answering(way, LONG_ANSWER), pieces=5, abruptly=abruptly)
    with hostile_chat(calling(way, "weigh", {"thing": "salt"}), broken) as chat:
        run = watched_run(chat, way, TOOLS, fields={"engine": engine})
    assert run.ended_by == "model_error"
    assert "salt: 5 g" in run.answer
    assert len(run.steps) == 1


@ENGINES
def test_a_server_that_drops_in_a_thought_is_an_error(engine: str) -> None:
    broken = dropped(Reply(thought="Salt first, I think. " * 9), pieces=3)
    with hostile_chat(broken) as chat, pytest.raises(ModelError, match=r"broke off|cannot be read"):
        watched_run(chat, "constrained", TOOLS, fields={"engine": engine, "reasoning": True})


REFUSALS = {
    "wrong key": (401, {"error": "Unauthorized"}, "wants a key"),
    "too long": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 2048 tokens. However, your prompt "
                "contains at least 2049 input tokens, which exceeds this limit even without any output.",
                "type": "BadRequestError",
                "param": "input_tokens",
                "code": 400,
            }
        },
        "too long",
    ),
    "no tools": (400, {"error": "registry.ollama.ai/library/scripted does not support tools"}, "cannot do"),
    "busy": (429, {"error": {"message": "slow down"}}, "no room"),
    "broken": (500, "<html><title>Bad gateway</title></html>", "web page"),
    "nothing": (502, "", "HTTP 502"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@ENGINES
@every_way
def test_a_refusal_is_an_error_that_says_what_the_server_said(
    way: CallingWay, engine: str, refusal: str
) -> None:
    status, body, said = REFUSALS[refusal]
    with hostile_chat(refused(status, body)) as chat, pytest.raises(ModelError, match=said):
        watched_run(chat, way, TOOLS, fields={"engine": engine})


@pytest.mark.parametrize("status", [429, 503])
@every_way
def test_a_server_that_asks_to_come_back_is_asked_again(way: CallingWay, status: int) -> None:
    busy = refused(status, {"error": {"message": "loading"}}, Retry_After="0")
    good = calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")
    with hostile_chat(busy, good[0], busy, good[1]) as chat:
        run = watched_run(chat, way, TOOLS)
    assert (run.ended_by, len(run.steps), len(chat.requests)) == ("answer", 1, 4)


NO_ANSWERS: dict[str, Script] = {
    "a web page": raw(b"<html><title>Welcome</title></html>", content_type="text/html"),
    "nothing": raw(b""),
    "a head that is none": raw(b"\x00\x01\x02\x03\r\n\r\n"),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-"),
    "an empty body": raw(b"", content_type="application/json"),
    "an empty object": raw(b"{}", content_type="application/json"),
    "a list": raw(b"[]", content_type="application/json"),
    "null": raw(b"null", content_type="application/json"),
    "half an object": raw(b'{"choices": [{"mess', content_type="application/json"),
    "invalid UTF-8": raw(b'{"choices": "\xff\xfe"}', content_type="application/json"),
    "no choices": raw(b'{"choices": []}', content_type="application/json"),
    "an event of nothing": raw(b"data:\n\n", content_type="text/event-stream"),
    "an event that is no JSON": raw(b"data: {nonsense\n\n", content_type="text/event-stream"),
    "an event of invalid UTF-8": raw(b'data: {"choices": "\xff"}\n\n', content_type="text/event-stream"),
    "an event of a list": raw(b"data: [1]\n\n", content_type="text/event-stream"),
    "an event of null": raw(b"data: null\n\n", content_type="text/event-stream"),
    "an event without choices": events('data: {"id": "x"}\n\n', "data: [DONE]\n\n"),
    "an event of an odd delta": events('data: {"choices": [{"delta": 7}]}\n\n', "data: [DONE]\n\n"),
    "a line of a list": raw(b"[1]\n", content_type="application/x-ndjson"),
    "a line that is no JSON": raw(b"{nonsense\n", content_type="application/x-ndjson"),
    "a line of an odd message": raw(b'{"message": 7, "done": true}\n', content_type="application/x-ndjson"),
    "an error in a success": raw(b'{"error": "out of memory"}\n', content_type="application/json"),
    "only the end of a stream": events("data: [DONE]\n\n"),
}


@pytest.mark.parametrize("kind", NO_ANSWERS)
@ENGINES
@every_way
def test_an_answer_that_is_none_is_an_error_before_a_tool_ran_and_an_end_after(
    way: CallingWay, engine: str, kind: str
) -> None:
    with hostile_chat(choose=lambda _: NO_ANSWERS[kind]) as chat:
        ended = ""
        try:
            run = watched_run(chat, way, TOOLS, fields={"engine": engine}, limits=Limits(steps=2, seconds=60))
            ended = run.ended_by
        except ModelError:
            ended = "model_error"
    assert ended == "model_error"


@ENGINES
@every_way
def test_an_error_in_the_middle_of_a_stream_is_told(way: CallingWay, engine: str) -> None:
    said = {"error": {"message": "CUDA out of memory", "code": 500}}
    line = json.dumps({"error": "CUDA out of memory"}) + "\n"
    script = events(line) if engine == "ollama" else events(f"data: {json.dumps(said)}\n\n")
    with hostile_chat(script) as chat, pytest.raises(ModelError, match=r"out of memory|no chat answer"):
        watched_run(chat, way, TOOLS, fields={"engine": engine})


@ENGINES
@every_way
def test_a_server_that_never_answers_ends_at_the_time_limit(way: CallingWay, engine: str) -> None:
    with hostile_chat(calling(way, "weigh", {"thing": "salt"}), silent) as chat:
        run = watched_run(chat, way, TOOLS, fields={"engine": engine}, limits=Limits(seconds=2))
    assert run.ended_by == "time_limit"
    assert "salt: 5 g" in run.answer


@ENGINES
@every_way
def test_a_server_that_drips_ends_at_the_time_limit_and_is_hung_up_on(way: CallingWay, engine: str) -> None:
    with hostile_chat(slow(answering(way, LONG_ANSWER), seconds=0.2)) as chat:
        run = watched_run(chat, way, TOOLS, fields={"engine": engine}, limits=Limits(seconds=1))
    assert run.ended_by == "time_limit"


@pytest.mark.parametrize("kind", ["content", "thought"])
@ENGINES
@every_way
def test_a_reply_without_end_is_hung_up_on(way: CallingWay, engine: str, kind: str) -> None:
    script = endless(kind, "more and more ")  # type: ignore[arg-type]
    with hostile_chat(choose=lambda _: script) as chat:
        try:
            ended = watched_run(
                chat, way, TOOLS, fields={"engine": engine}, limits=Limits(seconds=1)
            ).ended_by
        except ModelError:
            ended = "model_error"
    assert ended in {"time_limit", "model_error"}
