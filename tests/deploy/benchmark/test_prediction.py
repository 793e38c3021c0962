"""The plan's speeds beside made-up measurements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.benchmark.figures import levels
from deploy.benchmark.prediction import predictions
from deploy.benchmark.timing import Answered, Usage
from deploy.plan import SpeedEstimate
from deploy.spec import Workload
from tests.deploy.benchmark.conftest import a_round

if TYPE_CHECKING:
    from deploy.plan import Plan

ESTIMATE = SpeedEstimate(5.0, 10.0, 20.0, source="made up")
# 200 tokens, half of them cached, after 0.5 s; then a token each 0.1 s.
ANSWER = Answered(0.5, 1.5, 11, Usage(200, 11, cached_tokens=100))


def test_decode_and_prefill_are_set_beside_what_the_plan_said(bundled_plan: Plan) -> None:
    plan = replace(bundled_plan, decode=ESTIMATE, prefill=ESTIMATE)

    decode, prefill = predictions(plan, levels([a_round("raw", ANSWER)]))

    assert decode.predicted == prefill.predicted == ESTIMATE
    assert decode.measured is not None
    assert decode.measured.median == pytest.approx(10.0)
    assert decode.conditions == "predicted after 2,048 tokens, measured after 200 to 211"
    assert prefill.measured is not None
    # What was cached was not computed: 100 tokens in 0.5 s.
    assert prefill.measured.median == pytest.approx(200.0)


def test_the_longest_wait_is_the_lowest_speed(bundled_plan: Plan) -> None:
    waits = [a_round("raw", Answered(1.0, 1.0 + 10 * wait, 11, None)) for wait in (0.1, 0.2, 0.4)]

    decode, _ = predictions(replace(bundled_plan, decode=ESTIMATE), levels(waits))

    assert decode.measured is not None
    # Quartiles of 100, 200 and 400 ms are 150 and 300 ms.
    assert (decode.measured.low, decode.measured.median, decode.measured.high) == pytest.approx(
        (1000 / 300, 5.0, 1000 / 150)
    )


def test_decode_is_compared_at_the_concurrency_that_was_planned_for(bundled_plan: Plan) -> None:
    plan = replace(bundled_plan, decode=ESTIMATE, workload=Workload(2048, concurrent_sequences=4))
    one = a_round("raw", ANSWER)
    four = a_round("raw", *[Answered(0.5, 4.5, 11, None)] * 4, concurrency=4)

    with_four, _ = predictions(plan, levels([one, four]))
    without, _ = predictions(plan, levels([one]))

    assert with_four.measured is not None
    assert with_four.measured.median == pytest.approx(2.5)
    assert without.measured is None
    assert without.conditions == "not measured: --concurrency 4 would measure it"


def test_what_the_plan_does_not_know_is_said(bundled_plan: Plan) -> None:
    decode, _ = predictions(bundled_plan, levels([a_round("raw", ANSWER)]))

    assert decode.predicted is None
    assert decode.measured is not None
    assert decode.conditions == "not predicted: not estimated"
