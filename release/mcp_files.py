"""Builds what MCP hosts install Stillroom by: ``server.json`` for the MCP registry, and an ``.mcpb`` bundle.

    python release/mcp_files.py dist --repository https://github.com/OWNER/stillroom

``dist`` holds the wheel already (``make dist`` does both). The same sources give the same bytes: files stand
in the bundle in their order, uncompressed, with one date. Nothing is sent anywhere.

Formats: https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json and
https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md, version 0.4.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHECKOUT: Final = Path(__file__).resolve().parent.parent
SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
MANIFEST_VERSION: Final = "0.4"
# The earliest date that a zip archive can hold.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16
_SYSTEMS: Final = {
    "Operating System :: MacOS": "darwin",
    "Operating System :: Microsoft :: Windows": "win32",
    "Operating System :: POSIX :: Linux": "linux",
}
_LIBRARY: Final = "Which of your libraries to serve."
_CONFIG: Final = "Settings come from your own stillroom.toml, never from one in the folder it is started in."
_LONG: Final = (
    "Search, read and cite your own documents, plan and watch local models, and let a local agent work with "
    "them. Documents and models stay on your machine. The tool ingest fills the library, and so does "
    "`stillroom ingest PATH`."
)
_MAIN: Final = '''\
"""Serves Stillroom over stdio; uv runs this with the wheel beside it."""

import os
import sys

from stillroom.__main__ import main

# A field that was cleared comes as nothing, or as what should have been filled in.
if os.environ.get("STILLROOM_LIBRARY", "").startswith("${") or not os.environ.get("STILLROOM_LIBRARY"):
    os.environ.pop("STILLROOM_LIBRARY", None)
sys.argv[1:] = ["mcp", "serve"]
main()
'''


def registry_name(repository: str) -> str:
    """What the MCP registry calls the server: GitHub accounts own the names below ``io.github.``.

    Example:
        >>> registry_name("https://github.com/somebody/stillroom")
        'io.github.somebody/stillroom'
    """
    parts = urlsplit(repository)
    owner, _, name = parts.path.strip("/").partition("/")
    if parts.scheme != "https" or parts.hostname != "github.com" or not owner or not name or "/" in name:
        raise SystemExit(f"--repository {repository!r}: https://github.com/OWNER/NAME is needed")
    return f"io.github.{owner}/{name}"


def server_json(project: Mapping[str, Any], version: str, repository: str, bundle: bytes) -> dict[str, Any]:
    """The registry's record: the package on PyPI, and the bundle among the repository's releases."""
    name = project["name"]
    library = {"name": "STILLROOM_LIBRARY", "description": _LIBRARY, "format": "string", "default": "default"}
    # A host starts servers in folders that may be anybody's; nobody is asked about a value that is fixed.
    config = {"name": "STILLROOM_CONFIG", "description": _CONFIG, "format": "string", "value": "own"}
    return {
        "$schema": SCHEMA,
        "name": registry_name(repository),
        "title": "Stillroom",
        "description": project["description"],
        "version": version,
        "repository": {"url": repository, "source": "github"},
        "packages": [
            {
                "registryType": "pypi",
                "registryBaseUrl": "https://pypi.org",
                "identifier": name,
                "version": version,
                "runtimeHint": "uvx",
                # The embedder that works offline, which is an extra.
                "runtimeArguments": [
                    {"type": "named", "name": "--with", "value": f"{name}[embedded]=={version}"}
                ],
                "packageArguments": [
                    {"type": "positional", "value": "mcp"},
                    {"type": "positional", "value": "serve"},
                ],
                "environmentVariables": [config, library],
                "transport": {"type": "stdio"},
            },
            {
                "registryType": "mcpb",
                "identifier": f"{repository}/releases/download/v{version}/{bundle_name(project, version)}",
                "version": version,
                "fileSha256": hashlib.sha256(bundle).hexdigest(),
                "transport": {"type": "stdio"},
            },
        ],
    }


def manifest(
    project: Mapping[str, Any], version: str, repository: str, tools: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """What a host shows and starts; uv makes the environment on the person's machine."""
    return {
        "manifest_version": MANIFEST_VERSION,
        "name": project["name"],
        "display_name": "Stillroom",
        "version": version,
        "description": project["description"],
        "long_description": _LONG,
        "author": {"name": "The Stillroom authors"},
        "repository": {"type": "git", "url": repository},
        "documentation": f"{repository}/blob/main/docs/mcp.md",
        "support": f"{repository}/issues",
        "license": project["license"],
        "keywords": project["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "server/main.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "server/main.py"],
                # Settings come from the person's own stillroom.toml, whatever folder the host works in.
                "env": {"STILLROOM_CONFIG": "own", "STILLROOM_LIBRARY": "${user_config.library}"},
            },
        },
        "tools": list(tools),
        "prompts_generated": True,
        "compatibility": {
            "platforms": sorted(_SYSTEMS[line] for line in project["classifiers"] if line in _SYSTEMS),
            "runtimes": {"python": project["requires-python"]},
        },
        "user_config": {
            "library": {
                "type": "string",
                "title": "Library",
                "description": _LIBRARY,
                "default": "default",
                "required": False,
            }
        },
    }


