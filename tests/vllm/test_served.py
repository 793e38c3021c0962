"""What the real vLLM answers, through the chat model and over HTTP; then how it is started again and stopped.

One server serves the whole file: the last two tests kill it and take it down.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.chat import chat_model, json_schema_option
from deploy.deployment import lives
from deploy.spec import GIB
from deploy.supervise import activity, down, logs, measure, status, up
from tests.vllm.conftest import API_KEY, CHILDREN, CONTEXT_TOKENS, group_of, processes_of, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.deployment import Deployment
    from deploy.endpoint import Endpoint
    from tests.vllm.conftest import Job

pytestmark = pytest.mark.timeout(900)

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
def served(job: Callable[..., Job], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
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


def bearer(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"}


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

    chunks = [chunk.text for chunk in model.stream("Count from one to five.")]

    assert len(chunks) > 3
    assert "".join(chunks) == model.invoke("Count from one to five.").text


def test_what_was_asked_and_answered_is_counted(served: Served, endpoint: Endpoint) -> None:
    before = activity(served.deployment)
    chat_model(endpoint, max_tokens=8).invoke("Name a colour.")
    after = activity(served.deployment)

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


def test_embeddings_of_a_generating_model_are_refused(endpoint: Endpoint) -> None:
    response = post(endpoint, "/embeddings", input="a text")

    assert response.status_code == 404
    assert response.json() == {"detail": "Not Found"}


def test_a_wrong_key_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(Exception, match="401"):
        chat_model(replace(endpoint, api_key="another key"), max_tokens=16).invoke("Hi")


def test_a_prompt_beyond_the_context_is_refused_with_its_length(endpoint: Endpoint) -> None:
    with pytest.raises(Exception, match=f"{CONTEXT_TOKENS} tokens"):
        chat_model(endpoint, max_tokens=16).invoke("word " * 2 * CONTEXT_TOKENS)


def test_a_model_of_another_name_is_not_found(endpoint: Endpoint) -> None:
    with pytest.raises(Exception, match="does not exist"):
        chat_model(replace(endpoint, model="another"), max_tokens=16).invoke("Hi")


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
