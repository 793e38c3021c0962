"""A server that dies is started once more; a call is repeated only where that does no harm."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from anyio.from_thread import start_blocking_portal

from agents.background import start_in_background
from agents.call_context import CallContext
from agents.mcp_servers.server import McpServer
from stillroom.errors import McpError, ToolError
from tests.processes import children_with, runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.mcp_servers.servers import McpServers
    from tests.agents.mcp_servers.conftest import Workshop

    ToolsOf = Callable[[McpServers], dict[str, Any]]


def test_reading_call_is_made_again_after_the_server_died_in_it(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        assert tools_of(servers)["a__die_once"].call({}).text == "done"
    assert workshop.starts.read_text() == "xx"


def test_writing_call_is_not_made_again_and_the_server_serves_on(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        with pytest.raises(ToolError, match="whether the call had an effect is not known"):
            tools["a__die_writing"].call({})
        assert tools["a__echo"].call({"text": "back"}).text == "back"
    assert workshop.starts.read_text() == "xx"


def test_server_that_dies_twice_is_given_up_with_its_last_words(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        with pytest.raises(ToolError) as caught:
            tools["a__die"].call({})
        with pytest.raises(ToolError) as after:
            tools["a__echo"].call({"text": "anybody?"})
    assert after.value.message == caught.value.message
    assert "fatal: the token ‹hidden› is out of order" in caught.value.message
    assert "started once more, and died again" in caught.value.message
    assert caught.value.hint == "stillroom mcp test a"
    assert workshop.starts.read_text() == "xx"


def test_server_that_was_killed_between_calls_answers_even_a_writing_one(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        (child,) = children_with(str(workshop.starts))
        os.kill(child.pid, signal.SIGKILL)
        assert wait_until(lambda: not runs(child.pid))
        (server, _) = servers._started["a"]
        assert server.session is not None
        session = server.session
        assert wait_until(lambda: session.process_ended)
        assert tools["a__write"].call({"text": "kept"}).text == "kept"


def test_server_that_offers_something_else_after_it_died_is_given_up(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a", "changes")
    with workshop.servers() as servers:
        tools = tools_of(servers)
        with pytest.raises(ToolError, match="offers other tools since it was started again") as caught:
            tools["a__die_once"].call({})
        with pytest.raises(ToolError, match="offers other tools"):
            tools["a__echo"].call({"text": "x"})
    assert caught.value.hint == "stillroom mcp approve a"


def test_many_calls_at_once_share_one_second_start(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    texts: list[str] = []
    with workshop.servers() as servers:
        die_once = tools_of(servers)["a__die_once"]
        threads = [threading.Thread(target=lambda: texts.append(die_once.call({}).text)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == ["done"] * 6
    assert workshop.starts.read_text() == "xx"


def test_a_call_that_was_under_way_at_the_end_starts_no_process_again(
    workshop: Workshop, tools_of: ToolsOf
) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        stall = tools_of(servers)["a__stall"]
        stalling = start_in_background(lambda: stall.call({}))
        assert wait_until(workshop.starts.with_suffix(".stalled").exists)
    with pytest.raises(ToolError, match="was stopped"):
        stalling.result(120)
    assert workshop.starts.read_text() == "x"


def test_a_server_that_was_stopped_before_it_began_to_start_is_not_started(workshop: Workshop) -> None:
    workshop.plain("a")
    with workshop.servers() as servers, start_blocking_portal() as portal:
        server = McpServer(servers.config.find("a"), portal, os.environ, 30.0, 60.0)
        server.stop()
        with pytest.raises(McpError, match="was stopped"):
            server.start()
    assert not workshop.starts.exists()


def test_call_that_nobody_wants_is_cancelled_at_the_server(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    context = CallContext()
    with workshop.servers() as servers:
        stall = tools_of(servers)["a__stall"]
        stalling = start_in_background(lambda: stall.call({}, context))
        assert wait_until(workshop.starts.with_suffix(".stalled").exists)
        context.cancelled.set()
        with pytest.raises(ToolError, match="stopped"):
            stalling.result(120)
        assert wait_until(workshop.starts.with_suffix(".cancelled").exists)


def test_call_ends_at_the_time_limit_of_the_configuration(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a", timeout=2)
    with workshop.servers() as servers:
        tools = tools_of(servers)
        with pytest.raises(ToolError, match=r"within 2 s"):
            tools["a__stall"].call({})
        assert wait_until(workshop.starts.with_suffix(".cancelled").exists)
        assert tools["a__echo"].call({"text": "x"}).text == "x"


def test_signs_of_life_do_not_extend_the_time_limit(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a", timeout=1.5)
    told: list[str] = []
    context = CallContext(progress=lambda message, _: told.append(message))
    with (
        workshop.servers() as servers,
        pytest.raises(ToolError, match=r"within 1\.5 s"),
    ):
        tools_of(servers)["a__creep"].call({}, context)
    assert told


def test_ten_megabytes_are_cut_to_a_page(workshop: Workshop, tools_of: ToolsOf) -> None:
    workshop.plain("a")
    with workshop.servers() as servers:
        text = tools_of(servers)["a__large"].call({}).text
    assert len(text) < 10_000
    assert "characters left out" in text
