"""How many requests are at work at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
from mcp.server.auth.provider import AccessToken
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


async def ask(app: Slots, path: str = "/", caller: str = "") -> httpx.Response:
    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if caller:
            exchange_of(scope).token = AccessToken(token="", client_id=caller, scopes=[])
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


def test_one_caller_holds_a_share_of_the_places_and_keeps_no_other_waiting() -> None:
    async def run() -> tuple[int, int, int]:
        work = Work()
        app = Slots(work, at_once=8, most_waiting=100, wait_seconds=60, share=0.25)
        greedy = [asyncio.create_task(ask(app, caller="greedy")) for _ in range(50)]
        await until(lambda: work.at_work == 2)
        other = asyncio.create_task(ask(app, caller="other"))
        await until(lambda: work.at_work == 3)
        at_work = work.at_work
        work.go.set()
        return at_work, (await other).status_code, sum([(await one).status_code == 200 for one in greedy])

    assert asyncio.run(run()) == (3, 200, 50)


def test_one_caller_holds_a_share_of_the_streams() -> None:
    async def run() -> tuple[int, int]:
        work = Work()
        app = Slots(work, most_streams=4, share=0.5)
        for number in (1, 2):
            asyncio.create_task(ask(app, "/stream", caller="greedy"))  # noqa: RUF006
            await until(lambda number=number: work.at_work == number)
        third = await ask(app, "/stream", caller="greedy")
        other = asyncio.create_task(ask(app, "/stream", caller="other"))
        await until(lambda: work.at_work == 3)
        work.go.set()
        return third.status_code, (await other).status_code

    assert asyncio.run(run()) == (503, 200)


def test_full_queue_takes_another_caller_for_the_newest_of_the_one_that_fills_it() -> None:
    async def run() -> tuple[list[int], int]:
        work = Work()
        app = Slots(work, at_once=1, most_waiting=3, wait_seconds=60)
        # Tasks begin in the order in which they are made.
        greedy = [asyncio.create_task(ask(app, caller="greedy")) for _ in range(4)]
        await until(lambda: work.at_work == 1)
        other = asyncio.create_task(ask(app, caller="other"))
        await until(greedy[-1].done)
        work.go.set()
        return [(await one).status_code for one in greedy], (await other).status_code

    assert asyncio.run(run()) == ([200, 200, 200, 503], 200)
