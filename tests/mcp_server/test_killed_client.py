"""When its client is killed, the server ends by itself, whatever it is at, and leaves nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mcp_server.conftest import SERVING
from tests.processes import runs, wait_until

CLIENT = Path(__file__).with_name("killed_client.py")
NEVER_ANSWERS = {"name": "plan_deployment", "arguments": {}}


@pytest.mark.parametrize("asked", ["", json.dumps(NEVER_ANSWERS)], ids=["idle", "in the middle of a call"])
def test_server_ends_when_its_client_is_killed(asked: str, tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    command = [sys.executable, str(CLIENT), asked, sys.executable, str(SERVING), "--without-library"]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as client,
    ):
        assert client.stdout is not None
        server = int(client.stdout.readline())
        if asked:
            assert wait_until(lambda: "waiting for ever" in log.read_text(encoding="utf-8"))
        assert runs(server)
        client.kill()
        assert wait_until(lambda: not runs(server))
    assert "Traceback" not in log.read_text(encoding="utf-8")
