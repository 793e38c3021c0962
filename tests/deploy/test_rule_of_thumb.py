"""The published rule of thumb, table and all."""

from __future__ import annotations

import json

import pytest

from deploy.rule_of_thumb import rule_of_thumb_gb
from stillroom.errors import PlanError

PUBLISHED_TABLE = {
    1.5: (0.9, 1.8, 3.6),
    7: (4.2, 8.4, 16.8),
    9: (5.4, 10.8, 21.6),
    40: (24, 48, 96),
    70: (42, 84, 168),
}


@pytest.mark.parametrize(
    ("params_billion", "bits", "memory_gb"),
    [
        (params_billion, bits, memory_gb)
        for params_billion, row in PUBLISHED_TABLE.items()
        for bits, memory_gb in zip((4, 8, 16), row, strict=True)
    ],
)
def test_rule_reproduces_its_published_table(params_billion: float, bits: int, memory_gb: float) -> None:
    assert rule_of_thumb_gb(params_billion, bits) == memory_gb


def test_seven_billion_at_four_bits_is_exactly_4_2_in_json() -> None:
    assert json.dumps(rule_of_thumb_gb(7, 4)) == "4.2"


@pytest.mark.parametrize(
    ("params_billion", "bits"), [(0, 4), (7, 0), (-1, 8), (float("nan"), 4), (float("inf"), 4), (1e308, 16)]
)
def test_rule_refuses_quantities_that_no_model_has(params_billion: float, bits: float) -> None:
    with pytest.raises(PlanError, match="the rule of thumb takes 0 to"):
        rule_of_thumb_gb(params_billion, bits)
