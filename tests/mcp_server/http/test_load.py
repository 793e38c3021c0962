"""Many calls at once: each is answered or told to come again, nobody starves, and the server goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx

from tests.mcp_server.http.conftest import serving
from tests.mcp_server.http.test_end import Listener
from tests.mcp_server.http.wire import bearer, call, headers_for
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mcp_server.http.conftest import HttpServer, Tokens

CALLS = 500


def test_five_hundred_calls_at_once_are_answered_or_told_to_come_again(
    guarded: HttpServer, tokens: Tokens
) -> None:
    async def one(client: httpx.AsyncClient) -> httpx.Response:
        asked = call("list_sources")
        headers = {**headers_for(asked), **bearer(tokens.reader)}
        return await client.post(guarded.url, json=asked, headers=headers)

    async def every() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=CALLS)
        async with httpx.AsyncClient(limits=limits, timeout=240, trust_env=False) as client:
            return await asyncio.gather(*(one(client) for _ in range(CALLS)))

    guarded.require_alive(tokens.reader)
    responses = asyncio.run(every())

    statuses = Counter(response.status_code for response in responses)
    assert set(statuses) <= {200, 503}
    # 64 are at work, and more wait: never is everyone sent away.
    assert statuses[200] >= 64
    for response in responses:
        if response.status_code == 200:
            assert response.json()["result"]["isError"] is False
        else:
            assert int(response.headers["retry-after"]) > 0
    guarded.require_alive(tokens.reader)
    assert "Traceback" not in guarded.logged


def test_a_token_that_takes_every_place_it_can_keeps_no_other_waiting(
    tokens: Tokens, library_dir: Path
) -> None:
    asked = call("plan_deployment")
    with serving("--tokens", str(tokens.file.path), "--library", str(library_dir)) as server:
        headers = {**headers_for(asked), **bearer(tokens.reader)}
        greedy = [Listener(server, asked, headers) for _ in range(10)]
        assert wait_until(lambda: server.logged.count("waiting for ever") == 3, 60)

        answered = server.send(call("list_sources"), tokens.writer)

        assert answered.json()["result"]["isError"] is False
        assert not any(one.ended(0) for one in greedy)
        assert server.logged.count("waiting for ever") == 3
