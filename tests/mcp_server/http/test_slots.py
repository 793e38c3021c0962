"""How many requests are at work at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
from starlette.responses import PlainTextResponse

from mcp_server.http.exchange import exchange_of
from mcp_server.http.slots import Slots

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Work:
    """An application that works until it is let go, and counts how many requests it works on."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.at_work = 0
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        try:
            await self.go.wait()
            await PlainTextResponse("done")(scope, receive, send)
        finally:
            self.at_work -= 1


async def ask(app: Slots, path: str = "/") -> httpx.Response:
    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).stays_open = scope["path"] == "/stream"
        await app(scope, receive, send)

    transport = httpx.ASGITransport(told)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- what it looks at has no event
            await asyncio.sleep(0)


def test_further_requests_wait_for_a_place_and_are_all_served() -> None:
    async def run() -> tuple[Counter[int], int]:
        work = Work()
        app = Slots(work, at_once=3, most_waiting=100, wait_seconds=60)
        asked = [asyncio.create_task(ask(app)) for _ in range(20)]
        await until(lambda: work.at_work == 3)
        work.go.set()
        return Counter([(await one).status_code for one in asked]), work.most

    assert asyncio.run(run()) == ({200: 20}, 3)


def test_request_beyond_those_that_may_wait_is_sent_away_at_once() -> None:
    async def run() -> tuple[Counter[int], str]:
        work = Work()
        app = Slots(work, at_once=1, most_waiting=2, wait_seconds=60)
        asked = [asyncio.create_task(ask(app)) for _ in range(5)]
        await until(lambda: sum(one.done() for one in asked) == 2)
        refused = next(one.result() for one in asked if one.done())
        work.go.set()
        return Counter([(await one).status_code for one in asked]), refused.headers["retry-after"]

    assert asyncio.run(run()) == ({503: 2, 200: 3}, "5")


def test_request_that_waited_long_enough_is_sent_away() -> None:
    async def run() -> int:
        work = Work()
        app = Slots(work, at_once=1, wait_seconds=0.01)
        first = asyncio.create_task(ask(app))
        await until(lambda: work.at_work == 1)
        status = (await ask(app)).status_code
        work.go.set()
        assert (await first).status_code == 200
        # The place is free again, and nobody was given it who had gone.
        assert (await ask(app)).status_code == 200
        return status

    assert asyncio.run(run()) == 503


def test_streams_take_no_places_of_calls_and_have_an_end_of_their_own() -> None:
    async def run() -> tuple[int, int]:
        work = Work()
        app = Slots(work, at_once=1, most_streams=2)
        streams = [asyncio.create_task(ask(app, "/stream")) for _ in range(2)]
        await until(lambda: work.at_work == 2)
        third = (await ask(app, "/stream")).status_code
        call = asyncio.create_task(ask(app))
        await until(lambda: work.at_work == 3)
        work.go.set()
        assert [(await one).status_code for one in (*streams, call)] == [200, 200, 200]
        return third, (await ask(app, "/stream")).status_code

    assert asyncio.run(run()) == (503, 200)


def test_place_of_a_request_that_is_cancelled_is_given_to_the_next() -> None:
    async def run() -> int:
        work = Work()
        app = Slots(work, at_once=1)
        first, second = (asyncio.create_task(ask(app)) for _ in range(2))
        await until(lambda: work.at_work == 1)
        first.cancel()
        await until(lambda: first.done() and work.at_work == 1)
        work.go.set()
        return (await second).status_code

    assert asyncio.run(run()) == 200
