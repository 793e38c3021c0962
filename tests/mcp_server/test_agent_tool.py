"""The agent as a tool: bounded in time, whatever its model does."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from agents.background import start_in_background
from agents.call_context import CallContext
from agents.running.limits import Limits
from agents.running.trace_events import TraceEvents
from agents.toolbox import Services
from agents.tools import tool
from deploy.catalog import load_catalog
from deploy.endpoint import Endpoint
from mcp_server.agent_tool import AgentTool
from stillroom.errors import ToolError
from tests.agents.chat_script import Reply, chat_script

if TYPE_CHECKING:
    from agents.running.trace_events import TraceEvent


def unopened() -> NoReturn:
    raise AssertionError


def services(base_url: str) -> Services:
    endpoint = Endpoint(base_url=base_url, model="m", engine="embedded", context_tokens=2048)
    return Services(unopened, lambda: endpoint, unopened, load_catalog)


def test_run_ends_in_time_when_the_model_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        agent = tool(AgentTool(services(url), limits=Limits(seconds=0.5)).run_agent)
        result = agent.call({"question": "How large is a 7B model?"})
    assert result.data["ended_by"] == "time_limit"
    assert result.text.startswith("No answer: the run was ended by its limit of 0.5 seconds.")


def test_run_behind_mcp_ends_at_each_limit_that_it_was_given() -> None:
    call = '{"action": "calculate", "args": {"expression": "6 * 7"}}'
    with chat_script(Reply([call])) as chat:
        given = replace(services(""), endpoint=chat.endpoint)
        result = tool(AgentTool(given, limits=Limits(steps=1)).run_agent).call({"question": "What is 6 * 7?"})
    assert result.data["ended_by"] == "step_limit"
    assert "limit of 1 turns" in result.text


def test_run_that_its_client_cancels_leaves_the_model_at_once_and_tells_which_tool_works() -> None:
    call = '{"action": "calculate", "args": {"expression": "6 * 7"}}'
    told: list[str] = []
    silent = Reply(silent=True)
    with chat_script(Reply([call]), silent) as chat:
        context = CallContext(progress=lambda message, _: told.append(message))
        agent = tool(AgentTool(replace(services(""), endpoint=chat.endpoint)).run_agent)
        running = start_in_background(lambda: agent.call({"question": "What is 6 * 7?"}, context))
        assert silent.sent.wait(120)
        context.cancelled.set()
        with pytest.raises(ToolError, match="nobody waits"):
            running.result(120)
        assert silent.left.wait(120)
    assert told == ["1. calculate"]


def test_endpoint_that_is_gone_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    agent = tool(AgentTool(services(f"http://127.0.0.1:{port}/v1")).run_agent)
    with pytest.raises(ToolError, match=str(port)):
        agent.call({"question": "How large is a 7B model?"})


def test_run_behind_mcp_is_recorded_like_any_other() -> None:
    events: list[TraceEvent] = []
    call = '{"action": "calculate", "args": {"expression": "6 * 7"}}'
    answer = '{"action": "final_answer", "args": {"answer": "It is 42."}}'
    with chat_script(Reply([call]), Reply([answer])) as chat:
        given = replace(services(""), endpoint=chat.endpoint, recorder=lambda: TraceEvents([events.append]))
        tool(AgentTool(given).run_agent).call({"question": "What is 6 * 7?"})
    told = [event["event"] for event in events]
    assert (told[0], told[-1]) == ("run_started", "run_ended")
    assert [event["tool"] for event in events if event["event"] == "tool_called"] == ["calculate"]
