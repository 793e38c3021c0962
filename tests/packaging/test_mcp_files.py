"""``make dist`` writes a record for the MCP registry and a bundle for hosts, as their formats want them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import stillroom
from release.mcp_files import pack, registry_name
from tests.mcp_server.handshake import initialize

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = "https://github.com/stillroom/stillroom"
# What the formats allow, so that a word that is none of theirs is seen: server.schema.json of 2025-12-11 and
# mcpb-manifest-v0.4.schema.json, read in November 2026.
RECORD_KEYS = {
    *("$schema", "_meta", "name", "title", "description", "version", "websiteUrl", "icons", "repository"),
    *("packages", "remotes"),
}
PACKAGE_KEYS = {
    *("registryType", "registryBaseUrl", "identifier", "version", "fileSha256", "runtimeHint"),
    *("runtimeArguments", "packageArguments", "environmentVariables", "transport"),
}
INPUT_KEYS = {"description", "isRequired", "format", "value", "isSecret", "default", "placeholder", "choices"}
MANIFEST_KEYS = {
    *("manifest_version", "name", "display_name", "version", "description", "long_description", "author"),
    *("repository", "homepage", "documentation", "support", "icon", "icons", "screenshots", "localization"),
    *("server", "tools", "tools_generated", "prompts", "prompts_generated", "keywords", "license"),
    *("privacy_policies", "compatibility", "user_config", "_meta"),
}
SEMANTIC = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``make dist`` leaves it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "."]
    for command in (build, [sys.executable, "release/mcp_files.py", str(folder), "--repository", REPOSITORY]):
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def record(dist: Path) -> dict[str, Any]:
    found = json.loads((dist / "server.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def bundle(dist: Path) -> Path:
    return dist / f"stillroom-{stillroom.__version__}.mcpb"


@pytest.fixture(scope="module")
def files(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    found = json.loads(files["manifest.json"])
    assert isinstance(found, dict)
    return found


def test_the_registrys_record_has_what_its_schema_wants(record: dict[str, Any]) -> None:
    assert record["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert record.keys() <= RECORD_KEYS
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", record["name"])
    assert 1 <= len(record["description"]) <= 100
    assert 1 <= len(record["title"]) <= 100
    assert record["version"] == stillroom.__version__
    assert SEMANTIC.fullmatch(record["version"])
    assert record["repository"] == {"url": REPOSITORY, "source": "github"}


def test_each_package_of_the_record_has_what_the_schema_wants(record: dict[str, Any]) -> None:
    assert [package["registryType"] for package in record["packages"]] == ["pypi", "mcpb"]
    for package in record["packages"]:
        assert {"registryType", "identifier", "transport"} <= package.keys() <= PACKAGE_KEYS
        assert package["transport"] == {"type": "stdio"}
        assert package["version"] == record["version"]
        for argument in (*package.get("runtimeArguments", ()), *package.get("packageArguments", ())):
            assert argument["type"] in {"positional", "named"}
            assert "value" in argument
            assert ("name" in argument) is (argument["type"] == "named")
        for variable in package.get("environmentVariables", ()):
            assert {"name"} < variable.keys() <= INPUT_KEYS | {"name"}


def test_the_record_starts_the_server_and_knows_the_bundle(record: dict[str, Any], bundle: Path) -> None:
    pypi, mcpb = record["packages"]

    assert [argument["value"] for argument in pypi["packageArguments"]] == ["mcp", "serve"]
    assert (pypi["identifier"], pypi["runtimeHint"]) == ("stillroom", "uvx")
    assert mcpb["fileSha256"] == hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert mcpb["identifier"].startswith(f"{REPOSITORY}/releases/download/")
    assert mcpb["identifier"].endswith(bundle.name)


def test_neither_package_reads_settings_that_a_cloned_repository_brings(
    record: dict[str, Any], manifest: dict[str, Any]
) -> None:
    variables = {one["name"]: one for one in record["packages"][0]["environmentVariables"]}

    assert variables["STILLROOM_CONFIG"]["value"] == "own"
    assert manifest["server"]["mcp_config"]["env"]["STILLROOM_CONFIG"] == "own"


def test_the_readme_says_the_name_that_the_registry_looks_for(record: dict[str, Any], checkout: Path) -> None:
    assert f"mcp-name: {record['name']} " in (checkout / "README.md").read_text(encoding="utf-8")


def test_the_manifest_has_what_its_schema_wants(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    assert {"manifest_version", "name", "version", "description", "author", "server"} <= manifest.keys()
    assert manifest.keys() <= MANIFEST_KEYS
    assert (manifest["manifest_version"], manifest["version"]) == ("0.4", stillroom.__version__)
    assert manifest["author"].keys() == {"name"}
    assert manifest["repository"].keys() == {"type", "url"}
    server = manifest["server"]
    assert server.keys() == {"type", "entry_point", "mcp_config"}
    assert server["type"] == "uv"
    assert server["entry_point"] in files
    assert server["mcp_config"].keys() == {"command", "args", "env"}
    assert set(manifest["compatibility"]["platforms"]) <= {"darwin", "win32", "linux"}
    for option in manifest["user_config"].values():
        assert {"type", "title", "description"} <= option.keys()
    for name in re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(server)):
        assert "default" in manifest["user_config"][name]


def test_the_manifest_lists_the_tools_that_are_served(manifest: dict[str, Any], checkout: Path) -> None:
    page = (checkout / "docs" / "mcp.md").read_text(encoding="utf-8")

    names = [tool["name"] for tool in manifest["tools"]]

    assert names == list(dict.fromkeys(names))
    assert {"search_library", "ask_library", "read_document", "plan_deployment", "run_agent"} <= set(names)
    for tool in manifest["tools"]:
        assert tool.keys() == {"name", "description"}
        assert tool["description"].endswith(".")
        assert f"`{tool['name']}`" in page


def test_the_bundle_brings_the_wheel_its_versions_and_its_licence(
    files: dict[str, bytes], checkout: Path, dist: Path
) -> None:
    own = tomllib.loads(files["pyproject.toml"].decode())
    (wheel,) = dist.glob("*.whl")
    pins = (checkout / "requirements" / "constraints.txt").read_text(encoding="utf-8")

    assert own["project"]["dependencies"] == ["stillroom[embedded]"]
    assert files[own["tool"]["uv"]["sources"]["stillroom"]["path"]] == wheel.read_bytes()
    assert own["tool"]["uv"]["constraint-dependencies"] == [
        line for line in pins.splitlines() if not line.startswith("#")
    ]
    assert files["LICENSE"] == (checkout / "LICENSE").read_bytes()
    assert files["NOTICE"] == (checkout / "NOTICE").read_bytes()


@pytest.mark.parametrize("library", ["", "${user_config.library}"], ids=["cleared", "not filled in"])
def test_the_bundles_entry_point_serves_whatever_comes_of_its_field(
    files: dict[str, bytes], tmp_path: Path, library: str
) -> None:
    script = tmp_path / "main.py"
    script.write_bytes(files["server/main.py"])

    served = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "STILLROOM_LIBRARY": library},
        input=json.dumps(initialize("2025-06-18", client="host")) + "\n",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert json.loads(served.stdout)["result"]["serverInfo"]["version"] == stillroom.__version__, (
        served.stderr
    )


def test_the_same_files_make_the_same_bundle_in_any_order(tmp_path: Path) -> None:
    files = {"b": b"2", "a/c": b"1" * 100_000}

    first = pack(files, tmp_path / "first")

    assert pack(dict(reversed(files.items())), tmp_path / "second") == first
    with zipfile.ZipFile(tmp_path / "first") as archive:
        assert archive.namelist() == ["a/c", "b"]
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.external_attr >> 16 & 0o777 for member in archive.infolist()} == {0o644}


@pytest.mark.parametrize(
    "wrong", ["", "github.com/a/b", "http://github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a"]
)
def test_a_repository_that_the_registry_cannot_verify_is_refused(wrong: str) -> None:
    with pytest.raises(SystemExit, match="OWNER/NAME is needed"):
        registry_name(wrong)
