"""Medians and quartiles, against values worked out by hand."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.benchmark.spread import Spread, median_interval, quantile, spread


def test_quartiles_lie_between_neighbours_by_their_distance() -> None:
    # Places 0.75, 1.5 and 2.25 of the ordered 10, 20, 40, 80.
    assert spread([40, 10, 80, 20]) == Spread(median=30.0, low=17.5, high=50.0, count=4)


def test_one_value_is_its_own_spread() -> None:
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0, 1)


def test_no_values_have_no_spread() -> None:
    assert spread([]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_quartiles_agree_with_the_standard_librarys(values: list[float]) -> None:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")

    seen = spread(values)

    assert seen is not None
    assert (seen.low, seen.median, seen.high) == pytest.approx((low, median, high), abs=1e-6)


def test_the_ends_are_the_least_and_the_most() -> None:
    assert quantile([1, 2, 9], 0.0) == 1
    assert quantile([1, 2, 9], 1.0) == 9


@pytest.mark.parametrize(
    ("count", "first", "last"),
    [
        # Two-sided sign test: of 6 values all fall on one side in 2 of 64 cases, 3 %, of 5 in 2 of 32, 6 %.
        (6, 0, 5),
        (8, 0, 7),
        (9, 1, 7),
        (12, 2, 9),
    ],
)
def test_a_median_is_enclosed_by_the_values_of_the_sign_test(count: int, first: int, last: int) -> None:
    assert median_interval(range(count)) == (first, last)


def test_few_values_enclose_a_median_only_with_less_confidence() -> None:
    assert median_interval(range(5)) is None
    assert median_interval([]) is None
    assert median_interval(range(5), confidence=0.9) == (0, 4)
