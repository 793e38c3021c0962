"""What is needed instead of a bad value is said without pydantic's own words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stillroom.bad_values import needed
from stillroom.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("agent_calling", "nativ", "it may be 'auto', 'native', 'constrained' or 'prompted'"),
        ("agent_max_steps", "0", "at least 1 is needed"),
        ("agent_max_steps", "101", "at most 100 is allowed"),
        ("agent_max_steps", "many", "a whole number is needed"),
        ("agent_web", "perhaps", "true or false is needed"),
        ("library", "../x", "a-z, 0-9, - and _ are needed, 64 at most, a letter or digit first"),
    ],
)
def test_a_bad_setting_is_told_what_is_needed(name: str, value: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({name: value})

    assert needed(caught.value.errors(include_url=False)[0]) == said


def test_words_of_a_validator_come_without_pydantics_prefix() -> None:
    told = needed({"type": "value_error", "loc": (), "msg": "Value error, no such day", "input": "x"})

    assert told == "no such day"
