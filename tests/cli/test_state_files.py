"""A file of the state directory that cannot be used is an error of each command that reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.conftest import Home

COMMANDS: Final = {
    "jobs": ((), ("show", "beef"), ("clear",)),
    "conversations": (("list",), ("show", "taxes")),
}


@pytest.mark.parametrize("kept", list(COMMANDS))
@pytest.mark.parametrize(
    ("damaged", "said", "hint"),
    [(True, "is damaged: ", "mv '"), (False, "has to be a folder", "stillroom settings")],
    ids=["damaged", "no folder"],
)
def test_a_file_that_cannot_be_used_is_no_empty_list(
    home: Home, kept: str, said: str, hint: str, *, damaged: bool
) -> None:
    if damaged:
        home.state_dir.mkdir()
        (home.state_dir / f"{kept}.sqlite3").write_text("this is no database at all")
    else:
        home.state_dir.write_text("this is no folder")

    for command in COMMANDS[kept]:
        refused = home.run(kept, *command, "--json")

        assert refused.returncode == 1
        error = json.loads(refused.stdout)["error"]
        assert said in error["message"]
        assert hint in error["hint"]
