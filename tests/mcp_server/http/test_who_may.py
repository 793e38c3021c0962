"""Who is let in to do what: tokens, scopes, hosts and origins, as a client sees it on the wire."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from mcp_server.http.forwarded import Forwarded
from tests.mcp_server.http.conftest import HttpServer, serving
from tests.mcp_server.http.wire import bearer, call, headers_for, message
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from tests.mcp_server.http.conftest import Tokens


def metadata_url(refused: httpx.Response) -> str:
    """Where a refusal says that RFC 9728's document is."""
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    return challenge.partition('resource_metadata="')[2].partition('"')[0]


def test_request_without_a_token_is_told_that_one_is_needed_and_where_that_is_written(
    guarded: HttpServer,
) -> None:
    response = guarded.send(message("tools/list"))

    assert response.status_code == 401
    # RFC 6750 wants no error's code where nothing was presented.
    assert "error" not in response.headers["www-authenticate"]
    assert "stillroom mcp token add NAME" in response.json()["error"]["message"]
    written = httpx.get(metadata_url(response), trust_env=False, timeout=60).json()
    assert written["resource"] == guarded.url
    assert written["authorization_servers"] == [f"{guarded.root}/"]
    assert written["scopes_supported"] == ["read", "ingest", "agent"]
    assert written["bearer_methods_supported"] == ["header"]


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "[::1]"])
def test_metadata_name_the_server_as_the_client_called_it(guarded: HttpServer, name: str) -> None:
    host = {"Host": f"{name}:{guarded.port}"}
    refused = guarded.send(message("tools/list"), headers=host)
    root = f"http://{name.lower()}:{guarded.port}"
    assert metadata_url(refused) == f"{root}/.well-known/oauth-protected-resource/mcp"
    there = f"{guarded.root}/.well-known/oauth-protected-resource/mcp"
    written = httpx.get(there, headers=host, trust_env=False, timeout=60).json()
    assert (written["resource"], written["authorization_servers"]) == (f"{root}/mcp", [f"{root}/"])


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer",
        "Basic cmVhZGVyOnJlYWRlcg==",
        "stillroom_x",
        "Bearer \xff\xfe",
        "Bearer " + "x" * 8000,
    ],
)
def test_wrong_token_is_refused(guarded: HttpServer, header: str) -> None:
    asked = message("tools/list")
    headers = {**headers_for(asked), "Authorization": header}
    sent = {name.encode("ascii"): value.encode("latin-1") for name, value in headers.items()}
    response = httpx.post(guarded.url, json=asked, headers=sent, trust_env=False, timeout=60)
    assert response.status_code == 401
    presented = header.startswith("Bearer ")
    challenge = response.headers["www-authenticate"]
    assert ('error="invalid_token", error_description="there is no such token' in challenge) is presented


def test_token_in_the_address_is_no_token_and_is_not_logged(guarded: HttpServer, tokens: Tokens) -> None:
    asked = message("tools/list")
    for place in (f"?token={tokens.owner}", f"?access_token={tokens.owner}", f"/{tokens.owner}"):
        response = httpx.post(
            guarded.url + place, json=asked, headers=headers_for(asked), trust_env=False, timeout=60
        )
        assert response.status_code in {401, 404}
    assert tokens.owner not in guarded.logged


def test_every_token_may_read(guarded: HttpServer, tokens: Tokens) -> None:
    for token in (tokens.reader, tokens.writer, tokens.owner):
        response = guarded.send(call("list_sources"), token)
        assert response.status_code == 200
        assert response.json()["result"]["isError"] is False


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_is_of_any_case(guarded: HttpServer, tokens: Tokens, scheme: str) -> None:
    header = {"Authorization": f"{scheme} {tokens.reader}"}
    assert guarded.send(message("tools/list"), headers=header).status_code == 200


@pytest.mark.parametrize(("tool", "scope"), [("ingest", "ingest"), ("run_agent", "agent")])
def test_call_beyond_the_tokens_scopes_is_refused_with_the_scope_it_needs(
    guarded: HttpServer, tokens: Tokens, tool: str, scope: str
) -> None:
    asked = call(tool, question="x", path="/etc")
    response = guarded.send(asked, tokens.reader)

    assert response.status_code == 403
    assert response.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="read {scope}"'
    error = response.json()
    assert error["id"] == asked["id"]
    assert error["error"]["message"] == (
        f"{tool} needs the scope '{scope}', and the token 'reader' has read;"
        f" try: stillroom mcp token add NAME --scope {scope}"
    )


