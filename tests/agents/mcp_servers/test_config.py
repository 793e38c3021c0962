"""An ``mcp.json`` is read as other clients write it; what is wrong names file, server, key and value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.mcp_servers.commands import Commands
from agents.mcp_servers.config import HttpAddress, McpConfig, Process, read_config
from stillroom.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "sk-hidden-1234567890"

VSCODE = """{
  // as VS Code writes it
  "servers": {
    "files": {"type": "stdio", "command": "npx", "args": ["-y", "files", "${workspaceFolder}"],},
    "web": {"type": "http", "url": "https://example.org/mcp?key=${KEY}", "headers": {"X-Key": "${env:KEY}"}},
  }, /* the end */
}"""


def read(folder: Path, text: str | dict[str, Any], environment: Mapping[str, str] | None = None) -> McpConfig:
    """The configuration of one file."""
    path = folder / "mcp.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return read_config([path], environment=environment or {}, home=Path("/home/me"), workspace=folder)


def entry(folder: Path, value: object, **environment: str) -> McpConfig:
    """The configuration of a file with one server, called ``one``."""
    return read(folder, {"mcpServers": {"one": value}}, environment)


def test_vscode_file_with_comments_and_trailing_commas_is_read(tmp_path: Path) -> None:
    files, web = read(tmp_path, VSCODE, {"KEY": SECRET}).servers
    assert isinstance(files.target, Process)
    assert files.target.arguments == ("-y", "files", str(tmp_path))
    assert isinstance(web.target, HttpAddress)
    assert web.target.url.endswith(SECRET)
    assert web.target.headers == {"X-Key": SECRET}


def test_claude_and_cline_entry_keeps_switches_limits_and_allowed_tools(tmp_path: Path) -> None:
    value = {
        "command": "x",
        "disabled": True,
        "timeout": 120,
        "alwaysAllow": ["look"],
        "env": {"N": 1, "B": True},
    }
    (server,) = entry(tmp_path, value).servers
    assert server.disabled
    assert server.call_seconds == 120
    assert server.allowed == {"look"}
    assert isinstance(server.target, Process)
    assert server.target.environment == {"N": "1", "B": "true"}


def test_an_address_that_is_none_is_named_as_the_file_has_it_and_not_as_the_variable(tmp_path: Path) -> None:
    (problem,) = entry(tmp_path, {"url": "${KEY}"}, KEY=SECRET).problems
    assert "url = '${KEY}' must begin with http:// or https://" in problem.message
    assert SECRET not in problem.message


@pytest.mark.parametrize(("timeout", "seconds"), [(60, 60), (3600, 3600), (600_000, 600)])
def test_timeout_beyond_an_hour_is_in_milliseconds(tmp_path: Path, timeout: int, seconds: float) -> None:
    assert entry(tmp_path, {"command": "x", "timeout": timeout}).servers[0].call_seconds == seconds


@pytest.mark.parametrize("kind", ["http", "streamable-http", "streamableHttp", None])
def test_every_name_of_streamable_http_is_understood(tmp_path: Path, kind: str | None) -> None:
    value = {"url": "http://127.0.0.1:1/mcp"} | ({"type": kind} if kind else {})
    assert entry(tmp_path, value).servers[0].transport == "http"


def test_default_stands_in_for_a_variable_that_is_unset_or_empty(tmp_path: Path) -> None:
    value = {"command": "x", "args": ["${A:-one}", "${B:-two}", "${userHome}/f", "${env:C}"]}
    (server,) = entry(tmp_path, value, B="", C="see").servers
    assert isinstance(server.target, Process)
    assert server.target.arguments == ("one", "two", "/home/me/f", "see")


def test_value_of_a_variable_is_not_expanded_again(tmp_path: Path) -> None:
    (server,) = entry(tmp_path, {"command": "x", "args": ["${A}"]}, A="${B}", B="never").servers
    assert isinstance(server.target, Process)
    assert server.target.arguments == ("${B}",)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"command": "x", "args": ["${TOKEN_X}"]}, ["args", "TOKEN_X", "not set"]),
        ({"command": "x", "env": {"KEY": "${NONE}"}}, ["env.KEY", "NONE", "not set"]),
        ({"url": "http://h/mcp", "headers": {"A": "${input:key}"}}, ["headers.A", "${input:key}", "editor"]),
        ({"command": "x", "args": ["${command:pick}"]}, ["${command:pick}"]),
        ({"type": "sse", "url": "http://h/sse"}, ["sse", "http"]),
        ({"type": "carrier pigeon", "url": "http://h"}, ["carrier pigeon", "stdio or http"]),
        ({"type": "stdio", "url": "http://h"}, ["stdio", "command"]),
        ({"command": "x", "url": "http://h"}, ["either command", "or url"]),
        ({}, ["either command", "or url"]),
        ({"url": "file:///etc/passwd"}, ["url", "http://"]),
        ({"url": "${WHERE}"}, ["url", "file:", "http://"]),
        ({"command": "x", "args": "one"}, ["args", "list"]),
        ({"command": "x", "comand": "y"}, ["comand", "command"]),
        ({"comand": "y"}, ["'comand' is unknown", "did you mean 'command'"]),
        ({"Url": "http://h"}, ["'Url' is unknown", "did you mean 'url'"]),
        ({"cmd": "x"}, ["'cmd' is unknown", "did you mean 'command'"]),
        ({"command": "x", "timeout": -1}, ["timeout", "-1"]),
        ({"command": "x", "envFile": ".env"}, ["envFile", "env"]),
        ("npx", ["object", "str"]),
    ],
)
def test_bad_entry_is_a_problem_that_names_file_server_key_and_value(
    tmp_path: Path, value: object, words: list[str]
) -> None:
    config = read(
        tmp_path, {"mcpServers": {"one": value, "good": {"command": "y"}}}, {"WHERE": "file:///etc"}
    )
    assert [server.name for server in config.servers] == ["good"]
    (problem,) = config.problems
    for word in ["mcp.json", "'one'", *words]:
        assert word in problem.message, problem.message


@pytest.mark.parametrize("name", ["", "\x1b[2J", "a\nb", "x" * 101])
def test_name_that_cannot_be_shown_is_a_problem(tmp_path: Path, name: str) -> None:
    config = read(tmp_path, {"mcpServers": {name: {"command": "x"}}})
    assert config.servers == ()
    assert config.problems[0].message.isprintable()


def test_foreign_keys_of_other_clients_are_left_alone(tmp_path: Path) -> None:
    value = {"command": "x", "description": "mine", "gallery": True, "disabledTools": ["a"], "oauth": {}}
    assert entry(tmp_path, value).servers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1"),
        ('{"servers": {}\n"x": 1}', "line 2"),
        ("[]", "mcpServers"),
        ("{}", "mcpServers"),
        ('{"mcpServer": {}}', "is 'mcpServer' meant for it"),
        ('{"mcpServers": []}', "mcpServers must be an object"),
        ('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}', "'a' stands twice"),
        ("[" * 100_000, "nested"),
    ],
)
def test_file_that_is_no_configuration_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read(tmp_path, text)
    assert "mcp.json" in caught.value.message


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json cannot be read"):
        read_config([tmp_path / "none.json"], environment={}, home=tmp_path, workspace=tmp_path)


def test_secrets_show_in_no_representation_and_no_error(tmp_path: Path) -> None:
    value = {
        "command": "x",
        "args": ["--token", SECRET, f"--api-key={SECRET}", "${KEY}", "two words; and more"],
        "env": {"TOKEN": SECRET},
    }
    (server,) = entry(tmp_path, value, KEY=SECRET).servers
    assert SECRET not in repr(server)
    assert server.shown == "x --token ‹hidden› --api-key=‹hidden› ${KEY} 'two words; and more'"
    bad = entry(tmp_path, {"command": "x", "env": {"TOKEN": [SECRET]}, "headers": {"A": {SECRET: 1}}})
    assert SECRET not in str(bad.problems)


def test_approval_is_of_what_runs_and_not_of_a_renewed_token(tmp_path: Path) -> None:
    value: dict[str, Any] = {"command": "x", "args": ["a"], "env": {"TOKEN": "${T}"}}
    first = entry(tmp_path, value, T="one-token").servers[0].identity
    assert entry(tmp_path, value, T="another-token").servers[0].identity == first
    for change in (
        {"args": ["b"]},
        {"command": "y"},
        {"cwd": "sub"},
        {"env": {"LD_PRELOAD": "evil.so"}},
        {"alwaysAllow": ["delete"]},
    ):
        assert entry(tmp_path, value | change, T="one-token").servers[0].identity != first, change
    (tmp_path / "elsewhere").mkdir()
    assert entry(tmp_path / "elsewhere", value, T="one-token").servers[0].identity != first


def test_later_file_has_the_last_word_on_a_name(tmp_path: Path) -> None:
    paths = [tmp_path / "project.json", tmp_path / "own.json"]
    paths[0].write_text('{"mcpServers": {"a": {"command": "project"}, "b": {"command": "project"}}}')
    paths[1].write_text('{"mcpServers": {"a": {"command": "own"}}}')
    config = read_config(paths, environment={}, home=tmp_path, workspace=tmp_path)
    assert {server.name: server.shown for server in config.servers} == {"a": "own", "b": "project"}
    assert config.find("b").source == paths[0]
    with pytest.raises(SettingsError, match=r"no MCP server 'c'.*there are: a, b"):
        config.find("c")


def test_without_a_file_the_way_to_one_is_named(tmp_path: Path) -> None:
    config = read_config([], environment={}, home=tmp_path, workspace=tmp_path)
    with pytest.raises(SettingsError, match=r"no MCP server 'c': no mcp\.json is there") as caught:
        config.find("c")
    assert caught.value.hint.startswith("stillroom mcp add c -- COMMAND")


def test_hints_name_the_file_that_was_named(tmp_path: Path) -> None:
    path = tmp_path / "their servers.json"
    path.write_text('{"mcpServers": {"good": {"command": "x"}, "bad": {}}}', encoding="utf-8")
    config = read_config(
        [path],
        environment={},
        home=tmp_path,
        workspace=tmp_path,
        commands=Commands(Path("their servers.json")),
    )
    listed = "stillroom mcp list --mcp-config 'their servers.json'"
    assert config.problems[0].hint == f"mend the file, then {listed}"
    approve = config.find("good").commands.line("approve", "good")
    assert approve == "stillroom mcp approve good --mcp-config 'their servers.json'"
    with pytest.raises(SettingsError) as caught:
        config.find("none")
    assert caught.value.hint == listed
