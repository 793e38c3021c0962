"""Shared by what tests containers' files: their place, and what is wrong with a Compose file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = REPOSITORY / "docker"

Document = dict[str, Any]


def read_compose(path: Path) -> Document:
    """The file as YAML has it, with anchors followed and variables as they stand."""
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def require_schema(path: Path) -> None:
    """The file is one that Compose takes: by the Compose specification's own schema."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def dangling_names(document: Document) -> Iterator[str]:
    """Services, volumes and configs that are named and not there, which the schema does not see."""
    for name, service in document["services"].items():
        for needed in service.get("depends_on", {}):
            if needed not in document["services"]:
                yield f"{name} depends on {needed}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else None
            if source is not None and source not in document.get("volumes", {}):
                yield f"{name} mounts {source}"
        for config in service.get("configs", []):
            if config["source"] not in document.get("configs", {}):
                yield f"{name} reads {config['source']}"


def one_shots(document: Document) -> set[str]:
    """Services that end by themselves: they make something, and are given no restart."""
    return {name for name, service in document["services"].items() if "restart" not in service}


def without_health_check(document: Document) -> set[str]:
    """Services of which Docker would not know whether they work."""
    return {
        name
        for name, service in document["services"].items()
        if "healthcheck" not in service or service["healthcheck"].get("disable")
    }


def published_addresses(document: Document) -> set[str]:
    """Where ports are opened if nobody says otherwise; a short form would open them everywhere."""
    ports = [port for service in document["services"].values() for port in service.get("ports", [])]
    return {port["host_ip"] if isinstance(port, dict) else port for port in ports}
