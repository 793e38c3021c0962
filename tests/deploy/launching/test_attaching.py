"""Using a server that somebody else started: recorded answers of a vLLM that served one model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.engines import EngineHomes, engine
from deploy.engines.base import LaunchOptions, attached
from deploy.engines.vllm import VllmHome
from deploy.exports.shell_script import shell_script
from deploy.launching.attaching import attached_to
from deploy.spec import Workload
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.plan import Plan


def test_the_planned_model_is_used_under_the_name_that_the_server_gives_it(
    bundled_plan: Plan, replay: Callable[..., Any]
) -> None:
    server = replay("vllm/models")  # serves "tiny", loaded from "models/smollm2"
    plan = replace(bundled_plan, engine="vllm", model_id="models/smollm2", workload=Workload(2048, 1))
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))

    spec = attached_to(own, plan, url=server.url)

    assert spec.argv == ()
    assert spec.served_model == "tiny"
    assert spec.base_url == f"{server.url}/v1"
    assert spec.activity_url == f"{server.url}/metrics"
    assert spec.stop_argv == ()


def test_a_server_of_another_model_names_what_it_serves_and_how_to_use_that(
    bundled_plan: Plan, replay: Callable[..., Any]
) -> None:
    server = replay("vllm/models")
    plan = replace(bundled_plan, engine="vllm", model_tag="qwen3:8b", model_id="Qwen/Qwen3-8B")
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))

    with pytest.raises(EngineError, match=r"serves tiny.*, and the plan is for Qwen/Qwen3-8B") as caught:
        attached_to(own, plan, url=server.url)

    assert f"STILLROOM_ENDPOINT_URL={server.url}/v1" in caught.value.hint


def test_a_name_and_password_in_the_address_are_used_and_never_shown(
    bundled_plan: Plan, replay: Callable[..., Any]
) -> None:
    server = replay("vllm/models")
    url = server.url.replace("://", "://me:hush@")
    plan = replace(bundled_plan, engine="vllm", model_tag="qwen3:8b", model_id="Qwen/Qwen3-8B")
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))

    with pytest.raises(EngineError, match=r"serves tiny") as caught:
        attached_to(own, plan, url=url)
    there = attached(own, url=url)
    with pytest.raises(EngineError, match=r"runs already") as no_script:
        shell_script(there, title="a title")

    assert there.base_url == f"{url}/v1"
    assert there.address == f"{server.url}/v1"
    for error in (caught.value, no_script.value):
        assert server.url in error.message
        assert "hush" not in error.message + error.hint


def test_a_server_with_less_context_than_planned_is_refused_with_what_it_has(
    bundled_plan: Plan, replay: Callable[..., Any]
) -> None:
    server = replay("vllm/models")
    plan = replace(bundled_plan, engine="vllm", model_tag="tiny", workload=Workload(8192, 1))
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))

    with pytest.raises(EngineError, match="with 2048 tokens of context, and the plan is for 8192") as caught:
        attached_to(own, plan, url=server.url)

    assert caught.value.hint == "stillroom up --context 2048"


def test_a_running_vllm_is_found_by_its_setting(replay: Callable[..., Any]) -> None:
    server = replay("vllm/version")

    found = engine("vllm", EngineHomes(vllm=VllmHome(url=server.url))).availability()

    assert found.installed
    assert found.version == "0.32.0"
    assert found.running_url == server.url


def test_a_setting_that_nothing_answers_at_says_what_to_do() -> None:
    found = engine("vllm", EngineHomes(vllm=VllmHome(url="http://127.0.0.1:9"))).availability()

    assert not found.installed
    assert found.detail == "no vLLM answers at http://127.0.0.1:9"
    assert "STILLROOM_VLLM_URL" in found.install_hint
