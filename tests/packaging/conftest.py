"""What pyproject.toml says, for the tests that hold the wheel and the lock to it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that the wheel is built from."""
    return REPOSITORY


@pytest.fixture(scope="session")
def pyproject(checkout: Path) -> dict[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
