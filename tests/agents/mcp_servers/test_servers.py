"""Servers of an ``mcp.json`` are started together, once a person has approved them, and give their tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stillroom.errors import ToolError
from tests.processes import children_with, runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.mcp_servers.servers import McpServers
    from tests.agents.mcp_servers.conftest import Workshop

    ToolsOf = Callable[[McpServers], dict[str, Any]]

TOKEN = "tok-very-secret-9"


def test_nothing_is_started_before_the_tools_are_asked_for(workshop: Workshop) -> None:
    workshop.plain("a")
    with workshop.servers():
        assert not workshop.starts.exists()


def test_tools_are_prefixed_and_run(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("my files")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        (name,) = (name for name in tools if name.endswith("__echo"))
        assert name.startswith("my_files_")
        assert tools[name].server == "my files"
        assert tools[name].call({"text": "你好"}).text == "你好"
        assert servers.problems == ()


def test_server_that_hangs_does_not_hold_up_the_others(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("hung", "hangs")
    workshop.plain("good")
    with workshop.servers(patience_seconds=1.0) as servers:
        assert wait_until(lambda: "good__echo" in tools_of(servers))
        (problem,) = servers.problems
        assert problem.message == "the MCP server hung is still starting; its tools come later"
        (child,) = children_with("hangs")
    assert wait_until(lambda: not runs(child.pid))


def test_server_that_ends_at_its_start_is_a_problem_with_its_last_words(workshop: Workshop) -> None:
    workshop.plain("broken", "ends")
    workshop.entries["missing"] = {"command": "/no/such/program"}
    with workshop.servers() as servers:
        assert servers.tools() == ()
        problems = {problem.server: problem for problem in servers.problems}
    assert "plain_server: no such database" in problems["broken"].message
    assert problems["broken"].hint == "stillroom mcp test broken"
    assert "cannot be started: there is no program /no/such/program" in problems["missing"].message
    assert workshop.person is not None
    assert workshop.person.asked == ["start broken"]  # nobody is asked about what is not there


def test_start_that_takes_too_long_is_given_up(workshop: Workshop) -> None:
    workshop.plain("hung", "hangs")
    with workshop.servers(start_seconds=0.5) as servers:
        assert servers.tools() == ()
        (problem,) = servers.problems
    assert "opened no MCP session: no answer within 0.5 s" in problem.message


def test_server_that_knows_only_the_old_greeting_is_greeted_again(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("old", "strict")
    with workshop.servers() as servers:
        assert tools_of(servers)["old__echo"].call({"text": "hello"}).text == "hello"


@pytest.mark.parametrize("manner", ["rubbish", "floods"])
def test_rubbish_on_stdout_and_a_flood_on_stderr_do_no_harm(
    workshop: Workshop, tools_of: ToolsOf, manner: str, capfd: pytest.CaptureFixture[str]
) -> None:
    workshop.plain("loud", manner)
    with workshop.servers() as servers:
        assert tools_of(servers)["loud__echo"].call({"text": "still here"}).text == "still here"
    assert capfd.readouterr() == ("", "")


def test_disabled_and_unwanted_servers_are_not_started(workshop: Workshop) -> None:
    workshop.plain("off", disabled=True)
    workshop.plain("unwanted")
    with workshop.servers(only=("other",)) as servers:
        assert servers.tools() == ()
    assert not workshop.starts.exists()


def test_child_is_given_its_own_variables_and_no_others(
    workshop: Workshop, tools_of: ToolsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    workshop.plain("a", env={"MODE": "quick", "API_TOKEN": "${OPENAI_API_KEY}"})
    with workshop.servers() as servers:
        text = tools_of(servers)["a__environment"].call({}).text
    environment = json.loads(text)
    assert environment["MODE"] == "quick"
    assert environment["API_TOKEN"] == "‹hidden›"
    assert "PATH" in environment
    assert "OPENAI_API_KEY" not in environment


def test_secret_in_an_error_of_the_server_is_hidden(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        with pytest.raises(ToolError, match="cannot log in with ‹hidden›") as caught:
            tools_of(servers)["a__tell_secret"].call({})
        assert TOKEN not in repr(servers)
    assert TOKEN not in str(caught.value)


def test_only_tools_that_read_on_this_machine_run_without_asking(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a", alwaysAllow=["unmarked"])
    with workshop.servers() as servers:
        asks = {name: tool.needs_consent for name, tool in tools_of(servers).items()}
    assert not asks["a__echo"]
    assert not asks["a__unmarked"]
    assert asks["a__write"]
    assert asks["a__look_outside"]


def test_what_is_no_tool_in_a_list_is_left_out_by_name_and_the_others_work(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("odd", "odd")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        assert tools["odd__echo"].call({"text": "still here"}).text == "still here"
        assert not [name for name in tools if name.startswith(("odd__odd", "odd__no", "odd__5"))]
        (problem,) = servers.problems
        assert len(servers.started("odd").left_out) == 5
    assert "odd_schema (inputSchema.type: input should be 'object', and it is 'string')" in problem.message
    assert "no_schema (inputSchema: field required)" in problem.message
    assert TOKEN not in problem.message
    assert problem.hint == "stillroom mcp test odd"


def test_answer_that_is_no_mcp_names_the_place_and_the_value(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("odd", "odd")
    with workshop.servers() as servers, pytest.raises(ToolError) as caught:
        tools_of(servers)["odd__answer_oddly"].call({})
    assert caught.value.message.startswith("answer_oddly of odd: the answer is no MCP: content.0.")
    assert "text: input should be a valid string, and it is 5" in caught.value.message


def test_tool_that_works_only_as_a_task_is_left_out(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        assert "a__task" not in tools_of(servers)
        assert "task" in [served.name for served in servers.started("a").served]


def test_bad_argument_is_told_before_the_server_is_asked(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    with workshop.servers() as servers, pytest.raises(ToolError, match="'text' is missing"):
        tools_of(servers)["a__echo"].call({})


def test_list_that_changed_is_fetched_and_asked_about_before_the_next_run(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        tools_of(servers)["a__more_tools"].call({})
        assert workshop.person is not None
        workshop.person.asked.clear()
        assert "a__later" in tools_of(servers)
        assert workshop.person.asked == ["use True a"]
        assert [change.tool for change in workshop.person.changed] == ["later"]


def test_every_process_is_gone_after_the_block(workshop: Workshop) -> None:
    workshop.plain("a")
    workshop.plain("b")
    with workshop.servers() as servers:
        servers.tools()
        children = children_with(str(workshop.starts))
        assert len(children) == 2
    assert not any(runs(child.pid) for child in children)


def test_no_secret_is_logged_even_where_everything_is(
    workshop: Workshop, tools_of: ToolsOf, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.plain("a", "rubbish")
    with caplog.at_level("DEBUG"), workshop.servers() as servers:
        tools = tools_of(servers)
        tools["a__environment"].call({})
        with pytest.raises(ToolError):
            tools["a__tell_secret"].call({})
        tools["a__log"].call({})
        assert wait_until(lambda: "a logs (warning): logged in with ‹hidden›" in caplog.text)
    assert "Failed to parse" in caplog.text
    assert TOKEN not in caplog.text
