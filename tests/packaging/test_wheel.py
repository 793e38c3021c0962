"""The wheel, built as ``make wheel`` builds it, holds what an installed Stillroom needs, no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

import stillroom

if TYPE_CHECKING:
    from email.message import Message


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "."]
    done = subprocess.run(build, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(contents: dict[str, bytes]) -> Message:
    return Parser().parsestr(_dist_info(contents, "METADATA"))


def test_the_wheel_suits_every_platform_and_carries_the_version(wheel: Path) -> None:
    assert wheel.name == f"stillroom-{stillroom.__version__}-py3-none-any.whl"


def test_every_module_of_every_package_is_in_the_wheel(
    checkout: Path, contents: dict[str, bytes], pyproject: dict[str, Any]
) -> None:
    packages = _packages(pyproject)
    sources = [source for name in packages for source in (checkout / name).rglob("*.py")]
    written = {source.relative_to(checkout).as_posix() for source in sources}

    assert packages == set(pyproject["tool"]["importlinter"]["root_packages"])
    assert {name for name in contents if name.endswith(".py")} == written


def test_the_wheel_holds_no_tests_or_caches(contents: dict[str, bytes], pyproject: dict[str, Any]) -> None:
    roots = {name.split("/")[0] for name in contents if ".dist-info/" not in name}
    endings = {Path(name).suffix for name in contents if ".dist-info/" not in name}

    assert roots == _packages(pyproject)
    assert not endings & {".pyc", ".so", ".log", ".sqlite"}


def test_every_package_says_that_it_is_typed(contents: dict[str, bytes], pyproject: dict[str, Any]) -> None:
    assert {f"{name}/py.typed" for name in _packages(pyproject)} <= set(contents)


def test_the_catalog_travels_with_its_package(checkout: Path, contents: dict[str, bytes]) -> None:
    assert contents["deploy/catalog.json"] == (checkout / "deploy" / "catalog.json").read_bytes()


def test_the_example_library_travels_whole(checkout: Path, contents: dict[str, bytes]) -> None:
    library = checkout / "examples" / "library"
    written = {
        f"stillroom/example_library/{path.relative_to(library).as_posix()}": path.read_bytes()
        for path in library.rglob("*")
        if path.is_file()
    }

    carried = {name: body for name, body in contents.items() if name.startswith("stillroom/example_library/")}

    assert carried == written
    assert {Path(name).suffix for name in carried} == {".md", ".txt", ".html", ".pdf", ".docx"}


def test_licence_and_notice_are_in_the_wheel_and_its_metadata(
    checkout: Path, contents: dict[str, bytes], metadata: Message
) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE", "NOTICE"]
    for name in ("LICENSE", "NOTICE"):
        assert _dist_info(contents, f"licenses/{name}") == (checkout / name).read_text(encoding="utf-8")


def test_installing_puts_one_command_on_the_path(contents: dict[str, bytes]) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(_dist_info(contents, "entry_points.txt"))

    assert {name: dict(entry_points[name]) for name in entry_points.sections()} == {
        "console_scripts": {"stillroom": "stillroom.__main__:main"}
    }


def test_the_metadata_offers_the_extras_and_names_packages_by_name_alone(
    metadata: Message, pyproject: dict[str, Any]
) -> None:
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist") or ()]

    assert set(metadata.get_all("Provides-Extra") or ()) == set(pyproject["project"]["optional-dependencies"])
    assert metadata["Requires-Python"] == pyproject["project"]["requires-python"]
    assert required
    assert [str(requirement) for requirement in required if requirement.url] == []


def test_the_installed_wheel_runs_from_another_folder_on_its_own_files(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    program = (
        "import json, deploy.catalog, stillroom.cli.demo as demo;"
        "models = deploy.catalog.load_catalog().models;"
        "print(json.dumps([demo.__file__, str(demo.example_library()), len(models)]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    module, library, models = json.loads(done.stdout)
    assert Path(module) == installed / "stillroom" / "cli" / "demo.py"
    assert Path(library) == installed / "stillroom" / "example_library"
    assert models > 0


def _packages(pyproject: dict[str, Any]) -> set[str]:
    return set(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def _dist_info(contents: dict[str, bytes], name: str) -> str:
    return contents[f"stillroom-{stillroom.__version__}.dist-info/{name}"].decode("utf-8")
