"""How often one caller may ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.http.rates import Rates, _Bucket, network
from tests.mcp_server.http.conftest import Tokens, serving
from tests.mcp_server.http.wire import message


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class CountedRates(Rates):
    """Rates that know how often a bucket was looked at."""

    looks = 0

    def _refilled(self, bucket: _Bucket, now: float) -> float:
        self.looks += 1
        return super()._refilled(bucket, now)


def test_as_many_as_a_minute_has_may_come_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    rates = Rates(6, clock)
    assert [rates.seconds_to_wait("a") for _ in range(8)] == [0, 0, 0, 0, 0, 0, 10, 10]
    clock.now = 9.0
    assert rates.seconds_to_wait("a") == 1
    clock.now = 10.0
    assert (rates.seconds_to_wait("a"), rates.seconds_to_wait("a")) == (0, 10)


def test_callers_do_not_take_from_each_other() -> None:
    rates = Rates(1, Clock())
    assert (rates.seconds_to_wait("a"), rates.seconds_to_wait("a"), rates.seconds_to_wait("b")) == (0, 60, 0)


@given(
    per_minute=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 120, allow_nan=False), min_size=1, max_size=200),
)
def test_nobody_gets_more_than_the_rate_in_any_time(per_minute: int, gaps: list[float]) -> None:
    clock = Clock()
    rates = Rates(per_minute, clock)
    served = 0
    for gap in gaps:
        clock.now += gap
        wait = rates.seconds_to_wait("a")
        served += wait == 0
        assert served <= per_minute + clock.now * per_minute / 60 + 1e-6
        assert 0 <= wait <= 60 / per_minute + 1


def test_callers_that_were_quiet_are_forgotten() -> None:
    clock = Clock()
    rates = Rates(60, clock)
    for number in range(10_000):
        clock.now += 1.0
        rates.seconds_to_wait(f"caller {number}")
    assert len(rates._buckets) <= 4096


def test_who_used_all_up_is_remembered_among_however_many_others() -> None:
    clock = Clock()
    rates = Rates(60, clock)
    assert [rates.seconds_to_wait("eager") for _ in range(61)] == [0] * 60 + [1]
    for number in range(10_000):
        rates.seconds_to_wait(f"caller {number}")
    assert rates.seconds_to_wait("eager") == 1
    clock.now += 61.0
    rates.seconds_to_wait("another")
    assert len(rates._buckets) <= 4096


def test_a_new_caller_among_many_looks_at_few_of_the_others() -> None:
    rates = CountedRates(60, Clock())
    for number in range(10_000):
        rates.seconds_to_wait(f"caller {number}")
    assert rates.looks <= 20_000


@pytest.mark.parametrize(
    ("address", "counted"),
    [("10.0.0.7", "10.0.0.7"), ("2001:db8:0:1::7", "2001:db8:0:1::/64"), ("", ""), ("a name", "a name")],
)
def test_addresses_that_one_machine_may_change_count_as_one(address: str, counted: str) -> None:
    assert network(address) == counted


def test_caller_who_asks_too_often_is_told_when_to_come_again(tokens: Tokens) -> None:
    with serving("--tokens", str(tokens.file.path), "--per-minute", "5") as server:
        served = [server.send(message("tools/list"), tokens.reader) for _ in range(8)]
        assert [response.status_code for response in served[:5]] == [200] * 5
        refused = served[7]
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 12
        assert "more than 5 requests a minute" in refused.json()["error"]["message"]
        # Another token has its own, and so have all who guess at tokens together.
        assert server.send(message("tools/list"), tokens.owner).status_code == 200
        guesses = [server.send(message("tools/list"), f"guess-{number}").status_code for number in range(8)]
        assert guesses[:5] == [401] * 5
        assert guesses[7] == 429
