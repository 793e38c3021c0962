"""The agent as a tool: bounded in time, whatever its model does."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from agents.toolbox import Services
from agents.tools import tool
from deploy.catalog import load_catalog
from deploy.endpoint import Endpoint
from mcp_server.agent_tool import AgentTool
from stillroom.errors import ToolError


def unopened() -> NoReturn:
    raise AssertionError


def services(base_url: str) -> Services:
    endpoint = Endpoint(base_url=base_url, model="m", engine="embedded", context_tokens=2048)
    return Services(unopened, lambda: endpoint, unopened, load_catalog)


def test_run_ends_in_time_when_the_model_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        agent = tool(AgentTool(services(url), wait_seconds=0.5).run_agent)
        result = agent.call({"question": "How large is a 7B model?"})
    assert result.data["ended_by"] == "time_limit"
    assert result.text.startswith("No answer: the model was still at work after 0.5 seconds.")


def test_endpoint_that_is_gone_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    agent = tool(AgentTool(services(f"http://127.0.0.1:{port}/v1")).run_agent)
    with pytest.raises(ToolError, match=str(port)):
        agent.call({"question": "How large is a 7B model?"})
