"""Chat models against the real embedded engine, and against recorded answers of vLLM and Ollama."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage

from deploy.chat import chat_model, json_schema_option, split_reasoning
from deploy.endpoint import Capabilities, Endpoint
from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.launching.launch import start
from deploy.loopback import is_loopback
from deploy.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.plan import Plan
    from deploy.weights import WeightsFile

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def served(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """The bundled model behind the embedded engine."""
    spec = engine("embedded").launch_spec(
        bundled_plan,
        LaunchOptions(weights=bundled_weights.path, port=free_port(), threads=2),
    )
    log_path = tmp_path_factory.mktemp("chat") / "engine.log"
    with start(spec, log_path=log_path, on_progress=lambda _: None) as running:
        yield running.endpoint(bundled_plan)


def ollama_endpoint(url: str, *, reasoning: bool = False) -> Endpoint:
    return Endpoint(
        base_url=f"{url}/v1",
        model="smollm2:135m",
        engine="ollama",
        context_tokens=2048,
        capabilities=Capabilities(reasoning=reasoning),
    )


def vllm_endpoint(url: str) -> Endpoint:
    return Endpoint(base_url=f"{url}/v1", model="tiny", engine="vllm", context_tokens=2048)


def test_the_embedded_engine_answers_a_chat(served: Endpoint) -> None:
    message = chat_model(served, max_tokens=24).invoke("What is the capital of France?")

    reasoning, answer = split_reasoning(message)
    assert not reasoning
    assert answer


def test_the_same_question_gets_the_same_answer(served: Endpoint) -> None:
    model = chat_model(served, max_tokens=16)

    first, second = model.invoke("Name a colour."), model.invoke("Name a colour.")

    assert first.text == second.text


def test_an_answer_streams(served: Endpoint) -> None:
    chunks = list(chat_model(served, max_tokens=12).stream("Count from one to five."))

    assert len(chunks) > 3


def test_the_embedded_engine_keeps_to_a_json_schema(served: Endpoint) -> None:
    options = json_schema_option(served, PERSON, name="person")

    message = chat_model(served, max_tokens=64).invoke("Give me a person as JSON.", **options)

    person = json.loads(message.text)
    assert set(person) == {"name", "age"}
    assert 0 <= person["age"] <= 120


def test_the_embedded_engine_keeps_to_one_of_several_schemas(served: Endpoint) -> None:
    branches = [
        {
            "type": "object",
            "properties": {"action": {"const": name}, "n": {"type": "integer"}},
            "required": ["action", "n"],
            "additionalProperties": False,
        }
        for name in ("add", "subtract")
    ]
    options = json_schema_option(served, {"anyOf": branches}, name="action")

    message = chat_model(served, max_tokens=48).invoke("Add one.", **options)

    assert json.loads(message.text)["action"] in {"add", "subtract"}


def test_a_proxy_of_the_environment_never_sees_requests_to_this_machine(
    served: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    assert chat_model(served, max_tokens=4).invoke("Hi").text


def test_vllm_is_asked_by_its_recorded_requests(replay: Callable[..., Any]) -> None:
    server = replay("vllm/json_schema")
    endpoint = vllm_endpoint(server.url)

    message = chat_model(endpoint, max_tokens=64).invoke(
        "Give me a person as JSON.", **json_schema_option(endpoint, PERSON, name="person")
    )

    assert json.loads(message.text) == {"name": "Alejandro", "age": 25}
    _, _, body = server.requests[0]
    assert body["response_format"]["json_schema"] == {"name": "person", "schema": PERSON, "strict": True}
    assert body["max_tokens"] == 64
    assert body["temperature"] == 0


def test_vllms_reasoning_is_kept_apart_from_its_answer(replay: Callable[..., Any]) -> None:
    server = replay("vllm/reason_plain")

    message = chat_model(vllm_endpoint(server.url), max_tokens=24).invoke("What is the capital of France?")

    assert split_reasoning(message) == ("The capital of France is Paris.", "")


def test_ollama_is_asked_through_its_own_api_with_an_explicit_context(replay: Callable[..., Any]) -> None:
    server = replay("ollama/chat_format_schema")
    endpoint = ollama_endpoint(server.url)

    message = chat_model(endpoint, max_tokens=120).invoke(
        "Tell me about Paris as JSON.", **json_schema_option(endpoint, PERSON, name="place")
    )

    assert json.loads(message.text)["city"] == "Paris"
    _, path, body = server.requests[0]
    assert path == "/api/chat"
    assert body["options"]["num_ctx"] == 2048
    assert body["options"]["num_predict"] == 120
    assert body["format"] == PERSON
    assert body.get("think") is None


def test_ollama_is_asked_to_think_only_where_the_model_does(replay: Callable[..., Any]) -> None:
    server = replay("ollama/chat_nonstream")

    chat_model(ollama_endpoint(server.url, reasoning=True), max_tokens=48).invoke("What is 2 + 2?")

    assert server.requests[0][2]["think"] is True


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (AIMessage("Paris."), ("", "Paris.")),
        (AIMessage("Paris.", additional_kwargs={"reasoning_content": " France. "}), ("France.", "Paris.")),
        (AIMessage("Paris.", additional_kwargs={"reasoning": "France."}), ("France.", "Paris.")),
        (AIMessage("<think>\nFrance.\n</think>\n\nParis."), ("France.", "Paris.")),
        (AIMessage("France.\n</think>\n\nParis."), ("France.", "Paris.")),
        (AIMessage("<think>France, whose capital"), ("France, whose capital", "")),
        (AIMessage("<think></think>Paris."), ("", "Paris.")),
        (AIMessage("a </think> b", additional_kwargs={"reasoning": "x"}), ("x", "a </think> b")),
        (AIMessage([{"type": "text", "text": "<think>a</think>b"}]), ("a", "b")),
        (AIMessage(""), ("", "")),
    ],
)  # fmt: skip
def test_reasoning_is_split_from_the_answer(message: AIMessage, expected: tuple[str, str]) -> None:
    assert split_reasoning(message) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://192.168.0.7:8080/v1", False),
        ("https://127.0.0.1.example.com/v1", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, expected: bool) -> None:  # noqa: FBT001  a parameter of the test
    assert is_loopback(url) is expected
