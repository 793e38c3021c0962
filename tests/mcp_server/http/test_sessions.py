"""How many sessions one caller has, and that no caller keeps another from opening one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from mcp.server.auth.provider import AccessToken
from starlette.responses import Response

from mcp_server.http.exchange import exchange_of
from mcp_server.http.sessions import HEADER, SESSIONS_SHARE, Sessions
from tests.mcp_server.http.test_hostile_requests import opened_session

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tests.mcp_server.http.conftest import HttpServer, Tokens

OLD = {"Mcp-Protocol-Version": "2025-11-25"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


class Endpoint:
    """Opens and ends sessions as the SDK does; a GET lasts until it is let go."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.made = 0
        self.listening = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        session = dict(scope["headers"]).get(HEADER.encode(), b"").decode()
        if not session:
            self.made += 1
            session = f"s{self.made}"
            self.open.append(session)
        if session not in self.open:
            await Response(status_code=404)(scope, receive, send)
            return
        if scope["method"] == "DELETE":
            self.open.remove(session)
        if scope["method"] == "GET":
            self.listening += 1
            await self.go.wait()
        await Response(headers={HEADER: session})(scope, receive, send)


async def ask(app: Sessions, caller: str, session: str = "", method: str = "POST") -> httpx.Response:
    """One request: without a session, one that opens it."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).token = AccessToken(token="", client_id=caller, scopes=[])
        exchange_of(scope).message = "" if session else "initialize"
        await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(told), base_url="http://test") as client:
        return await client.request(method, "/", headers={HEADER: session} if session else {})


def test_beyond_its_share_a_caller_loses_the_session_that_it_used_longest_ago() -> None:
    async def run() -> list[str]:
        endpoint = Endpoint()
        ticks = iter(range(1000))
        app = Sessions(endpoint, share=3, clock=lambda: float(next(ticks)))
        assert (await ask(app, "other")).status_code == 200
        for _ in range(3):
            assert (await ask(app, "greedy")).status_code == 200
        await ask(app, "greedy", "s2")
        for _ in range(2):
            assert (await ask(app, "greedy")).status_code == 200
        return endpoint.open

    assert asyncio.run(run()) == ["s1", "s2", "s5", "s6"]


def test_caller_whose_sessions_are_all_in_use_is_told_when_to_come_again() -> None:
    async def run() -> tuple[int, str, int]:
        endpoint = Endpoint()
        app = Sessions(endpoint, share=1)
        await ask(app, "greedy")
        listening = asyncio.create_task(ask(app, "greedy", "s1", "GET"))
        async with asyncio.timeout(60):
            while not endpoint.listening:  # noqa: ASYNC110 -- it has no event
                await asyncio.sleep(0)
        refused = await ask(app, "greedy")
        other = await ask(app, "other")
        endpoint.go.set()
        await listening
        assert (await ask(app, "greedy")).status_code == 200
        return refused.status_code, refused.headers["retry-after"], other.status_code

    assert asyncio.run(run()) == (429, "60", 200)


def test_sessions_that_were_ended_or_expired_are_forgotten() -> None:
    async def run() -> list[int]:
        endpoint = Endpoint()
        now = 0.0
        app = Sessions(endpoint, most=2, share=2, idle_seconds=10, clock=lambda: now)
        statuses = [(await ask(app, name)).status_code for name in ("a", "b", "c")]
        await ask(app, "a", "s1", "DELETE")
        statuses += [(await ask(app, name)).status_code for name in ("c", "d")]
        now = 11.0
        return [*statuses, (await ask(app, "d")).status_code]

    assert asyncio.run(run()) == [200, 200, 429, 200, 429, 200]


def test_token_that_opens_sessions_in_a_loop_keeps_no_other_out(guarded: HttpServer, tokens: Tokens) -> None:
    first = opened_session(guarded, tokens.writer)
    for _ in range(SESSIONS_SHARE):
        last = opened_session(guarded, tokens.writer)
    other = opened_session(guarded, tokens.reader)

    def status(token: str, session: str) -> int:
        return guarded.send(LIST, token, headers={**OLD, "Mcp-Session-Id": session}).status_code

    assert status(tokens.writer, first) == 404
    assert status(tokens.writer, last) == 200
    assert status(tokens.reader, other) == 200
    assert "ERROR" not in guarded.logged


def test_refusal_without_a_session_names_none(guarded: HttpServer, tokens: Tokens) -> None:
    response = guarded.send(LIST, tokens.reader, headers=OLD)
    assert response.status_code == 400
    assert HEADER not in response.headers
