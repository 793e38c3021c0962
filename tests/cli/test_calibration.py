"""``stillroom calibration``, and what ``up``, ``status`` and ``plan`` say of what launches measured."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import refused
from tests.conftest import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

BUNDLED = ("smollm2:135m", "--engine", "embedded", "--context", "2048")


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Any]]:
    """A house where the bundled model runs, and what ``up`` printed; tests only read it."""
    home = Home(tmp_path_factory.mktemp("launched"))
    try:
        yield home, home.json("up", "--bundled", "--context", "2048")
    finally:
        home.run("down")


@pytest.fixture
def calibrated(launched: tuple[Home, Any], home: Home) -> Home:
    """A house of its own with the same observations, to change."""
    home.state_dir.mkdir()
    shutil.copy(launched[0].state_dir / "calibration.json", home.state_dir)
    return home


def total(document: Any) -> int:  # noqa: ANN401  what a command printed
    return int(document["memory"]["total_bytes"]["expected"])


def test_up_sets_predicted_beside_measured_and_keeps_what_it_saw(launched: tuple[Home, Any]) -> None:
    home, printed = launched

    lines = {line["name"]: line for line in printed["memory"]}

    assert list(lines) == ["weights", "kv_cache", "compute", "overhead", "total"]
    assert all(line["device"] == "cpu" and line["measured_bytes"] > 0 for line in lines.values())
    assert abs(lines["weights"]["difference"]) < 0.001
    assert printed["measured"]["held_bytes"] == lines["total"]["measured_bytes"]
    kept = home.json("calibration", "export")["observations"]
    assert {one["component"] for one in kept} == {"weights", "kv_cache", "compute", "overhead"}


def test_status_shows_the_same_lines_as_a_table(launched: tuple[Home, Any]) -> None:
    home, _ = launched

    shown = home.run("status").stdout

    header = next(line for line in shown.splitlines() if line.startswith("memory"))
    assert header.split() == ["memory", "low", "predicted", "high", "measured", "difference"]
    rows = [line.split()[0] for line in shown.splitlines() if line.endswith(" %")]
    assert rows == ["weights", "kv_cache", "compute", "overhead", "total"]
    assert "\x1b" not in shown


def test_on_a_narrow_terminal_the_old_columns_are_left(launched: tuple[Home, Any]) -> None:
    home, _ = launched
    narrow = Home(home.folder, {"COLUMNS": "44"})

    lines = narrow.run("status").stdout.splitlines()

    header = next(line for line in lines if line.startswith("memory"))
    assert header.split() == ["memory", "predicted", "measured"]
    table = lines[lines.index(header) :][:6]
    assert table[-1].startswith("total (resident)")
    assert all(len(line) <= 44 for line in table)


def test_the_next_plan_says_what_was_measured_and_where_from(calibrated: Home) -> None:
    by_formulas = calibrated.json("plan", *BUNDLED, "--no-calibration")
    by_launches = calibrated.json("plan", *BUNDLED)
    measured = calibrated.json("calibration", "list")["residuals"]

    overhead = next(one for one in measured if one["component"] == "overhead")
    assert total(by_launches) - total(by_formulas) == overhead["added_bytes"]
    assert by_launches["calibration"]["launches"] == 1
    assert by_formulas["calibration"] == {"launches": 0, "last": None, "corrections": []}
    explained = calibrated.run("plan", *BUNDLED, "--explain").stdout
    assert "calibrated by 1 launch, last " in explained
    assert ", from 1 launch of embedded " in explained


def test_the_commands_that_a_plan_names_leave_calibration_out_where_it_was(calibrated: Home) -> None:
    nothing_fits = ("plan", "deepseek-r1:70b", "--quant", "Q4_K_M", "--gpu", "RTX 4090", "--no-calibration")

    done = calibrated.run(*nothing_fits, "--json")

    commands = [change["command"] for change in json.loads(done.stdout)["changes"] if change["command"]]
    assert commands
    assert all(command.endswith("--no-calibration") for command in commands)


def test_the_list_says_of_each_component_what_is_applied(calibrated: Home) -> None:
    shown = calibrated.run("calibration", "list").stdout

    assert "(cpu), llama" in shown
    rows = {line.split()[0]: line for line in shown.splitlines() if line[:1].islower()}
    assert "smollm2:135m Q4_1" in rows["weights"]
    assert "confirmed" in rows["kv_cache"]
    assert " any model " in rows["overhead"]


def test_an_export_is_the_file_and_may_be_put_back(calibrated: Home) -> None:
    path = calibrated.folder / "mine.json"

    assert calibrated.run("calibration", "export", str(path)).returncode == 0

    kept = json.loads((calibrated.state_dir / "calibration.json").read_text(encoding="utf-8"))
    assert json.loads(path.read_text(encoding="utf-8")) == kept
    assert json.loads(calibrated.run("calibration", "export").stdout) == kept
    shutil.copy(path, calibrated.state_dir / "calibration.json")
    assert calibrated.json("calibration", "list")["residuals"]


def test_a_reset_without_a_terminal_needs_yes(calibrated: Home) -> None:
    refused(calibrated.run("calibration", "reset"), "add --yes to forget every engine and model")

    assert calibrated.json("calibration", "export")["observations"]
    assert calibrated.json("calibration", "reset", "--yes") == {"removed": 4}
    assert calibrated.run("calibration", "reset", "--yes").stdout == "There was nothing to forget.\n"
    assert calibrated.json("calibration", "list") == {"residuals": []}
    assert "stillroom up" in calibrated.run("calibration", "list").stdout


def test_a_reset_of_one_engine_or_model_leaves_the_rest(calibrated: Home) -> None:
    assert calibrated.json("calibration", "reset", "--engine", "ollama", "--yes") == {"removed": 0}
    assert calibrated.json("calibration", "reset", "--model", "deepseek-r1:7b", "--yes") == {"removed": 0}
    both = ("--engine", "embedded", "--model", "smollm2:135m")
    assert calibrated.json("calibration", "reset", *both, "--yes") == {"removed": 4}
    refused(calibrated.run("calibration", "reset", "--engine", "llamafile", "--yes"), "not 'llamafile'")


def test_a_damaged_file_stops_a_plan_with_the_command_that_mends_it(home: Home) -> None:
    home.state_dir.mkdir()
    (home.state_dir / "calibration.json").write_text("{", encoding="utf-8")

    refused(home.run("plan", *BUNDLED), "is damaged at its first character", "calibration reset --yes")

    assert home.run("plan", *BUNDLED, "--no-calibration").returncode == 0
    assert home.run("calibration", "reset", "--yes").returncode == 0
    assert home.run("plan", *BUNDLED).returncode == 0


def test_what_a_plans_file_starts_is_measured_and_not_kept(home: Home) -> None:
    path = str(home.folder / "plan.json")
    assert home.run("plan", *BUNDLED, "--save", path).returncode == 0
    try:
        printed = home.json("up", "--plan", path)
    finally:
        home.run("down")

    assert printed["memory"][-1]["measured_bytes"] > 0
    assert home.json("calibration", "export")["observations"] == []


def test_a_corrected_plan_is_saved_and_started_with_its_formulas_values(calibrated: Home) -> None:
    path = calibrated.folder / "plan.json"
    assert calibrated.run("plan", *BUNDLED, "--save", str(path)).returncode == 0

    terms = json.loads(path.read_text(encoding="utf-8"))["plan"]["memory"]["terms"]
    overhead = next(term for term in terms if term["name"] == "overhead")

    assert overhead["correction"]["formula_bytes"] == 72 * 2**20
    assert overhead["expected_bytes"] == 72 * 2**20 + overhead["correction"]["added_bytes"]
    assert calibrated.run("up", "--plan", str(path), "--dry-run").returncode == 0
