"""Which paths and methods there are: whoever asks for another is told the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.mcp_server.http.wire import bearer, headers_for, message

if TYPE_CHECKING:
    from tests.mcp_server.http.conftest import HttpServer, Tokens


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HACK"])
def test_other_methods_of_http_are_refused(guarded: HttpServer, tokens: Tokens, method: str) -> None:
    headers = {**headers_for(message("tools/list")), **bearer(tokens.reader)}
    response = httpx.request(method, guarded.url, headers=headers, trust_env=False, timeout=60)
    assert response.status_code == 405
    old = {**bearer(tokens.reader), "Accept": "text/event-stream"}
    assert httpx.request(method, guarded.url, headers=old, trust_env=False, timeout=60).status_code in {
        400,
        405,
    }


def test_method_that_a_path_does_not_take_is_refused_with_those_that_it_takes(
    guarded: HttpServer, tokens: Tokens
) -> None:
    for method, path, allowed in (("PUT", "/mcp", "POST"), ("DELETE", "/healthz", "GET")):
        response = httpx.request(
            method, guarded.root + path, headers=bearer(tokens.reader), trust_env=False, timeout=60
        )
        assert response.status_code == 405
        assert allowed in response.headers["allow"]
        assert f"this path takes {response.headers['allow']}" in response.json()["error"]["message"]


def test_who_calls_another_path_is_told_the_right_one(guarded: HttpServer) -> None:
    response = httpx.post(guarded.root, json={}, timeout=60, trust_env=False)
    assert response.status_code == 404
    assert "MCP is at /mcp" in response.json()["error"]["message"]


def test_path_with_a_slash_at_its_end_is_the_same(guarded: HttpServer, tokens: Tokens) -> None:
    asked = message("tools/list")
    headers = {**headers_for(asked), **bearer(tokens.reader)}
    response = httpx.post(f"{guarded.url}/", json=asked, headers=headers, timeout=60, trust_env=False)
    assert response.status_code == 200
    assert response.json()["result"]["tools"]
