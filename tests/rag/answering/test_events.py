"""An answer comes step by step, and nothing of it is shown before it was checked."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.endpoint import Capabilities, Endpoint
from rag.answering.answer import answer_events, answer_from_hits, events_from_hits
from rag.answering.events import Answered, Dropped, Kept, Retrieved, Thought
from rag.document import Hit, Passage
from rag.ingesting.ingest import ingest
from stillroom.errors import ModelError
from tests.deploy.raw_server import chunk, has_left, raw_server, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from deploy.endpoint import ReasoningForm
    from rag.library import Library
    from tests.deploy.raw_server import Request

    Serve = Callable[..., AbstractContextManager[Any]]

RECORDINGS = Path(__file__).resolve().parents[2] / "deploy" / "recordings"
FIRST = "DeepSeek-MoE 16B activates 2.8 billion parameters for each token."
SECOND = "Older servers of DeepSeek-MoE wasted 60 to 80 % of the parameters."
QUESTION = "How many parameters does DeepSeek-MoE 16B activate for each token?"
CLAIMS = [{"passage": "P1", "quote": text, "text": text} for text in (FIRST, SECOND)]


def hit(text: str, name: str = "p") -> Hit:
    passage = Passage(name, f"d{name}", "Experts", "/e.md", text, 0, len(text), None, 4)
    return Hit(passage, 1.0, 0.7, 5.0, 0.9)


HITS = [hit(f"{FIRST} {SECOND}")]


def delta(text: str, finish_reason: str | None = None) -> bytes:
    """One of OpenAI's events as a chunk."""
    choices = [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish_reason}]
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return chunk(f"data: {json.dumps(body)}\n\n")


END = delta("", "stop") + chunk("data: [DONE]\n\n") + chunk("")


def at(url: str, *, reasoning: bool = False, form: ReasoningForm = "apart", ollama: bool = False) -> Endpoint:
    capabilities = Capabilities(reasoning=reasoning, reasoning_form=form)
    return Endpoint(f"{url}/v1", "m", "ollama" if ollama else "vllm", 4096, capabilities)


def test_a_sentence_is_there_while_the_next_is_still_being_written() -> None:
    seen_first = threading.Event()

    def serve(_: Request, connection: socket.socket) -> None:
        first, second = (json.dumps(claim) for claim in CLAIMS)
        connection.sendall(stream_head() + delta('{"answer": [') + delta(f"{first}, "))
        # The rest is only written once the test has the first sentence in hand.
        assert seen_first.wait(120)
        connection.sendall(delta(f"{second}]}}") + END)

    with raw_server(serve) as server:
        events = events_from_hits(QUESTION, HITS, endpoint=at(server.url))
        first = next(events)
        seen_first.set()
        rest = list(events)

    assert isinstance(first, Kept)
    assert first.sentence == f"{FIRST[:-1]} [1]."
    assert first.citation.quote == FIRST
    kinds = [type(event) for event in rest]
    assert kinds == [Kept, Answered]
    assert isinstance(rest[0], Kept)
    assert isinstance(rest[1], Answered)
    assert rest[1].answer.text == rest[0].text == f"{first.sentence} {rest[0].sentence}"


def test_closing_the_events_hangs_up_on_the_model() -> None:
    hung_up = threading.Event()

    def serve(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head() + delta('{"answer": [' + json.dumps(CLAIMS[0])))
        if has_left(connection):
            hung_up.set()

    with raw_server(serve) as server:
        events = events_from_hits(QUESTION, HITS, endpoint=at(server.url))
        assert isinstance(next(events), Kept)
        events.close()
        assert hung_up.wait(120)


def test_what_fails_the_check_is_never_a_sentence(scripted_chat: Serve) -> None:
    invented = {"passage": "P1", "quote": FIRST, "text": "DeepSeek-MoE 16B activates 99 billion parameters."}
    with scripted_chat(json.dumps({"answer": [invented, CLAIMS[0]]})) as chat:
        events = list(events_from_hits(QUESTION, HITS, endpoint=chat.endpoint()))

    assert [type(event) for event in events] == [Dropped, Kept, Answered]
    assert isinstance(events[0], Dropped)
    assert "99" in events[0].reason
    assert isinstance(events[1], Kept)
    assert "99" not in events[1].text


def test_an_answer_does_not_begin_beside_the_point_where_a_sentence_has_all_that_was_asked(
    scripted_chat: Serve,
) -> None:
    beside = {"passage": "P1", "quote": SECOND, "text": "Older servers of DeepSeek-MoE wasted 60 to 80 %."}
    with scripted_chat(json.dumps({"answer": [beside, CLAIMS[0], beside]})) as chat:
        events = list(events_from_hits(QUESTION, HITS, endpoint=chat.endpoint()))

    assert [type(event) for event in events[:2]] == [Dropped, Kept]
    assert isinstance(events[1], Kept)
    assert events[1].text == f"{FIRST[:-1]} [1]."


