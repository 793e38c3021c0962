"""A server that a person runs is asked what it can do by commands that talk to a model, and by no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.ports import free_port
from tests.cli.conftest import refused
from tests.deploy.raw_server import raw_server, reset

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint
    from tests.conftest import Home

QUESTION = "How much memory is saved by going from FP32 to INT8?"


@pytest.fixture
def named(home: Home, furnished: Home, bundled_endpoint: Endpoint) -> Home:
    """A house with the example library, whose settings name the bundled model's server."""
    home.environment.update(
        STILLROOM_DATA_DIR=str(furnished.data_dir),
        STILLROOM_CACHE_DIR=str(home.folder / "cache"),
        STILLROOM_ENDPOINT_URL=bundled_endpoint.base_url,
        STILLROOM_ENDPOINT_MODEL=bundled_endpoint.model,
    )
    return home


def test_status_and_doctor_say_what_the_named_server_can_do(named: Home, bundled_endpoint: Endpoint) -> None:
    told = named.json("status")["named_endpoint"]
    assert told["problem"] == ""
    assert told["endpoint"]["engine"] == "embedded"
    # The setting's 8,192 are more than the server has.
    assert told["endpoint"]["context_tokens"] == bundled_endpoint.context_tokens == 4096
    assert told["endpoint"]["capabilities"]["native_tools"] is False

    shown = named.run("status").stdout
    for line in ("tools        constrained", "JSON schema  yes", "context      4,096 tokens"):
        assert line in shown

    findings = {finding["subject"]: finding for finding in named.json("doctor")["findings"]}
    assert findings["endpoint_url"]["ok"] is True
    detail = findings["endpoint_url"]["detail"]
    assert "tools constrained (33 tokens of prompt, 33 with a tool definition" in detail
    assert "JSON schema yes, thinking no" in detail


def test_a_wish_for_a_way_of_calling_tools_wins_and_is_shown_beside_what_was_found(named: Home) -> None:
    named.environment["STILLROOM_AGENT_CALLING"] = "prompted"

    told = named.json("status")["named_endpoint"]["endpoint"]["capabilities"]
    assert (told["native_tools"], told["json_schema"]) == (False, False)
    (line,) = (line for line in named.run("status").stdout.splitlines() if line.startswith("tools"))
    assert line.split()[:6] == ["tools", "prompted", "as", "agent_calling", "says;", "auto"]
    findings = {finding["subject"]: finding for finding in named.json("doctor")["findings"]}
    assert "tools prompted (as agent_calling says; auto would be" in findings["endpoint_url"]["detail"]


def test_a_model_that_the_server_does_not_have_is_refused_with_those_that_it_has(named: Home) -> None:
    named.environment["STILLROOM_ENDPOINT_MODEL"] = "deepseek-r1:7b"

    refused(named.run("ask", QUESTION), "has no model deepseek-r1:7b: it has smollm2:135m")
    refused(named.run("chat", QUESTION), "STILLROOM_ENDPOINT_MODEL=smollm2:135m")
    assert "has no model deepseek-r1:7b" in named.json("status")["named_endpoint"]["problem"]


def test_a_model_that_is_not_named_is_asked_for_with_the_servers_own(named: Home) -> None:
    named.environment["STILLROOM_ENDPOINT_MODEL"] = ""

    refused(named.run("ask", QUESTION), "endpoint_model", "that server has smollm2:135m")


@pytest.mark.parametrize(
    "command", [("ask", QUESTION), ("chat", QUESTION), ("status",), ("doctor", "--json")]
)
def test_a_password_in_the_servers_address_is_not_told_where_its_model_is_not_named(
    home: Home, command: tuple[str, ...]
) -> None:
    port = free_port()
    home.environment["STILLROOM_ENDPOINT_URL"] = f"http://me:hush@127.0.0.1:{port}/v1"

    done = home.run(*command)

    assert f"endpoint_url is http://127.0.0.1:{port}/v1, but" in done.stdout + done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_where_nothing_listens_the_command_that_starts_an_engine_is_named(named: Home) -> None:
    named.environment["STILLROOM_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}/v1"

    refused(named.run("ask", QUESTION), "no model answers at", "stillroom up")
    assert "no model answers at" in named.run("status").stdout
    findings = {finding["subject"]: finding for finding in named.json("doctor")["findings"]}
    assert findings["endpoint_url"]["ok"] is False


def test_a_search_asks_no_server(named: Home) -> None:
    with raw_server(lambda _, connection: reset(connection)) as server:
        named.environment["STILLROOM_ENDPOINT_URL"] = f"{server.url}/v1"
        assert named.json("search", "INT8")
    assert server.requests == []


def test_the_record_of_an_engine_that_was_started_says_what_it_can_do(home: Home) -> None:
    done = home.run("up", "--bundled", "--context", "1024")
    try:
        assert done.returncode == 0, done.stderr
        assert "tools        constrained" in done.stdout
        capabilities = home.json("status")["deployment"]["endpoint"]["capabilities"]
        assert capabilities["context_tokens"] == 1024
        assert {item["name"] for item in capabilities["findings"]} >= {"server", "tools", "thinking"}
    finally:
        home.run("down")
