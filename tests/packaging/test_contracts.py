"""The import contracts in pyproject name what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

# What the library may know of deployment.
ALLOWED = {"deploy.endpoint", "deploy.chat", "deploy.chat_errors"}


def test_every_other_module_of_deploy_is_forbidden_to_the_library(
    checkout: Path, pyproject: dict[str, Any]
) -> None:
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    (library,) = (contract for contract in contracts if contract.get("source_modules") == ["rag"])
    modules = {
        f"deploy.{path.stem}"
        for path in (checkout / "deploy").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem != "__init__"
    }

    assert set(library["forbidden_modules"]) == modules - ALLOWED
