"""An entry has the shape that each client's maker documents, by command and by address."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from mcp_server.installation.deeplinks import deeplink
from mcp_server.installation.entries import (
    Address,
    Command,
    entry,
    is_ours,
    needs_token_itself,
    token_input,
    updated,
)
from mcp_server.installation.registry import CLIENTS, find_client

if TYPE_CHECKING:
    from mcp_server.installation.client import Client

COMMAND = Command(("/bin/python", "-P", "-m", "stillroom", "mcp", "serve"), {"STILLROOM_DATA_DIR": "/d"})
URL = "https://box.lan:8620/mcp"
TOKEN = Address(URL, "STILLROOM_MCP_TOKEN")
LITERAL = Address(URL, "STILLROOM_MCP_TOKEN", "s3cret")


def client(client_id: str) -> Client:
    found = find_client(client_id)
    assert found is not None
    return found


@pytest.mark.parametrize("one", CLIENTS, ids=lambda one: one.id)
def test_an_entry_by_command_starts_the_interpreter_by_its_absolute_path(one: Client) -> None:
    body = entry(one, "stillroom", COMMAND)

    assert body["command"] == "/bin/python"
    assert body["args"] == ["-P", "-m", "stillroom", "mcp", "serve"]
    assert body["env"] == {"STILLROOM_DATA_DIR": "/d"}
    assert body.get("type", "stdio") == "stdio"


HTTP_ENTRIES: dict[str, tuple[Address, dict[str, Any]]] = {
    "vscode": (
        TOKEN,
        {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${input:stillroom-token}"}},
    ),
    "cursor": (TOKEN, {"url": URL, "headers": {"Authorization": "Bearer ${env:STILLROOM_MCP_TOKEN}"}}),
    "claude-code": (
        TOKEN,
        {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${STILLROOM_MCP_TOKEN}"}},
    ),
    "windsurf": (
        TOKEN,
        {"serverUrl": URL, "headers": {"Authorization": "Bearer ${env:STILLROOM_MCP_TOKEN}"}},
    ),
    "zed": (LITERAL, {"url": URL, "headers": {"Authorization": "Bearer s3cret"}}),
    "jetbrains": (LITERAL, {"url": URL, "headers": {"Authorization": "Bearer s3cret"}}),
    "cline": (LITERAL, {"type": "streamableHttp", "url": URL, "headers": {"Authorization": "Bearer s3cret"}}),
    "continue": (
        TOKEN,
        {
            "name": "stillroom",
            "type": "streamable-http",
            "url": URL,
            "requestOptions": {"headers": {"Authorization": "Bearer ${{ secrets.STILLROOM_MCP_TOKEN }}"}},
        },
    ),
    "gemini": (TOKEN, {"httpUrl": URL, "headers": {"Authorization": "Bearer ${STILLROOM_MCP_TOKEN}"}}),
    "codex": (TOKEN, {"url": URL, "bearer_token_env_var": "STILLROOM_MCP_TOKEN"}),
    "lmstudio": (LITERAL, {"url": URL, "headers": {"Authorization": "Bearer s3cret"}}),
}


def test_every_client_that_reaches_http_is_in_the_table() -> None:
    assert {one.id for one in CLIENTS if one.http} == {*HTTP_ENTRIES, "vscode-insiders"}


@pytest.mark.parametrize("client_id", HTTP_ENTRIES)
def test_an_entry_by_address_refers_to_the_token_as_the_client_does(client_id: str) -> None:
    server, expected = HTTP_ENTRIES[client_id]

    assert entry(client(client_id), "stillroom", server) == expected
    assert needs_token_itself(client(client_id), TOKEN) is bool(server.token)


@pytest.mark.parametrize("client_id", HTTP_ENTRIES)
def test_no_header_is_written_where_no_token_is_asked_for(client_id: str) -> None:
    body = entry(client(client_id), "stillroom", Address(URL))

    assert "Authorization" not in str(body)
    assert "TOKEN" not in str(body)


def test_an_address_never_shows_its_token() -> None:
    assert "s3cret" not in repr(LITERAL)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"command": "/x/python", "args": ["-P", "-m", "stillroom", "mcp", "serve"]}, "any"),
        ({"command": "/home/me/.local/bin/stillroom", "args": ["mcp", "serve", "--library", "work"]}, "any"),
        ({"command": r"C:\x\stillroom.exe", "args": ["mcp", "serve"]}, "any"),
        ({"command": "uvx", "args": ["stillroom", "mcp", "serve"]}, "any"),
        ({"url": "http://127.0.0.1:8620/mcp"}, "stillroom"),
        ({"url": "https://box.example/mcp", "headers": {"Authorization": "Bearer x"}}, "stillroom"),
        ({"type": "http", "url": "https://box.example/notes/mcp/"}, "stillroom-work"),
        ({"url": "https://x.example/mcp", "bearer_token_env_var": "STILLROOM_MCP_TOKEN"}, "any"),
    ],
)
def test_entries_of_stillroom_are_known(value: object, name: str) -> None:
    assert is_ours(value, name)


@pytest.mark.parametrize(
    "value",
    [
        {"command": "npx", "args": ["-y", "stillroom-lookalike", "mcp", "serve"]},
        {"command": "stillroom", "args": ["mcp", "list"]},
        {"url": "https://somebody.example/mcp", "headers": {"X-Api-Key": "k"}},
        {"url": "https://[somebody/mcp"},
        {"url": "https://somebody.example/other"},
        {"command": ["stillroom"], "args": "mcp serve"},
        "stillroom mcp serve",
        None,
    ],
)
def test_entries_of_others_are_told_apart(value: object) -> None:
    assert not is_ours(value, "stillroom")


@pytest.mark.parametrize("name", ["notes", "stillrooms", "my-stillroom"])
def test_an_address_is_only_ours_by_our_name(name: str) -> None:
    assert not is_ours({"url": "http://127.0.0.1:8620/mcp"}, name)


def test_what_a_person_added_to_the_entry_stays() -> None:
    old = {
        "command": "/old/python",
        "args": [],
        "env": {"HTTPS_PROXY": "http://p", "STILLROOM_LIBRARY": "gone"},
        "disabled": True,
        "alwaysAllow": ["search_library"],
    }

    assert updated(old, entry(client("cursor"), "stillroom", COMMAND)) == {
        "command": "/bin/python",
        "args": ["-P", "-m", "stillroom", "mcp", "serve"],
        "env": {"HTTPS_PROXY": "http://p", "STILLROOM_DATA_DIR": "/d"},
        "disabled": True,
        "alwaysAllow": ["search_library"],
    }


def test_variables_are_not_carried_over_to_an_address() -> None:
    old = {"command": "x", "env": {"A": "b"}, "disabled": True}

    assert updated(old, {"url": URL}) == {"url": URL, "disabled": True}


def test_the_link_of_vs_code_holds_name_entry_and_question() -> None:
    link = deeplink(client("vscode"), "stillroom", TOKEN)

    assert link.startswith("vscode:mcp/install?")
    assert json.loads(unquote(link.partition("?")[2])) == {
        "name": "stillroom",
        "inputs": [token_input("stillroom")],
        **entry(client("vscode"), "stillroom", TOKEN),
    }
    assert deeplink(client("vscode-insiders"), "s", COMMAND).startswith("vscode-insiders:mcp/install?")


@pytest.mark.parametrize(
    ("client_id", "start"),
    [("cursor", "cursor://anysphere.cursor-deeplink/mcp/install"), ("lmstudio", "lmstudio://add_mcp")],
)
def test_other_links_hold_the_name_and_the_entry_in_base64(client_id: str, start: str) -> None:
    link = deeplink(client(client_id), "my-notes", COMMAND)
    fields = parse_qs(urlsplit(link).query, strict_parsing=True)

    assert link.startswith(f"{start}?")
    assert fields["name"] == ["my-notes"]
    assert json.loads(base64.b64decode(fields["config"][0], validate=True)) == entry(
        client(client_id), "my-notes", COMMAND
    )


def test_no_link_holds_a_token_and_other_clients_have_no_link() -> None:
    assert deeplink(client("lmstudio"), "stillroom", LITERAL) == ""
    assert {one.id for one in CLIENTS if deeplink(one, "s", COMMAND)} == {
        "vscode",
        "vscode-insiders",
        "cursor",
        "lmstudio",
    }
