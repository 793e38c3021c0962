"""Whatever a client's configuration looks like: an entry comes and goes, and every other byte stays."""

from __future__ import annotations

import tomllib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.mcp_servers.jsonc import parse_jsonc
from mcp_server.installation.changes import installation, removal
from mcp_server.installation.entries import Address, Command, entry, token_input
from mcp_server.installation.registry import CLIENTS
from tests.mcp_server.installation.written import json_texts, toml_texts, yaml_texts

if TYPE_CHECKING:
    from mcp_server.installation.client import Client
    from mcp_server.installation.entries import Server

PATH = PurePosixPath("/home/me/config")
COMMAND = Command(('/opt/"here"/python', "-P", "-m", "stillroom", "mcp", "serve"), {"A": "C:\\数 \x7f"})
TOKEN = Address("https://example.org/mcp", "STILLROOM_MCP_TOKEN", "s3cret")
WITH_FILES = [client for client in CLIENTS if not client.paste]
WRITTEN = {"json": json_texts, "toml": toml_texts, "yaml": yaml_texts}
several = settings(max_examples=25, deadline=None)

every_client = pytest.mark.parametrize("client", WITH_FILES, ids=lambda client: client.id)


def texts(client: Client) -> st.SearchStrategy[str]:
    return WRITTEN[client.format](client.section[0])


def servers(client: Client) -> st.SearchStrategy[Server]:
    return st.sampled_from([COMMAND, TOKEN] if client.http else [COMMAND])


def installed(client: Client, text: str | None, name: str = "stillroom", server: Server = COMMAND) -> str:
    after = installation(client, PATH, text, name, server).after
    assert after is not None
    return after


def document(client: Client, text: str) -> dict[str, Any]:
    """The text as an independent reader of its format understands it."""
    bare = text.removeprefix("\ufeff")
    if client.format == "toml":
        return tomllib.loads(bare)
    if client.format == "yaml":
        return yaml.safe_load(bare) or {}
    found = parse_jsonc(text) if "{" in bare else {}
    assert isinstance(found, dict)
    return found


def expected(client: Client, text: str, server: Server) -> dict[str, Any]:
    """The document with the entry, and with whatever comes with it."""
    found = document(client, text) or dict(client.skeleton)
    (section,) = client.section
    body = entry(client, "stillroom", server)
    if client.id_key:
        found[section] = [*(found.get(section) or []), body]
    else:
        found[section] = {**found.get(section, {}), "stillroom": body}
    if client.http and client.http.asks and isinstance(server, Address):
        found["inputs"] = [*found.get("inputs", []), token_input("stillroom")]
    return found


@every_client
def test_only_the_entry_is_new_and_no_byte_is_lost(client: Client) -> None:
    @several
    @given(texts(client), servers(client))
    def holds(text: str, server: Server) -> None:
        after = installed(client, text, server=server)
        rest = iter(after)

        assert document(client, after) == expected(client, text, server)
        assert all(character in rest for character in text)

    holds()


@every_client
def test_installing_twice_is_installing_once_and_uninstalling_restores_every_byte(client: Client) -> None:
    @several
    @given(texts(client), servers(client))
    def holds(text: str, server: Server) -> None:
        after = installed(client, text, server=server)

        assert installed(client, after, server=server) == after
        assert removal(client, PATH, after, "stillroom", server, original=text).after == text

    holds()


@every_client
def test_what_came_in_the_meantime_stays(client: Client) -> None:
    @several
    @given(texts(client))
    def holds(text: str) -> None:
        both = installed(client, installed(client, text), "another")
        left = removal(client, PATH, both, "stillroom", COMMAND, original=text).after

        assert left is not None
        assert document(client, left) == document(client, installed(client, text, "another"))
        assert removal(client, PATH, left, "another", COMMAND, original=text).after == text

    holds()


@every_client
def test_a_file_that_was_not_there_is_not_there_again(client: Client) -> None:
    after = installed(client, None)

    assert document(client, after) == expected(client, "", COMMAND)
    assert after.endswith("\n")
    assert removal(client, PATH, after, "stillroom", COMMAND).after is None