def environment_toml(project: Mapping[str, Any], version: str, wheel: str, pins: Sequence[str]) -> str:
    """The bundle's own ``pyproject.toml``: the wheel beside it, with the versions that were tested."""
    pinned = "".join(f"  {json.dumps(pin)},\n" for pin in pins)
    return (
        f'[project]\nname = "{project["name"]}-bundle"\nversion = "{version}"\n'
        f'requires-python = "{project["requires-python"]}"\n'
        f'dependencies = ["{project["name"]}[embedded]"]\n\n'
        f"[tool.uv]\npackage = false\nconstraint-dependencies = [\n{pinned}]\n\n"
        f'[tool.uv.sources]\n{project["name"]} = {{ path = "wheels/{wheel}" }}\n'
    )


def pack(files: Mapping[str, bytes], path: Path) -> bytes:
    """Write a zip archive whose bytes depend on the files alone, and return them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _DATE)
            member.external_attr = _READABLE
            member.create_system = 3  # Unix, on whichever system this runs
            archive.writestr(member, files[name])
    return path.read_bytes()


def bundle_name(project: Mapping[str, Any], version: str) -> str:
    """Of the file, as the releases have it."""
    return f"{project['name']}-{version}.mcpb"


def served_tools() -> list[dict[str, str]]:
    """The tools of the real server, with the first sentence of what each says of itself."""
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "make", "version": "1"},
    }
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "stillroom", "mcp", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise SystemExit("the server has no stdin or no stdout")
        for message in messages:
            server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()
        # It ends when its stdin does, so that is closed only once the answer is here.
        answers = (json.loads(line) for line in server.stdout)
        listed = next((answer["result"] for answer in answers if answer.get("id") == 2), None)  # noqa: PLR2004
        server.stdin.close()
    if listed is None:
        raise SystemExit("the server did not list its tools")
    return [
        {"name": tool["name"], "description": re.split(r"(?<=\.)\s", tool["description"], maxsplit=1)[0]}
        for tool in listed["tools"]
    ]


def main() -> None:
    """Build both files into the folder that holds the wheel."""
    parser = argparse.ArgumentParser(description="Build server.json and the .mcpb bundle beside the wheel.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repository", required=True)
    given = parser.parse_args()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wheel,) = given.folder.glob(f"{project['name']}-*.whl")
    version = wheel.name.split("-")[1]
    lines = (CHECKOUT / "requirements" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    name = registry_name(given.repository)
    mark = f"<!-- mcp-name: {name} -->"
    if mark not in (CHECKOUT / "README.md").read_text(encoding="utf-8"):
        raise SystemExit(f"README.md, which PyPI shows, has to say {mark}: the registry looks for it there")
    files = {
        "manifest.json": _pretty(manifest(project, version, given.repository, served_tools())),
        "pyproject.toml": environment_toml(project, version, wheel.name, pins).encode(),
        "server/main.py": _MAIN.encode(),
        f"wheels/{wheel.name}": wheel.read_bytes(),
        **{name: (CHECKOUT / name).read_bytes() for name in ("LICENSE", "NOTICE")},
    }
    bundle = pack(files, given.folder / bundle_name(project, version))
    record = server_json(project, version, given.repository, bundle)
    (given.folder / "server.json").write_bytes(_pretty(record))
    for path in (given.folder / bundle_name(project, version), given.folder / "server.json"):
        print(path)


def _pretty(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


if __name__ == "__main__":
    main()
