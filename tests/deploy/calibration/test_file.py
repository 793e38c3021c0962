"""The file that observations are kept in: whole, untrusted, shared by processes, and easy to start anew."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.calibration.file import (
    FILE_NAME,
    add_observations,
    read_observations,
    remove_observations,
)
from deploy.calibration.form import form_of
from stillroom.errors import EngineError, EnvironmentUnfitError
from tests.deploy.observations import observed

if TYPE_CHECKING:
    from pathlib import Path

ONE = observed("compute", 1000, 1100)


def at(minute: int) -> str:
    return f"2026-11-26T10:{minute:02}:00+00:00"


def test_where_nothing_was_measured_nothing_is_read_or_made(tmp_path: Path) -> None:
    assert read_observations(tmp_path / "state") == ()
    assert not (tmp_path / "state").exists()


def test_observations_come_back_as_they_were(tmp_path: Path) -> None:
    both = (ONE, observed("overhead", 5, 7, covers=("compute", "overhead"), observed_at=at(1)))

    add_observations(tmp_path / "state", both)

    assert read_observations(tmp_path / "state") == both


def test_a_second_launch_is_kept_beside_the_first(tmp_path: Path) -> None:
    later = replace(ONE, observed_at=at(5))
    add_observations(tmp_path, (ONE,))
    add_observations(tmp_path, (later,))

    assert read_observations(tmp_path) == (ONE, later)


def test_of_many_alike_only_the_newest_are_kept(tmp_path: Path) -> None:
    other = observed("weights", 10, 10)
    add_observations(tmp_path, (other, *(replace(ONE, observed_at=at(minute)) for minute in range(40))))

    found = read_observations(tmp_path)

    assert [one.observed_at for one in found if one.component == "compute"] == [at(m) for m in range(24, 40)]
    assert other in found


def test_nothing_but_the_file_and_its_lock_is_left(tmp_path: Path) -> None:
    add_observations(tmp_path, (ONE,))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.json", "calibration.lock"]


def _add(state_dir: Path, minute: int) -> None:
    add_observations(
        state_dir, (observed("compute", 1000, 1100, model=f"m{minute}", observed_at=at(minute)),)
    )


def test_launches_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_add, [(tmp_path, minute) for minute in range(12)])

    assert sorted(one.observed_at for one in read_observations(tmp_path)) == [at(m) for m in range(12)]


def damaged(**changed: Any) -> str:  # noqa: ANN401  whatever a person may write
    form: Any = form_of((ONE,))
    form["observations"][0].update(changed)
    return json.dumps(form)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "its first character"),
        ("[]", "its first character"),
        ('{"kind": "stillroom-calibration", "version": 2, "observations": []}', "version"),
        ('{"kind": "stillroom-plan", "version": 1, "observations": []}', "kind"),
        (damaged(measured_bytes=-1), "observations.0.measured_bytes"),
        (damaged(predicted_bytes=0), "observations.0.predicted_bytes"),
        (damaged(measured_bytes=2**61), "observations.0.measured_bytes"),
        (damaged(measured_bytes="1100"), "observations.0.measured_bytes"),
        (damaged(component="total"), "observations.0.component"),
        (damaged(covers=[]), "observations.0.covers"),
        (damaged(device="a\x1b[31m"), "observations.0.device"),
        (damaged(model="m" * 1000), "observations.0.model"),
        (damaged(observed_at="yesterday"), "observations.0.observed_at"),
        (damaged(more=1), "observations.0.more"),
        (damaged(engine="llamafile"), "observations.0.engine"),
    ],
)
def test_a_damaged_file_is_told_by_its_place_and_the_command_that_starts_it_anew(
    content: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")

    with pytest.raises(EngineError) as raised:
        read_observations(tmp_path)

    assert f"is damaged at {place}:" in raised.value.message
    assert raised.value.hint == "stillroom calibration reset --yes"
    assert "\x1b" not in raised.value.message


def test_a_damaged_file_is_not_written_over_by_a_launch(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{", encoding="utf-8")

    with pytest.raises(EngineError, match="is damaged"):
        add_observations(tmp_path, (ONE,))

    assert (tmp_path / FILE_NAME).read_text(encoding="utf-8") == "{"


def test_a_reset_forgets_everything_a_damaged_file_too(tmp_path: Path) -> None:
    add_observations(tmp_path, (ONE, observed("weights", 10, 10)))
    assert remove_observations(tmp_path) == 2
    assert read_observations(tmp_path) == ()
    assert remove_observations(tmp_path) == 0

    (tmp_path / FILE_NAME).write_text("{", encoding="utf-8")
    assert remove_observations(tmp_path) == 0
    assert read_observations(tmp_path) == ()


def test_a_reset_of_an_engine_or_a_model_keeps_the_others(tmp_path: Path) -> None:
    ollama = observed("compute", 10, 11, engine="ollama", observed_at=at(1))
    other = observed("compute", 10, 11, model="b-model:2b", observed_at=at(2))
    add_observations(tmp_path, (ONE, ollama, other))

    assert remove_observations(tmp_path, engine="ollama") == 1
    assert remove_observations(tmp_path, engine="ollama") == 0
    assert remove_observations(tmp_path, engine="embedded", model="b-model:2b") == 1
    assert read_observations(tmp_path) == (ONE,)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be", encoding="utf-8")

    with pytest.raises(EnvironmentUnfitError, match="cannot write"):
        add_observations(tmp_path / "state", (ONE,))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()

    with pytest.raises(EnvironmentUnfitError, match="it is a folder, and a file is needed"):
        read_observations(tmp_path)


def test_a_file_in_the_folders_place_holds_no_observations(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("", encoding="utf-8")

    assert read_observations(in_the_way) == ()