@pytest.mark.parametrize(
    ("form", "thought", "key"),
    [
        ("apart", "P1 names 2.8 billion.", "reasoning"),
        ("tagged", "<think>P1 names 2.8 billion.</think>I found it.", "content"),
        ("opened", "P1 names 2.8 billion.</think>I found it.", "content"),
    ],
)
def test_a_thought_streams_apart_from_the_answer(
    scripted_chat: Serve, form: ReasoningForm, thought: str, key: str
) -> None:
    with scripted_chat({"content": "", key: thought}, json.dumps({"answer": CLAIMS[:1]})) as chat:
        endpoint = chat.endpoint(reasoning=True, reasoning_form=form)
        events = list(events_from_hits(QUESTION, HITS, endpoint=endpoint))

    thoughts = [event.text for event in events if isinstance(event, Thought)]
    assert "".join(thoughts) == "P1 names 2.8 billion."
    assert len(thoughts) > 1
    assert [type(event) for event in events[len(thoughts) :]] == [Kept, Answered]
    assert isinstance(events[-1], Answered)
    assert events[-1].answer.reasoning == "P1 names 2.8 billion."


def test_a_model_that_breaks_off_is_an_error_after_what_was_checked() -> None:
    def serve(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head() + delta('{"answer": [' + json.dumps(CLAIMS[0])))

    with raw_server(serve) as server:
        events = events_from_hits(QUESTION, HITS, endpoint=at(server.url))
        assert isinstance(next(events), Kept)
        with pytest.raises(ModelError, match="broke off"):
            next(events)


def test_passages_come_first_and_the_answer_last(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    first, *_, last = answer_events("What does grouped-query attention share?", library, endpoint=None)

    assert isinstance(first, Retrieved)
    assert "Grouped-query attention" in first.hits[0].passage.text
    assert isinstance(last, Answered)


def test_a_server_that_counted_too_few_tokens_is_said_to_have_cut_the_prompt(scripted_chat: Serve) -> None:
    with scripted_chat(json.dumps({"answer": CLAIMS[:1]})) as chat:
        chat.prompt_tokens = 20
        made = answer_from_hits(QUESTION, HITS, endpoint=chat.endpoint())

    assert made.kind == "written"
    assert "counted 20 tokens" in made.notice
    assert chat.requests[0]["stream_options"] == {"include_usage": True}


def recorded(name: str) -> tuple[list[str], bytes]:
    """A stream of a real engine: its lines, and what goes over the wire."""
    lines: list[str] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["body"]
    return lines, stream_head() + b"".join(chunk(f"{line}\n") for line in lines) + chunk("")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ollama/chat_stream", r'"prompt_eval_count":(\d+)'),
        ("vllm/chat_stream_usage", r'"prompt_tokens":(\d+)'),
    ],
)
def test_a_real_engines_own_count_of_a_prompt_is_read(name: str, counts: str) -> None:
    """The recorded replies are to a short prompt; ours is longer, as if the engine had cut it."""
    lines, stream = recorded(name)
    counted = [count for line in lines for count in re.findall(counts, line)][-1]
    hits = [hit(f"{FIRST} {SECOND}" * 4)]
    with raw_server(lambda _, connection: connection.sendall(stream)) as server:
        made = answer_from_hits(QUESTION, hits, endpoint=at(server.url, ollama=name.startswith("ollama")))

    assert made.kind == "extractive"  # "The capital of France is Paris." is no JSON
    assert f"counted {counted} tokens" in made.notice


def test_what_a_real_vllm_reasoned_stays_apart() -> None:
    thought = recorded("vllm/reason_plain_stream")[1]
    reply = stream_head() + delta(json.dumps({"answer": CLAIMS[:1]})) + END
    replies = [thought, reply]
    with raw_server(lambda _, connection: connection.sendall(replies.pop(0))) as server:
        events = list(events_from_hits(QUESTION, HITS, endpoint=at(server.url, reasoning=True)))

    last = events[-1]
    assert isinstance(last, Answered)
    assert last.answer.reasoning == "The capital of France is Paris."
    assert last.answer.text == f"{FIRST[:-1]} [1]."
    assert "The capital of France is Paris." in server.requests[1].body["messages"][-1]["content"]


def test_passages_that_do_not_fit_are_named(scripted_chat: Serve) -> None:
    long = hit(f"{SECOND} " * 60, "long")
    with scripted_chat(json.dumps({"answer": CLAIMS[:1]})) as chat:
        endpoint = chat.endpoint()
        endpoint = Endpoint(endpoint.base_url, "m", "vllm", 1024, endpoint.capabilities)
        made = answer_from_hits(QUESTION, [HITS[0], long], endpoint=endpoint, max_tokens=256)

    assert made.left_out == ("Experts, line 4: no room in the model's context",)
    assert made.citations[0].quote == FIRST