def test_call_within_the_tokens_scopes_is_served(guarded: HttpServer, tokens: Tokens) -> None:
    response = guarded.send(call("run_agent", question="x"), tokens.owner)
    assert response.status_code == 200
    assert "none is running" in response.text


def test_job_belongs_to_the_token_that_started_it(
    guarded: HttpServer, tokens: Tokens, library_dir: Path
) -> None:
    started = guarded.send(call("ingest", paths=[str(library_dir.parent / "sources")]), tokens.writer).json()
    job = started["result"]["structuredContent"]["job_id"]

    def of(token: str, tool: str) -> dict[str, Any]:
        wait = {"wait_seconds": 0} if tool == "job_status" else {}
        result: dict[str, Any] = guarded.send(call(tool, job_id=job, **wait), token).json()["result"]
        return result

    for tool in ("job_status", "cancel_job"):
        refused = of(tokens.owner, tool)
        assert refused["isError"] is True
        assert "there is no job" in refused["content"][0]["text"]
    assert of(tokens.writer, "job_status")["structuredContent"]["state"] in {"queued", "running"}
    cancelled = of(tokens.writer, "cancel_job")
    assert cancelled["isError"] is False


def test_files_outside_the_folders_that_are_allowed_are_not_ingested(
    guarded: HttpServer, tokens: Tokens
) -> None:
    for path in ("/etc", "/etc/passwd", "../..", "~/.ssh"):
        result = guarded.send(call("ingest", paths=[path]), tokens.owner).json()["result"]
        assert result["isError"] is True, path


def test_scope_is_asked_for_whatever_the_headers_say_of_the_call(guarded: HttpServer, tokens: Tokens) -> None:
    asked = call("run_agent", question="x")
    response = guarded.send(asked, tokens.reader, headers={"Mcp-Name": "list_sources"})
    assert response.status_code == 403
    # Nor can a batch, which no revision in use has, carry one past the look at the message.
    batch = httpx.post(
        guarded.url,
        json=[asked, asked],
        headers={**headers_for(asked), **bearer(tokens.reader)},
        trust_env=False,
        timeout=60,
    )
    assert batch.status_code == 400


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8620", "127.0.0.1.evil.example", "localhost.evil.example:80", ""],
)
@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resource/mcp", "/elsewhere"])
def test_foreign_host_is_refused_before_anything_else(guarded: HttpServer, host: str, path: str) -> None:
    response = httpx.get(guarded.root + path, headers={"Host": host}, trust_env=False)
    assert response.status_code == 421
    assert "--allow-host NAME" in response.json()["error"]["message"]


@pytest.mark.parametrize("host", ["127.0.0.1:x", "localhost:99999", 'localhost:1"', "localhost:1, evil"])
def test_host_whose_port_is_none_is_refused(guarded: HttpServer, host: str) -> None:
    response = httpx.get(guarded.url, headers={"Host": host}, trust_env=False)
    assert response.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1", "[::1]:8620"])
def test_this_machines_names_are_taken(guarded: HttpServer, tokens: Tokens, host: str) -> None:
    assert guarded.send(message("tools/list"), tokens.reader, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "file://", "http://127.0.0.1.nip.io"],
)
def test_foreign_origin_is_refused_also_with_a_token(
    guarded: HttpServer, unguarded: HttpServer, tokens: Tokens, origin: str
) -> None:
    for server, token in ((guarded, tokens.owner), (unguarded, "")):
        response = server.send(message("tools/list"), token, headers={"Origin": origin})
        assert response.status_code == 403
        assert "--allow-origin ORIGIN" in response.json()["error"]["message"]


def test_page_of_this_machine_is_let_in(unguarded: HttpServer) -> None:
    response = unguarded.send(message("tools/list"), headers={"Origin": "http://localhost:6274"})
    assert response.status_code == 200
    # But no browser lets its script read the answer: no origin was allowed by name.
    assert "access-control-allow-origin" not in response.headers


