"""A person's own terminal, in a house of its own: settings point into a temporary folder.

Weights are shared between tests and with ``make demo``: they come from the platform's cache directory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """Where one person's library, state and settings are, and how that person runs commands.

    Attributes:
        environment: is added to every command's environment.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Libraries."""
        return self.folder / "data"

    @property
    def state_dir(self) -> Path:
        """The running engine's record and logs."""
        return self.folder / "state"

    def variables(self) -> dict[str, str]:
        """The environment that commands run in: nobody's settings but these."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("STILLROOM_")}
        own = {
            "STILLROOM_DATA_DIR": str(self.data_dir),
            "STILLROOM_STATE_DIR": str(self.state_dir),
            "STILLROOM_CACHE_DIR": str(platformdirs.user_cache_path("stillroom")),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        return {**inherited, **own, **self.environment}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``stillroom ARGUMENTS`` and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-m", "stillroom", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.variables(),
        )

    def run(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Run ``stillroom ARGUMENTS`` to its end."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run ``stillroom ARGUMENTS --json``, which must succeed, and parse its one line."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A house with nothing in it."""
    return Home(tmp_path)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A house whose library holds the example documents; tests only read it."""
    home = Home(tmp_path_factory.mktemp("furnished"))
    done = home.run("ingest", str(REPOSITORY / "examples" / "library"))
    assert done.returncode == 0, done.stderr
    return home
