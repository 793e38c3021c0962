"""An address is shown without the name and password that may stand in it."""

from __future__ import annotations

import pytest

from stillroom.addresses import shown_address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://box.example:8000", "http://box.example:8000"),
        ("http://me:hush@box.example/v1", "http://box.example/v1"),
        ("http://me:hu/sh@box.example/v1", "http://box.example/v1"),
        ("http://me:hu@sh@box.example/v1", "http://box.example/v1"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_a_name_and_password(url: str, shown: str) -> None:
    assert shown_address(url) == shown
