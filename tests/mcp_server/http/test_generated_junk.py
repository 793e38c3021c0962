"""Generated junk in every place where a client may write: never a 5xx, never silence, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mcp_server.http.wire import VERSION, bearer, headers_for, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mcp_server.http.conftest import HttpServer, Tokens

# Each example is a request to a real process; its time depends on the machine.
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(
    [
        "tools/list",
        "tools/call",
        "resources/read",
        "resources/list",
        "prompts/get",
        "completion/complete",
        "server/discover",
        "initialize",
        "ping",
        "logging/setLevel",
    ]
)
TOOLS = st.sampled_from(["search_library", "read_document", "list_sources", "ask_library", "run_agent"])
# Visible ASCII, as HTTP lets through.
HEADER = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)


Post = Callable[[bytes, Mapping[str, str]], httpx.Response]


@pytest.fixture(scope="module")
def post(guarded: HttpServer, tokens: Tokens) -> Iterator[Post]:
    """Sends bytes under headers, with the token of one who may everything."""
    with httpx.Client(timeout=120, trust_env=False) as client:
        yield lambda body, headers: client.post(
            guarded.url, content=body, headers={**bearer(tokens.owner), **headers}
        )


@pytest.fixture(autouse=True)
def nothing_broke(guarded: HttpServer, tokens: Tokens) -> Iterator[None]:
    yield
    guarded.require_alive(tokens.owner)
    assert "Traceback" not in guarded.logged
    assert tokens.owner not in guarded.logged


def dumped(value: Any) -> bytes:  # noqa: ANN401 -- whatever was generated
    return json.dumps(value).encode("utf-8", "surrogatepass")


@quick
@given(body=st.binary(max_size=300) | JSON.map(dumped), version=st.sampled_from([VERSION, "2025-11-25", ""]))
def test_any_body_is_answered(post: Post, body: bytes, version: str) -> None:
    headers = {**headers_for(message("tools/list"))}
    if version:
        headers["Mcp-Protocol-Version"] = version
    else:
        del headers["Mcp-Protocol-Version"]
    assert post(body, headers).status_code in {202, 400, 404}


@quick
@given(method=METHODS | st.text(max_size=30), params=JSON, request_id=JSON)
def test_any_message_is_answered(post: Post, method: str, params: object, request_id: object) -> None:
    honest = message("tools/list")
    if isinstance(params, dict):
        params = {**params, "_meta": honest["params"]["_meta"]}
    sent = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    headers = {**headers_for(honest)}
    # No client sends a header with blanks at its ends.
    fits = method.isascii() and method.isprintable() and method == method.strip()
    headers["Mcp-Method"] = method if fits else "tools/list"
    response = post(dumped(sent), headers)
    assert response.status_code in {200, 202, 400, 404}
    if response.status_code != 202:
        assert "jsonrpc" in response.text


@quick
@given(tool=TOOLS, arguments=st.dictionaries(st.text(max_size=20), JSON, max_size=3))
def test_any_arguments_are_answered(post: Post, tool: str, arguments: dict[str, Any]) -> None:
    asked = message("tools/call", name=tool, arguments=arguments)
    headers = {**headers_for(asked)}
    response = post(dumped(asked), headers)
    assert response.status_code in {200, 400}


@quick
@given(
    name=st.sampled_from(
        [
            "Host",
            "Origin",
            "Authorization",
            "Accept",
            "Content-Type",
            "Mcp-Session-Id",
            "Mcp-Name",
            "X-Request-Id",
        ]
    ),
    value=HEADER,
    version=st.sampled_from([VERSION, "2025-11-25"]),
)
def test_any_header_is_answered(post: Post, name: str, value: str, version: str) -> None:
    headers = {
        **headers_for(message("tools/list")),
        "Mcp-Protocol-Version": version,
        name: value,
    }
    response = post(dumped(message("tools/list")), headers)
    assert response.status_code in {200, 400, 401, 403, 404, 406, 421}


@quick
@given(uri=st.text(max_size=80) | st.text(max_size=60).map("library://documents/".__add__))
def test_any_resource_is_answered(post: Post, uri: str) -> None:
    asked = message("resources/read", uri=uri)
    headers = {**headers_for(asked)}
    response = post(dumped(asked), headers)
    assert response.status_code in {200, 400, 404}
