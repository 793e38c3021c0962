"""Where figures cannot be written, nothing is measured first."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from bench.results_file import results_file

BENCH = Path(__file__).resolve().parents[2] / "bench"


def test_file_in_a_folder_that_is_there_is_taken(tmp_path: Path) -> None:
    assert results_file(str(tmp_path / "figures.json")) == tmp_path / "figures.json"


def test_missing_folder_and_a_folder_in_place_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match=f"there is no folder {tmp_path / 'gone'}"):
        results_file(str(tmp_path / "gone" / "figures.json"))
    with pytest.raises(ArgumentTypeError, match="is a folder, and a file is needed"):
        results_file(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("crash", ("--out",)),
        ("ingest", ("share", "documents", "--json")),
        ("mcp_call", ("--results",)),
        ("mcp_jobs", ("--results",)),
        ("memory", ("--json",)),
        ("memory_vllm", ("--vllm", "vllm", "--results")),
        ("toolcalling", ("--bundled", "--results")),
    ],
)
def test_measurement_refuses_before_it_begins(name: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    argv = [sys.executable, str(BENCH / f"{name}.py"), *arguments, str(tmp_path / "gone" / "figures.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240, cwd=BENCH.parent)
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    assert "Traceback" not in done.stderr
