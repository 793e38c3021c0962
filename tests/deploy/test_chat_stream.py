"""Replies stream with reasoning apart from the answer: from the real engine, and from servers that fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.chat import chat_model, json_schema_option, stream_pieces
from deploy.chat_errors import model_errors
from deploy.endpoint import Capabilities, Endpoint
from stillroom.errors import ModelError
from tests.deploy.raw_server import chunk, raw_server, reset, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from deploy.endpoint import ReasoningForm
    from deploy.reasoning import Piece
    from tests.deploy.raw_server import Request

QUESTION = "What is the capital of France?"


def at(url: str, *, ollama: bool = False, form: ReasoningForm = "apart", reasoning: bool = False) -> Endpoint:
    return Endpoint(
        base_url=f"{url}/v1",
        model="tiny",
        engine="ollama" if ollama else "vllm",
        context_tokens=2048,
        capabilities=Capabilities(reasoning=reasoning, reasoning_form=form),
    )


def streamed(endpoint: Endpoint, question: str = QUESTION, **options: Any) -> list[Piece]:  # noqa: ANN401
    return list(stream_pieces(endpoint, chat_model(endpoint, max_tokens=48), question, **options))


def joined(pieces: Sequence[Piece]) -> tuple[str, str]:
    return (
        "".join(piece.text for piece in pieces if piece.kind == "reasoning"),
        "".join(piece.text for piece in pieces if piece.kind == "content"),
    )


def event(**delta: str) -> str:
    """One of OpenAI's events, its delta as a real vLLM writes it."""
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    return (
        f"data: {json.dumps({**body, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"
    )


def line(**message: str) -> str:
    """One of Ollama's lines."""
    return json.dumps({"model": "tiny", "message": {"role": "assistant", **message}, "done": False}) + "\n"


OPENAI_END = event().replace("null", '"stop"') + "data: [DONE]\n\n"
OLLAMA_END = line(content="").replace('"done": false', '"done": true, "done_reason": "stop"')


def streams(*texts: str) -> Callable[[Request, socket.socket], None]:
    """Answers with those chunks and ends as it should."""

    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head() + b"".join(map(chunk, texts)) + chunk(""))

    return answer


def test_the_real_engine_streams_the_answer_that_it_gives_at_once(bundled_endpoint: Endpoint) -> None:
    pieces = streamed(bundled_endpoint)
    whole = chat_model(bundled_endpoint, max_tokens=48).invoke(QUESTION).text

    assert len(pieces) > 3
    assert joined(pieces) == ("", whole.strip())


def test_the_real_engine_streams_under_a_schema(bundled_endpoint: Endpoint) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris"]}}, "required": ["city"]}

    pieces = streamed(bundled_endpoint, **json_schema_option(bundled_endpoint, schema, name="place"))

    assert json.loads(joined(pieces)[1]) == {"city": "Paris"}


def test_a_prompt_that_is_too_long_for_the_real_engine_is_refused(bundled_endpoint: Endpoint) -> None:
    with pytest.raises(
        ModelError, match=r"the request is \d,\d{3} tokens too long: it has \d,\d{3} of prompt"
    ):
        streamed(bundled_endpoint, "word " * 9000)


def test_reasoning_that_vllm_hands_over_apart_streams_as_such(replay: Callable[..., Any]) -> None:
    server = replay("vllm/reason_plain_stream")

    assert joined(streamed(at(server.url, reasoning=True))) == ("The capital of France is Paris.", "")


def test_ollamas_answer_streams(replay: Callable[..., Any]) -> None:
    server = replay("ollama/chat_stream")

    assert joined(streamed(at(server.url, ollama=True))) == ("", "The capital of France is Paris.")


def test_reasoning_that_ollama_hands_over_apart_streams_as_such() -> None:
    thought = (line(content="", thinking="\nIn Europe"), line(content="", thinking=".\n"))
    with raw_server(streams(*thought, line(content="\n\nParis."), OLLAMA_END)) as server:
        pieces = streamed(at(server.url, ollama=True, reasoning=True))

    assert joined(pieces) == ("In Europe.", "Paris.")