def test_proxy_before_a_server_that_asks_nobody_is_refused(unguarded: HttpServer) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        response = unguarded.send(message("tools/list"), headers={header: "203.0.113.7"})
        assert response.status_code == 403
        assert "a proxy stands before a server that asks for no token" in response.text


def test_forwarded_address_is_believed_of_a_trusted_proxy_alone(guarded: HttpServer, tokens: Tokens) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert guarded.send(message("tools/list"), tokens.reader, headers=forwarded).status_code == 200
    assert "203.0.113.7" not in guarded.logged

    trusting = ("--trust-proxy", "127.0.0.1", "--allow-origin", "https://app.example")
    public = ("--public-url", "https://box.example/mcp")
    with serving("--tokens", str(tokens.file.path), *trusting, *public) as server:
        assert server.url == "https://box.example/mcp"
        server.url = f"http://127.0.0.1:{server.port}/mcp"
        unknown = server.send(message("tools/list"), headers={"Host": "box.example"})
        assert unknown.status_code == 401
        metadata = "https://box.example/.well-known/oauth-protected-resource/mcp"
        assert metadata in unknown.headers["www-authenticate"]
        slashed = f"{server.url}/"
        assert httpx.get(slashed, headers={"Host": "box.example"}, trust_env=False).status_code == 401
        page = {"Origin": "https://app.example", **forwarded}
        response = server.send(message("tools/list"), tokens.reader, headers=page)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert wait_until(lambda: " 203.0.113.7 reader POST /mcp tools/list 200 " in server.logged)
        preflight = httpx.options(
            server.url,
            headers={
                "Origin": "https://app.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
            trust_env=False,
        )
        assert preflight.status_code == 200


@pytest.mark.parametrize("forged", ["x\x1b[31mRED y", "a b - POST /mcp 200 FAKE", "fe80::1%a b", "unknown"])
def test_forwarded_address_that_is_none_is_not_taken_over(forged: str) -> None:
    seen: list[tuple[str, int]] = []

    async def served(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["client"])

    def sent(value: str) -> Scope:
        headers = [(b"x-forwarded-for", value.encode("latin-1"))]
        return {"type": "http", "client": ("10.0.0.1", 7), "scheme": "http", "headers": headers}

    layer = Forwarded(served, ["10.0.0.0/8"])
    for value in (forged, f"203.0.113.7, {forged}", f"{forged}, 203.0.113.7", "2001:db8::7"):
        asyncio.run(layer(sent(value), cast("Receive", None), cast("Send", None)))
    assert [client[0] for client in seen] == ["10.0.0.1", "10.0.0.1", "203.0.113.7", "2001:db8::7"]


def test_revoked_token_is_refused_by_the_running_server(guarded: HttpServer, tokens: Tokens) -> None:
    token = tokens.add("passing")
    assert guarded.send(message("tools/list"), token).status_code == 200
    tokens.file.revoke("passing")
    refused = guarded.send(message("tools/list"), token)
    assert refused.status_code == 401
    assert "or was revoked" in refused.json()["error"]["message"]
    guarded.require_alive(tokens.reader)


def test_health_is_told_to_anybody_by_any_name_and_says_nothing_else(guarded: HttpServer) -> None:
    response = httpx.get(f"{guarded.root}/healthz", headers={"Host": "10.1.2.3:80"}, trust_env=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "server" not in response.headers
    assert "GET /healthz" not in guarded.logged


def test_tokens_and_what_is_asked_are_never_logged(guarded: HttpServer, tokens: Tokens) -> None:
    guarded.send(call("search_library", query="canary in the question"), tokens.reader)
    guarded.send(call("run_agent", question="canary in the question"), tokens.reader)
    guarded.send(message("canary/method-that-is-none"), tokens.reader)
    assert wait_until(lambda: "reader POST /mcp canary/method-that-is-none 404" in guarded.logged)
    for token in (tokens.reader, tokens.writer, tokens.owner):
        assert token not in guarded.logged
        assert token.removeprefix("stillroom_")[:12] not in guarded.logged
    assert "canary in" not in guarded.logged
    assert "reader POST /mcp tools/call search_library 200" in guarded.logged
