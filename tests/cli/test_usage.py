"""A wrong value of any command's option is told in plain words, with exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import Home


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "tea", "--stage", "both"), "'both' is not one of 'lexical', 'dense', 'hybrid'"),
        (("search", "tea", "--limit", "0"), "'0': at least 1 is needed"),
        (("search", "tea", "--limit", "few"), "'few': a whole number is needed"),
        (("up", "--port", "x"), "'x': a whole number is needed"),
    ],
)
def test_a_wrong_value_names_itself_and_what_is_needed(
    home: Home, arguments: tuple[str, ...], said: str
) -> None:
    done = home.run(*arguments)

    refused(done, said, arguments[-2])
    assert done.returncode == 2
    assert "Value error" not in done.stderr
