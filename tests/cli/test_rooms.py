"""The rooms give the tools that the settings allow, and no more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.mcp_client import open_server
from mcp_server.catalog import served_tools
from stillroom.cli.rooms import Rooms
from stillroom.errors import ToolError
from stillroom.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Home


def rooms(folder: Path, **settings: object) -> Rooms:
    own = {"data_dir": folder / "data", "state_dir": folder / "state", "cache_dir": folder / "cache"}
    return Rooms(load_settings({**own, **settings}))


def test_tools_beyond_the_library_come_with_their_settings(tmp_path: Path) -> None:
    plain = {tool.name for tool in rooms(tmp_path).toolbox()}
    reaching = rooms(tmp_path, agent_file_roots=(tmp_path,), agent_web=True, agent_python=True)
    added = {tool.name for tool in reaching.toolbox()} - plain
    assert added == {"list_files", "read_file", "search_files", "fetch_page", "run_python"}
    assert "read_result" in plain


def test_tools_of_others_are_paged_with_ours(tmp_path: Path) -> None:
    others = rooms(tmp_path).toolbox()[:1]
    *_, last, reading = rooms(tmp_path).toolbox(others)
    assert (last.name, reading.name) == (others[0].name, "read_result")
    assert last.pages is not None
    assert last.pages is not others[0].pages


def test_a_client_of_ours_is_offered_no_tool_that_asks_first(tmp_path: Path) -> None:
    reaching = rooms(tmp_path, agent_file_roots=(tmp_path,), agent_web=True, agent_python=True)
    offered = {tool.name for tool in served_tools(reaching.services(), reaching.access)}
    assert {"list_files", "read_file", "search_files"} <= offered
    assert not {"fetch_page", "run_python"} & offered


def test_a_client_reads_files_below_the_folder_that_a_variable_names(home: Home) -> None:
    notes = home.folder / "notes"
    notes.mkdir()
    (notes / "valve.txt").write_text("The valve opens at 4.2 bar.")
    (home.folder / "secret.txt").write_text("SECRET")
    home.environment["STILLROOM_AGENT_FILE_ROOTS"] = str(notes)
    serving = [sys.executable, "-m", "stillroom", "mcp", "serve"]
    with open_server(serving, environment=home.variables()) as server:
        tools = {tool.name: tool for tool in server.tools()}
        assert "4.2 bar" in tools["read_file"].call({"path": "valve.txt"}).text
        with pytest.raises(ToolError, match="leads out of the folders"):
            tools["read_file"].call({"path": "../secret.txt"})
        with pytest.raises(ToolError, match="is missing"):
            tools["read_file"].call({})


def test_engine_status_where_nothing_was_started_is_told(tmp_path: Path) -> None:
    (status,) = (tool for tool in rooms(tmp_path).toolbox() if tool.name == "engine_status")
    assert status.call({}).data["state"] == "none"