@pytest.mark.parametrize(
    ("form", "texts", "expected"),
    [
        ("tagged", ("<th", "ink>In Eur", "ope.</thi", "nk>\n\nPa", "ris."), ("In Europe.", "Paris.")),
        ("opened", ("In Eur", "ope.\n</think>", "\n\nParis."), ("In Europe.", "Paris.")),
        ("opened", ("In Europe. Its ", "capital is"), ("In Europe. Its capital is", "")),
        ("apart", ("Par", "is."), ("", "Paris.")),
    ],
)
@pytest.mark.parametrize("ollama", [False, True])
def test_tags_that_a_server_leaves_in_the_text_are_understood_wherever_it_is_cut(
    form: ReasoningForm, texts: tuple[str, ...], expected: tuple[str, str], *, ollama: bool
) -> None:
    pieces = [line(content=text) if ollama else event(content=text) for text in texts]
    with raw_server(streams(*pieces, OLLAMA_END if ollama else OPENAI_END)) as server:
        assert joined(streamed(at(server.url, ollama=ollama, form=form, reasoning=True))) == expected


@pytest.mark.parametrize("ollama", [False, True])
@pytest.mark.parametrize("death", ["killed", "closed"])
def test_a_server_that_dies_midway_is_an_error_after_what_it_wrote(death: str, *, ollama: bool) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        first = line(content="Paris is") if ollama else event(content="Paris is")
        if death == "closed":  # an end that HTTP 1.0 takes for a good one
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + first.encode())
            return
        connection.sendall(stream_head() + chunk(first))
        reset(connection)

    seen: list[Piece] = []
    with raw_server(answer) as server:
        endpoint = at(server.url, ollama=ollama)
        pieces = stream_pieces(endpoint, chat_model(endpoint, max_tokens=48), QUESTION)
        with pytest.raises(ModelError, match=r"tiny at .* broke off before its answer was complete"):
            seen += pieces

    assert len(server.requests) == 1
    if death == "closed":
        assert joined(seen) == ("", "Paris is")


@pytest.mark.parametrize(
    ("ollama", "error"),
    [
        (False, 'data: {"error": {"message": "EngineCore encountered an issue", "code": 500}}\n\n'),
        (True, '{"error": "EngineCore encountered an issue"}\n'),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_told_in_the_servers_words(error: str, *, ollama: bool) -> None:
    first = line(content="Paris") if ollama else event(content="Paris")
    with (
        raw_server(streams(first, error)) as server,
        pytest.raises(ModelError, match=r"tiny at .* refused the request: EngineCore encountered an issue"),
    ):
        streamed(at(server.url, ollama=ollama))


@pytest.mark.parametrize("ollama", [False, True])
def test_an_answer_without_end_is_given_up_at_a_size_and_not_asked_for_again(*, ollama: bool) -> None:
    words = "word " * 200_000
    piece = chunk(line(content=words) if ollama else event(content=words))

    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head())
        while True:  # until the reader hangs up, which ends this thread
            connection.sendall(piece)

    with raw_server(answer) as server:
        endpoint = at(server.url, ollama=ollama)
        with pytest.raises(ModelError, match=r"answer of tiny at .* cannot be read: it has more than 67,108"):
            for _ in stream_pieces(endpoint, chat_model(endpoint, max_tokens=48), QUESTION):
                pass

    assert len(server.requests) == 1


def test_a_body_without_end_is_given_up_at_a_size_and_not_asked_for_again() -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head("application/json"))
        while True:
            connection.sendall(chunk(" " * 1_000_000))

    with raw_server(answer) as server:
        endpoint = at(server.url)
        with (
            pytest.raises(ModelError, match=r"answer of tiny at .* cannot be read: it has more than 67,108"),
            model_errors(endpoint),
        ):
            chat_model(endpoint, max_tokens=48).invoke(QUESTION)

    assert len(server.requests) == 1
