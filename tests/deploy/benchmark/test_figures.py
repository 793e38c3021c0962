"""Figures, ratios and verdicts from made-up rounds, against values worked out by hand."""

from __future__ import annotations

import pytest

from deploy.benchmark.figures import Failure, failures, levels, verdict
from deploy.benchmark.spread import Spread
from deploy.benchmark.timing import Answered, Failed, Usage
from tests.deploy.benchmark.conftest import a_round


def answer(first_token_s: float, *, tokens: int = 11, per_token_s: float = 0.1) -> Answered:
    last_token_s = first_token_s + per_token_s * (tokens - 1)
    return Answered(first_token_s, last_token_s, tokens, Usage(100, tokens, cached_tokens=25))


def test_each_clients_figures_are_medians_over_requests_and_over_rounds() -> None:
    rounds = [
        a_round("raw", answer(0.2), answer(0.4), wall_s=2.0, cpu_s=0.022),
        a_round("raw", answer(0.3), answer(0.5), wall_s=1.0, cpu_s=0.044, number=1),
    ]

    (level,) = levels(rounds)

    raw = level.raw
    assert (raw.answered, raw.failed) == (4, 0)
    assert (raw.prompt_tokens, raw.cached_tokens, raw.output_tokens) == (400, 100, 44)
    assert raw.counted_by_server
    assert raw.first_token_ms is not None
    assert raw.first_token_ms.median == pytest.approx(350)
    assert raw.per_token_ms is not None
    assert raw.per_token_ms.median == pytest.approx(100)
    # 22 tokens in 2 s and in 1 s; 22 ms and 44 ms of processor time for them.
    assert raw.tokens_per_s == Spread(16.5, 13.75, 19.25, 2)
    assert raw.cpu_ms_per_token is not None
    assert raw.cpu_ms_per_token.median == pytest.approx(1.5)
    assert level.toolkit.answered == 0
    assert level.toolkit.tokens_per_s is None


def test_overhead_is_that_of_pairs_so_that_drift_cancels_out() -> None:
    # The machine gets half as fast from the first pair to the second; the toolkit takes 2 % more in both.
    rounds = [
        a_round("raw", answer(0.100), wall_s=1.00, cpu_s=0.0011),
        a_round("toolkit", answer(0.104), wall_s=1.02, cpu_s=0.0033),
        a_round("toolkit", answer(0.204), wall_s=2.04, cpu_s=0.0033, number=1),
        a_round("raw", answer(0.200), wall_s=2.00, cpu_s=0.0011, number=1),
    ]

    (level,) = levels(rounds)

    assert level.overhead is not None
    ratio = level.overhead.tokens_per_s_ratio
    assert (ratio.median, ratio.low, ratio.high, ratio.count) == pytest.approx((1.02, 1.02, 1.02, 2))
    assert level.overhead.first_token_difference_ms.median == pytest.approx(4.0)
    assert level.overhead.cpu_difference_ms_per_token.median == pytest.approx(0.2)


def test_a_pair_in_which_a_request_failed_or_that_is_half_done_is_no_pair() -> None:
    rounds = [
        a_round("raw", answer(0.1)),
        a_round("toolkit", Failed("refused")),
        a_round("toolkit", answer(0.1), number=1),
        a_round("raw", answer(0.1), wall_s=1.5, number=1),
        a_round("raw", answer(0.1), number=2),
    ]

    (level,) = levels(rounds)

    assert level.overhead is not None
    assert level.overhead.tokens_per_s_ratio == Spread(1 / 1.5, 1 / 1.5, 1 / 1.5, 1)


def test_without_a_pair_there_is_no_overhead() -> None:
    (level,) = levels([a_round("raw", answer(0.1))])

    assert level.overhead is None


def test_levels_stay_in_the_order_in_which_they_were_measured() -> None:
    rounds = [a_round("raw", answer(0.1), concurrency=level) for level in (8, 1, 2)]

    assert [level.concurrency for level in levels(rounds)] == [8, 1, 2]


def test_failures_are_counted_by_client_level_and_reason() -> None:
    rounds = [
        a_round("raw", Failed("late"), Failed("late"), answer(0.1)),
        a_round("toolkit", Failed("late")),
        a_round("raw", Failed("gone"), number=1),
    ]

    assert failures(rounds) == (
        Failure("raw", 1, "late", 2),
        Failure("toolkit", 1, "late", 1),
        Failure("raw", 1, "gone", 1),
    )


NINE = range(-4, 5)


@pytest.mark.parametrize(
    ("ratio", "ratio_step", "difference_ms", "difference_step_ms", "expected"),
    [
        (1.03, 0.1, 10.0, 50.0, "met"),
        # 95 % confidence reaches from the second of nine to the last but one: three steps from the median.
        (1.10, 0.02, 1.0, 1.0, "missed"),
        (1.10, 0.03, 1.0, 1.0, "unclear"),
        (1.00, 0.01, 20.0, 3.0, "missed"),
        (1.00, 0.01, 20.0, 4.0, "unclear"),
    ],
)
def test_a_target_is_missed_only_by_more_than_chance(
    ratio: float, ratio_step: float, difference_ms: float, difference_step_ms: float, expected: str
) -> None:
    ratios = [ratio + ratio_step * step for step in NINE]
    differences_ms = [difference_ms + difference_step_ms * step for step in NINE]

    assert verdict(ratios, differences_ms) == expected


def test_five_pairs_of_rounds_are_too_few_to_judge() -> None:
    assert verdict([1.0] * 5, [0.0] * 5) == "unclear"
    assert verdict([1.0] * 6, [0.0] * 6) == "met"
