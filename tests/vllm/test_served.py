"""What the real vLLM answers, through the chat model and over HTTP; then how it is started again and stopped.

One server serves the whole file: the last two tests kill it and take it down.
"""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.chat import chat_model, json_schema_option, stream_pieces
from deploy.chat_errors import model_errors
from deploy.endpoint import Capabilities
from deploy.engines import engine
from deploy.probing.probe import probed
from deploy.spec import GIB
from deploy.supervision.deployment import lives
from deploy.supervision.supervise import activity, down, log_of, logs, measure, status, up
from stillroom.errors import ModelError
from tests.deploy.raw_server import raw_server, reply
from tests.vllm.conftest import (
    API_KEY,
    CHILDREN,
    CONTEXT_TOKENS,
    HOMES,
    PROGRAM,
    group_of,
    processes_of,
    running,
    wait_until,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.endpoint import Endpoint
    from deploy.supervision.deployment import Deployment
    from tests.deploy.raw_server import Request
    from tests.vllm.conftest import Job

pytestmark = pytest.mark.timeout(900)

ANSWER_TOKENS = 16
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Served:
    """A running deployment, and what was said while it started."""

    deployment: Deployment
    state_dir: Path
    steps: tuple[str, ...]


@pytest.fixture(scope="module")
def served(job: Callable[[], Job], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The bundled model with a context of 2048 tokens, behind a key."""
    planned, steps, state_dir = job(), list[str](), tmp_path_factory.mktemp("served")
    deployment = up(planned.spec, planned.plan, state_dir=state_dir, on_progress=steps.append)
    yield Served(deployment, state_dir, tuple(steps))
    down(state_dir, force=True)


@pytest.fixture
def endpoint(served: Served) -> Endpoint:
    return served.deployment.endpoint


def post(endpoint: Endpoint, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401  whatever a body has
    return httpx.post(
        f"{endpoint.base_url}{path}",
        json={"model": endpoint.model, **body},
        headers=bearer(endpoint),
        timeout=120,
        trust_env=False,
    )


def refused(endpoint: Endpoint, prompt: str) -> ModelError:
    """What a person is told of a request that the server refuses."""
    with pytest.raises(ModelError) as caught, model_errors(endpoint):
        chat_model(endpoint, max_tokens=ANSWER_TOKENS).invoke(prompt)
    return caught.value


def bearer(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"}


def test_the_program_is_found_with_its_version_without_being_started() -> None:
    found = engine("vllm", HOMES).availability()

    assert found.installed
    assert found.detail == str(PROGRAM)
    assert re.fullmatch(r"0\.\d+\.\d+\+cpu", found.version)


def test_a_start_tells_its_steps_and_never_the_key(served: Served) -> None:
    spec = served.deployment.spec

    assert any(step.startswith("vllm loads weights") for step in served.steps)
    assert f"asking {spec.served_model} for a first answer" in served.steps
    assert any("GET /health" in line for line in logs(served.state_dir, lines=500))
    told = [*spec.argv, *served.steps, repr(spec), *logs(served.state_dir, lines=10_000)]
    assert not [line for line in told if API_KEY in line]


def test_the_cache_is_measured_to_be_exactly_the_planned_one(served: Served) -> None:
    measured = measure(served.deployment)

    assert measured is not None
    cache = next(term for term in measured.terms if term.name == "kv_cache")
    assert cache.measured_bytes == served.deployment.predicted_bytes["kv_cache"] == GIB
    assert measured.rss_bytes > GIB


def test_the_same_question_gets_the_same_answer(endpoint: Endpoint) -> None:
    model = chat_model(endpoint, max_tokens=16)

    first, second = model.invoke("Name a colour."), model.invoke("Name a colour.")

    assert first.text
    assert first.text == second.text


def test_an_answer_streams_and_is_the_one_that_comes_at_once(endpoint: Endpoint) -> None:
    model = chat_model(endpoint, max_tokens=12)

    pieces = list(stream_pieces(endpoint, model, "Count from one to five."))

    assert len(pieces) > 3
    assert {piece.kind for piece in pieces} == {"content"}
    assert "".join(piece.text for piece in pieces) == model.invoke("Count from one to five.").text.strip()


def test_what_was_asked_and_answered_is_counted(served: Served, endpoint: Endpoint) -> None:
    before = activity(served.deployment, log_of(served.deployment))
    chat_model(endpoint, max_tokens=8).invoke("Name a colour.")
    after = activity(served.deployment, log_of(served.deployment))

    assert (after.requests or 0) - (before.requests or 0) == 1
    assert 0 < (after.output_tokens or 0) - (before.output_tokens or 0) <= 8
    assert (after.output_tokens_per_s or 0) > 0


def test_an_answer_keeps_to_a_json_schema(endpoint: Endpoint) -> None:
    options = json_schema_option(endpoint, PERSON, name="person")

    message = chat_model(endpoint, max_tokens=64).invoke("Give me a person as JSON.", **options)

    person = json.loads(message.text)
    assert set(person) == {"name", "age"}
    assert 0 <= person["age"] <= 120


def test_an_answer_keeps_to_one_of_several_schemas(endpoint: Endpoint) -> None:
    branches = [
        {
            "type": "object",
            "properties": {"action": {"const": name}, "n": {"type": "integer", "maximum": 99}},
            "required": ["action", "n"],
            "additionalProperties": False,
        }
        for name in ("add", "subtract")
    ]
    options = json_schema_option(endpoint, {"anyOf": branches}, name="action")

    message = chat_model(endpoint, max_tokens=48).invoke("Add one.", **options)

    assert json.loads(message.text)["action"] in {"add", "subtract"}


def test_what_the_server_can_do_was_asked_once_it_answered(endpoint: Endpoint) -> None:
    found = {finding.name: finding for finding in endpoint.capabilities.findings}

    assert found["server"].value.startswith("vLLM 0.")
    assert found["tools"].value == "constrained"
    # There is a parser, and the template shows no tools.
    assert "with a tool definition: the model never sees it" in found["tools"].how
    assert found["JSON schema"].value == "yes"
    assert found["thinking"].value == "no"
    assert found["context"].value == f"{CONTEXT_TOKENS:,} tokens"
    assert endpoint.context_tokens == CONTEXT_TOKENS


def test_where_tokens_are_not_counted_the_model_is_told_to_call_and_then_forced(endpoint: Endpoint) -> None:
    asked: list[Any] = []

    def uncounting(request: Request, connection: socket.socket) -> None:
        url = endpoint.base_url.removesuffix("/v1") + request.path
        sent = {"method": request.method, "json": request.body, "headers": bearer(endpoint)}
        response = httpx.request(url=url, timeout=120, trust_env=False, **sent)
        if "chat" not in request.path:
            connection.sendall(reply(response.text, status=response.status_code))
            return
        body = {key: value for key, value in response.json().items() if key != "usage"}
        if "tools" in request.body:
            asked.append((request.body.get("tool_choice"), body))
        connection.sendall(reply(body, status=response.status_code))

    unknown = replace(endpoint, capabilities=Capabilities())
    with raw_server(uncounting) as server:
        told = probed(replace(unknown, base_url=f"{server.url}/v1"))

    how = next(item.how for item in told.capabilities.findings if item.name == "tools")
    assert how.startswith("the server does not count the prompt's tokens; ")
    # A small model need not call when it is told to. vLLM enforces a call that is asked for by tool_choice.
    assert [choice for choice, _ in asked] in ([None, None], [None, None, "required"])
    if len(asked) == 3:
        (call,) = asked[2][1]["choices"][0]["message"]["tool_calls"]
        assert call["function"]["name"] == "get_weather"
        assert told.capabilities.native_tools


def test_embeddings_of_a_generating_model_are_refused_and_the_endpoint_knows(endpoint: Endpoint) -> None:
    response = post(endpoint, "/embeddings", input="a text")

    assert response.status_code == 404
    assert not endpoint.capabilities.embeddings
    found = {finding.name: finding.how for finding in endpoint.capabilities.findings}
    assert found["embeddings"] == "HTTP 404: Not Found"


def test_a_wrong_key_is_told(endpoint: Endpoint) -> None:
    stranger = replace(endpoint, api_key="another key")

    error = refused(stranger, "Hi")

    assert error.message == f"{endpoint.base_url} refused the key that was sent (HTTP 401)"
    assert "STILLROOM_ENDPOINT_API_KEY" in error.hint


def test_a_missing_key_is_told(endpoint: Endpoint) -> None:
    error = refused(replace(endpoint, api_key=None), "Hi")

    assert error.message == f"{endpoint.base_url} wants a key, and none was sent (HTTP 401)"


def test_a_prompt_beyond_the_context_is_refused_with_how_much_is_too_much(endpoint: Endpoint) -> None:
    error = refused(endpoint, "word " * 2 * CONTEXT_TOKENS)

    told = re.search(r"the request is ([\d,]+) tokens too long: it has ([\d,]+) of prompt", error.message)
    assert told is not None, error.message
    excess, prompt = (int(number.replace(",", "")) for number in told.groups())
    assert prompt > 2 * CONTEXT_TOKENS
    assert excess == prompt - CONTEXT_TOKENS
    assert f"the context holds {CONTEXT_TOKENS:,}" in error.message


def test_a_model_of_another_name_is_answered_with_those_that_there_are(endpoint: Endpoint) -> None:
    error = refused(replace(endpoint, model="another"), "Hi")

    assert error.message == f"{endpoint.base_url} has no model another: it has {endpoint.model}"


def test_a_killed_api_process_takes_the_others_along_and_all_are_started_again(served: Served) -> None:
    first = running(served.state_dir)
    group = group_of(first)
    assert set(processes_of(group)) >= CHILDREN

    os.kill(group, signal.SIGKILL)

    assert wait_until(lambda: not processes_of(group))
    assert wait_until(lambda: (status(served.state_dir) or first).restarts != ())
    second = running(served.state_dir)
    assert group_of(second) != group
    assert set(processes_of(group_of(second))) >= CHILDREN
    assert ["SIGKILL" in restart.why for restart in second.restarts] == [True]
    assert chat_model(second.endpoint, max_tokens=4).invoke("Hi").text


def test_a_server_that_is_stopped_while_it_answers_ends_in_order_and_leaves_nothing(served: Served) -> None:
    deployment = running(served.state_dir)
    endpoint = deployment.endpoint
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": "Count."}],
        "stream": True,
        "max_tokens": CONTEXT_TOKENS - 100,
        "ignore_eos": True,
    }
    with httpx.stream(
        "POST",
        f"{endpoint.base_url}/chat/completions",
        json=body,
        headers=bearer(endpoint),
        timeout=60,
        trust_env=False,
    ) as answer:
        assert answer.status_code == 200
        next(answer.iter_lines())

        assert down(served.state_dir)

    assert processes_of(group_of(deployment)) == []
    assert not lives(deployment.supervisor)
    assert status(served.state_dir) is None
    # Within its grace: killed, it would not have come to its last words.
    assert any("Application shutdown complete." in line for line in logs(served.state_dir, lines=50))
