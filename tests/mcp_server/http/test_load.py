"""Five hundred calls at once: each is answered or told to come again, and the server goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx

from tests.mcp_server.http.wire import bearer, call, headers_for

if TYPE_CHECKING:
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
