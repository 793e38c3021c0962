"""Somebody who runs ``stillroom mcp`` in a home of their own, in this process."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from stillroom.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Person:
    """Somebody whose home is empty, and who stands in a project's folder; commands run in this process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, printed: pytest.CaptureFixture[str]) -> None:
        self.home = folder / "home"
        self.project = folder / "project"
        self._patch, self._printed = patch, printed
        for path in (self.home, self.project):
            path.mkdir()
        patch.chdir(self.project)
        for name in [name for name in os.environ if name.startswith("STILLROOM_")]:
            patch.delenv(name)
        self.set(HOME=str(self.home), XDG_CONFIG_HOME=str(self.home / ".config"), COLUMNS="200", NO_COLOR="1")
        self.set(STILLROOM_DATA_DIR=str(folder / "data"))

    def set(self, **variables: str) -> None:
        """Set variables of the shell."""
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``stillroom mcp ARGUMENTS``."""
        code = run(["mcp", *arguments])
        printed = self._printed.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command prints
        """The same with ``--json``; it must succeed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
