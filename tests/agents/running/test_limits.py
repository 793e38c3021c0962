"""Limits that mean nothing are refused where they are made."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agents.running.limits import Limits
from stillroom.errors import SettingsError


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 0},
        {"tool_calls": -1},
        {"model_calls": 0},
        {"tokens": 0},
        {"seconds": -1},
        {"seconds": math.nan},
    ],
)
def test_a_limit_that_leaves_nothing_to_do_is_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"the limit of {next(iter(values))} is "):
        Limits(**values)


def test_no_tools_and_no_time_are_limits_as_well() -> None:
    assert Limits(tool_calls=0, seconds=0).tool_calls == 0
