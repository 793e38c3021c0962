"""Places that callers share: whoever takes all that there are keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- what it looks at has no event
            await asyncio.sleep(0)


def test_a_free_place_goes_to_whoever_holds_the_fewest() -> None:
    async def run() -> list[str]:
        places = Places(2, share=2, most_waiting=None)
        served: list[str] = []
        for _ in range(2):
            assert await places.take("greedy")

        async def wait(caller: str) -> None:
            assert await places.take(caller, seconds=None)
            served.append(caller)

        async with asyncio.TaskGroup() as tasks:
            for caller in ("greedy", "greedy", "modest"):
                tasks.create_task(wait(caller))
                await asyncio.sleep(0)
            for count in (1, 2, 3):
                places.give_back("greedy")
                await until(lambda count=count: len(served) == count)  # type: ignore[misc]
        return served

    assert asyncio.run(run()) == ["modest", "greedy", "greedy"]


def test_a_place_that_is_held_is_free_again_whatever_ends_the_block() -> None:
    async def run() -> bool:
        places = Places(1, share=1)

        async def hold() -> None:
            async with places.held("a"):
                await asyncio.sleep(3_600)

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        assert not await places.take("b")
        holding.cancel()
        await until(holding.done)
        return await places.take("b")

    assert asyncio.run(run())


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["come", "leave", "end"])), max_size=60),
)
def test_places_are_never_more_than_there_are_and_none_is_lost(
    total: int, share: int, steps: list[tuple[str, str]]
) -> None:
    async def run() -> None:
        callers = _Callers(Places(total, share=share, most_waiting=None))
        for caller, step in steps:
            await callers.do(caller, step)
            assert len(callers.at_work) <= total
            counts = Counter(name for name, _ in callers.at_work)
            assert max(counts.values(), default=0) <= share
        await callers.finish()
        for number in range(total):
            assert await callers.places.take(str(number))

    asyncio.run(asyncio.wait_for(run(), 60))


class _Callers:
    """Calls that come, go away and end."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.at_work: list[tuple[str, asyncio.Event]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def do(self, caller: str, step: str) -> None:
        """One step."""
        if step == "come":
            self._tasks.append(asyncio.create_task(self._work(caller)))
        elif step == "leave" and self._tasks:
            self._tasks[len(self._tasks) // 2].cancel()
        elif self.at_work:
            self.at_work[0][1].set()
        await asyncio.sleep(0)

    async def finish(self) -> None:
        """Let every call end."""
        while not all(task.done() for task in self._tasks):
            for _, end in tuple(self.at_work):
                end.set()
            await asyncio.sleep(0)

    async def _work(self, caller: str) -> None:
        end = asyncio.Event()
        async with self.places.held(caller):
            self.at_work.append((caller, end))
            try:
                await end.wait()
            finally:
                self.at_work.remove((caller, end))
