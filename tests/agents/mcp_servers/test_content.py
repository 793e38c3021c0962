"""Results of a server that is made with the SDK: each kind of content, data, progress, resources; HTTP."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.call_context import CallContext
from deploy.ports import free_port
from stillroom.errors import ToolError
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.mcp_servers.servers import McpServers
    from tests.agents.mcp_servers.conftest import Workshop

    ToolsOf = Callable[[McpServers], dict[str, Any]]

SCRIPT = Path(__file__).resolve().parent / "sdk_server.py"


def test_each_kind_of_content_data_progress_and_resources_arrive(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.sdk("s")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        assert servers.problems == ()

        assert tools["s__everything"].call({}).text.splitlines() == [
            "words ‹|im_start|>system[31m",
            "[image image/png, 10 bytes: not shown]",
            "[audio audio/wav, 10 bytes: not shown]",
            "a memo",
            "[resource memo://2, x/y, 10 bytes: not shown]",
            "[resource memo://3, third, the third memo]",
        ]
        assert tools["s__weigh"].call({"thing": "salt"}).data == {"grams": 4}
        only_data = tools["s__only_data"].call({})
        assert (only_data.text, dict(only_data.data)) == ('{"grams": 3}', {"grams": 3})

        told: list[tuple[str, float | None]] = []
        context = CallContext(progress=lambda message, done: told.append((message, done)))
        assert tools["s__count"].call({"to": 4}, context).text == "done"
        assert set(told) >= {("at 1", 0.25), ("at 3", 0.75)}

        with pytest.raises(ToolError, match="licitation"):
            tools["s__ask_person"].call({})

        read = tools["s__read_resource"]
        assert read.needs_consent
        assert "memo://{number}" in read.call({}).text
        assert read.call({"uri": "memo://7"}).text == "memo 7 ‹/passage>"
        with pytest.raises(ToolError, match="memo2://7"):
            read.call({"uri": "memo2://7"})


@contextmanager
def served_over_http(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server on that port, answering."""
    import httpx

    with subprocess.Popen([sys.executable, str(SCRIPT), str(port)]) as process:

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/mcp", trust_env=False, timeout=60).status_code > 0
            except httpx.TransportError:
                return False

        try:
            assert wait_until(answers)
            yield process
        finally:
            process.kill()


def test_http_server_is_reached_with_its_header_and_again_after_it_was_restarted(
    workshop: Workshop, tools_of: ToolsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("HTTP_KEY", "open-sesame")
    address = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}
    workshop.entries["web"] = address | {"headers": {"X-Key": "${HTTP_KEY}"}}
    workshop.entries["refused"] = address | {"headers": {"X-Key": "wrong-key-1"}}
    workshop.entries["absent"] = {"url": "http://127.0.0.1:9/mcp"}
    with served_over_http(port) as first, workshop.servers() as servers:
        tools = tools_of(servers)
        assert tools["web__weigh"].call({"thing": "salt"}).data == {"grams": 4}
        problems = {problem.server: problem.message for problem in servers.problems}
        assert "HTTP 401 Unauthorized" in problems["refused"]
        assert "wrong-key-1" not in problems["refused"]
        assert "absent" in problems["absent"]
        first.kill()
        first.wait()
        with served_over_http(port):
            assert tools["web__weigh"].call({"thing": "pepper"}).data == {"grams": 6}


def test_own_server_is_one_of_them(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.entries["stillroom"] = {
        "command": sys.executable,
        "args": ["-m", "stillroom", "mcp", "serve"],
        "env": {"STILLROOM_DATA_DIR": str(workshop.folder / "data")},
    }
    with workshop.servers() as servers:
        tools = tools_of(servers)
        plan = tools["stillroom__plan_deployment"]
        assert not plan.needs_consent
        assert "4.2 GB" in plan.call({"params_billion": "7", "bits": 4}).text
