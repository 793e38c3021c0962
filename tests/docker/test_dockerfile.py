"""The image's recipe: linted, pinned, without root or secrets, and made of nothing but what it names."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stillroom import __version__
from tests.docker.conftest import DOCKER, REPOSITORY

DOCKERFILE = DOCKER / "Dockerfile"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Each instruction and its words, continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None and (sys.platform, platform.machine()) not in {
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "x86_64"),
        ("darwin", "arm64"),
    }:
        pytest.skip(f"hadolint has no wheel for {sys.platform} on {platform.machine()}")
    assert program is not None, "hadolint is not installed; try: make test"

    done = subprocess.run([program, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_both_stages_start_from_one_pinned_slim_python(instructions: list[tuple[str, str]]) -> None:
    stages = [words for word, words in instructions if word == "FROM"]
    (image,) = [words for word, words in instructions if words.startswith("PYTHON_IMAGE=")]

    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-[a-z]+", image)


def test_the_container_is_not_root_and_says_how_it_is(instructions: list[tuple[str, str]]) -> None:
    final = dict(instructions[[word for word, _ in instructions].index("FROM", 2) :])

    assert final["USER"] == "1000:1000"
    assert "/opt/stillroom/healthcheck.py" in final["HEALTHCHECK"]
    assert final["ENTRYPOINT"] == '["stillroom"]'
    for folder in ("/data", "/cache", "/state"):
        assert f'"{folder}"' in final["VOLUME"]
        assert f"_DIR={folder}" in final["ENV"]


def test_every_package_is_installed_by_hash(instructions: list[tuple[str, str]]) -> None:
    steps = [words for word, words in instructions if word == "RUN"]
    installing = [
        step for run in steps for step in run.split("&&") if re.search(r"pip install|uv build", step)
    ]

    assert len(installing) == 4
    for step in installing:
        # What is built here from this checkout has no hash to be held to, and brings nothing else.
        assert "--require-hashes" in step or "--no-deps --no-index" in re.sub(" +", " ", step), step


def test_nothing_is_a_secret_or_of_one_architecture() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    commands = "\n".join(line for line in text.splitlines() if line[:1] != "#")

    assert not re.search(r"(?i)token|password|secret|api_key", commands)
    assert not re.search(r"amd64|arm64|x86_64|aarch64|--platform", commands)


def test_only_what_is_copied_goes_into_the_build(instructions: list[tuple[str, str]]) -> None:
    copied = {
        source
        for word, words in instructions
        if word == "COPY" and not words.startswith("--from")
        for source in words.split()[:-1]
    }
    ignore = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert "*" in ignore
    assert {line[1:] for line in ignore if line[:1] == "!"} == copied
    assert all((REPOSITORY / source).exists() for source in copied)


def test_its_head_shows_the_tag_of_this_version() -> None:
    assert f"--tag stillroom:{__version__} ." in DOCKERFILE.read_text(encoding="utf-8")
