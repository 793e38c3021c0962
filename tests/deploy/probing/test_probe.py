"""The real embedded engine is asked what it can do, in a few requests, and the answer is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.endpoint import Capabilities, Endpoint
from deploy.ports import free_port
from deploy.probing.kept import FILE_NAME
from deploy.probing.probe import probed, probed_or_planned
from stillroom.errors import ModelError
from tests.deploy.probing.standing_in import NOT_FOUND, endpoint, found, recorded, serving
from tests.deploy.raw_server import raw_server, reply, reset

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.deploy.raw_server import Request


def named(bundled: Endpoint, **fields: object) -> Endpoint:
    """The same server as a person names it in the settings: nothing is known of it."""
    return replace(bundled, engine="vllm", context_tokens=8192, capabilities=Capabilities(), **fields)  # type: ignore[arg-type]


def through(bundled: Endpoint) -> Callable[[Request, socket.socket], None]:
    """Hands requests on to the real engine, so that they can be counted."""

    def answer(request: Request, connection: socket.socket) -> None:
        url = bundled.base_url.removesuffix("/v1") + request.path
        response = httpx.request(request.method, url, json=request.body, timeout=60)
        headers = {"Server": response.headers["Server"]}
        connection.sendall(reply(response.text, status=response.status_code, **headers))

    return answer


def test_the_real_engine_shows_what_it_can_do(bundled_endpoint: Endpoint) -> None:
    asked = probed(named(bundled_endpoint))
    told = found(asked)

    assert asked.engine == "embedded"
    assert asked.capabilities.native_tools is False
    assert asked.capabilities.json_schema is True
    assert asked.capabilities.reasoning is False
    assert asked.capabilities.embeddings is False
    assert told["server"][0].startswith("llama.cpp")
    # Its template never shows tools: a request with one is answered all the same.
    assert told["tools"] == (
        "constrained",
        "33 tokens of prompt, 33 with a tool definition: the model never sees it",
    )
    assert told["JSON schema"] == ("yes", "an answer kept to one")
    assert told["thinking"][0] == "no"
    assert "does not support embeddings" in told["embeddings"][1]


def test_where_the_real_engine_counts_no_tokens_the_model_is_told_to_call(bundled_endpoint: Endpoint) -> None:
    def uncounting(request: Request, connection: socket.socket) -> None:
        url = bundled_endpoint.base_url.removesuffix("/v1") + request.path
        response = httpx.request(request.method, url, json=request.body, timeout=60)
        body = response.json()
        if isinstance(body, dict):
            body.pop("usage", None)
        headers = {"Server": response.headers["Server"]}
        connection.sendall(reply(body, status=response.status_code, **headers))

    with raw_server(uncounting) as server:
        asked = probed(endpoint(server.url, bundled_endpoint.model))

    assert not asked.capabilities.native_tools
    way, how = found(asked)["tools"]
    assert way == "constrained"
    assert how.startswith("the server does not count the prompt's tokens; ")
    told = [request.body for request in server.requests if "tools" in (request.body or {})]
    assert 2 <= len(told) <= 3
    assert sum(body["max_tokens"] for body in told) <= 1 + 64 + 64


def test_the_context_is_the_smaller_of_the_setting_and_the_servers(bundled_endpoint: Endpoint) -> None:
    larger, smaller = (replace(named(bundled_endpoint), context_tokens=tokens) for tokens in (8192, 1024))

    told = probed(larger)
    assert (told.context_tokens, told.capabilities.context_tokens) == (4096, 4096)
    assert found(told)["context"] == ("4,096 tokens", "/props: n_ctx of one slot; 8,192 were asked for")

    told = probed(smaller)
    assert (told.context_tokens, told.capabilities.context_tokens) == (1024, 4096)
    assert found(told)["context"][1] == "of the server's 4,096 (/props: n_ctx of one slot)"


def test_it_takes_a_handful_of_requests_and_few_tokens(bundled_endpoint: Endpoint, tmp_path: Path) -> None:
    with raw_server(through(bundled_endpoint)) as server:
        probed(endpoint(server.url, bundled_endpoint.model), cache_dir=tmp_path)
        first = list(server.requests)
        probed(endpoint(server.url, bundled_endpoint.model), cache_dir=tmp_path)

    written = [request.body["max_tokens"] for request in first if "max_tokens" in (request.body or {})]
    assert len(first) <= 8
    assert len(written) == 3
    assert sum(written) < 50
    # The second time it is only asked who it is.
    assert [request.path for request in server.requests[len(first) :]] == ["/v1/models", "/props"]


def test_a_kept_report_is_used_until_it_is_asked_anew(bundled_endpoint: Endpoint, tmp_path: Path) -> None:
    asked = probed(named(bundled_endpoint), cache_dir=tmp_path)
    kept = json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))
    (entry,) = kept["entries"].values()
    entry["report"]["tools"] = {"value": True, "how": "somebody said so"}
    (tmp_path / FILE_NAME).write_text(json.dumps(kept), encoding="utf-8")

    assert probed(named(bundled_endpoint), cache_dir=tmp_path).capabilities.native_tools is True
    assert probed(named(bundled_endpoint), cache_dir=tmp_path, anew=True) == asked
    again = probed(named(bundled_endpoint), cache_dir=tmp_path)
    assert again == asked
    assert again.capabilities.identity == asked.capabilities.identity == next(iter(kept["entries"]))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99, "entries": {}}', '{"version": 1}'])
def test_a_damaged_cache_is_ignored_and_written_anew(
    bundled_endpoint: Endpoint, tmp_path: Path, content: str
) -> None:
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")

    probed(named(bundled_endpoint), cache_dir=tmp_path)

    assert len(json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))["entries"]) == 1


def test_a_cache_that_cannot_be_written_is_no_failure(bundled_endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    assert probed(named(bundled_endpoint), cache_dir=tmp_path / "file").capabilities.findings


def test_a_wrong_model_name_names_the_model_that_is_there(bundled_endpoint: Endpoint) -> None:
    # llama.cpp itself answers to any name.
    with pytest.raises(ModelError, match=f"has no model r1: it has {bundled_endpoint.model}$") as caught:
        probed(replace(named(bundled_endpoint), model="r1"))
    assert f"STILLROOM_ENDPOINT_MODEL={bundled_endpoint.model}" in caught.value.hint


def test_where_nothing_listens_the_address_and_the_command_are_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(ModelError, match=f"no model answers at {url}/v1") as caught:
        probed(endpoint(url))
    assert "stillroom up" in caught.value.hint


def test_a_server_that_dies_while_it_is_asked_is_an_error() -> None:
    def answer(request: Request, connection: socket.socket) -> None:
        if request.path == "/v1/models":
            connection.sendall(reply(recorded("vllm/models")[1]))
        elif request.method == "GET":
            connection.sendall(reply(NOT_FOUND[1], status=404))
        else:
            reset(connection)

    with raw_server(answer) as server, pytest.raises(ModelError, match="broke off"):
        probed(endpoint(server.url))


def test_an_engine_of_ours_that_cannot_be_asked_stays_as_it_was_planned() -> None:
    planned = replace(
        endpoint(f"http://127.0.0.1:{free_port()}"),
        capabilities=Capabilities(native_tools=True, reasoning=True),
    )

    told = probed_or_planned(planned)

    assert told.capabilities.native_tools
    assert told.capabilities.reasoning
    assert found(told)["server"][0] == "not asked"


def test_what_is_known_of_the_model_stays_where_a_few_tokens_do_not_show_it(
    bundled_endpoint: Endpoint,
) -> None:
    known = replace(bundled_endpoint, capabilities=Capabilities(reasoning=True, languages=("zh",)))

    told = probed(known)

    assert told.capabilities.reasoning
    assert told.capabilities.languages == ("zh",)
    assert found(told)["thinking"][1].startswith("the catalog says so")


def test_a_web_page_is_no_endpoint() -> None:
    with (
        raw_server(serving(lambda _: (200, "<html><title>Router</title></html>"))) as server,
        pytest.raises(ModelError, match='no chat answer of tiny: a web page, "Router"') as caught,
    ):
        probed(endpoint(server.url))
    assert "/v1" in caught.value.hint
