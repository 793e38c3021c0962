"""What is shown of a client's file has none of its secrets, whoever's server they are of."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.installation.changes import installation, removal
from mcp_server.installation.entries import Address, Command
from mcp_server.installation.json_text import entries
from mcp_server.installation.redaction import line_without_secrets, without_secrets
from mcp_server.installation.registry import find_client
from mcp_server.installation.slot import Slot
from tests.mcp_server.installation.written import json_texts, toml_texts, yaml_texts

if TYPE_CHECKING:
    from mcp_server.installation.client import Format

PATH = PurePosixPath("/home/me/mcp.json")
COMMAND = Command(("/bin/python", "-m", "stillroom", "mcp", "serve"), {"STILLROOM_DATA_DIR": "/data"})
SECRET = "x7y8z9-pass"

JSON = """{
  // "env": {"OLD": "x7y8z9-pass"}
  "mcpServers": {
    "a": {
      "command": "npx --token=x7y8z9-pass",
      "args": ["--api-key", "x7y8z9-pass", "--header", "Authorization: Bearer x7y8z9-pass"],
      "env": {"HOME": "x7y8z9-pass", "\\u0041": "x7y8z9\\u002dpass", "deep": {"a": ["x7y8z9-pass", 5]}},
      "url": "https://me:x7y8z9-pass@host.example/mcp?access_token=x7y8z9-pass&lang=en",
      "headers": {"X-Any": "x7y8z9-pass"},
      "apiKey": "x7y8z9-pass"
    }
  }
}"""
TOML = '''[mcp_servers.a]
command = "npx"
env = { HOME = "x7y8z9-pass", "B" = 'x7y8z9-pass' }
bearer_token_env_var = "A_TOKEN"
password = """
x7y8z9-pass
"""
[mcp_servers.a.http_headers]
"X-Any" = "x7y8z9-pass" # mine
list = [
  "x7y8z9-pass",
]
[mcp_servers]
b = { command = "y", env = { HOME = "x7y8z9-pass" } }
'''
YAML = """mcpServers:
- name: a
  command: npx
  args:
  - --token
  - x7y8z9-pass
  env: &shared
    HOME: x7y8z9-pass
    LONG: |
      x7y8z9-pass
      x7y8z9-pass
- name: b
  env: *shared
  apiKey: some x7y8z9-pass
  requestOptions: {"headers": {"Any": "x7y8z9-pass"}}
"""


@pytest.mark.parametrize(("format_name", "text"), [("json", JSON), ("toml", TOML), ("yaml", YAML)])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_no_secret_is_shown_and_no_line_is_lost(format_name: Format, text: str, bom: str) -> None:
    for ending in ("\n", "\r\n"):
        whole = bom + text.replace("\n", ending)
        shown = without_secrets(whole, format_name)
        for part in (SECRET, "x7y8z9"):
            assert part not in shown
        assert shown.count(ending) == whole.count(ending)
        assert shown.startswith(whole[:10])
        assert "npx" in shown


def test_what_is_no_secret_is_shown() -> None:
    text = (
        '{"servers": {"a": {"url": "https://h.example/mcp?lang=en", "headers": {"Authorization": '
        '"Bearer ${env:TOKEN}", "B": "$TOKEN", "C": "Bearer ${{ secrets.C }}"}, "args": ["-P", "serve"], '
        '"env": {"STILLROOM_DATA_DIR": "/data", "EMPTY": "", "A": {}}, "password": true}}}'
    )
    assert without_secrets(text, "json") == text
    named = 'bearer_token_env_var = "STILLROOM_MCP_TOKEN"\n'
    assert without_secrets(named, "toml") == named


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x stillroom_" + "a" * 43, "x •••"),
        ("ghp_0123456789abcdef and sk-0123456789abcdef", "••• and •••"),
        ("npx server --token x7y8z9-pass --verbose", "npx server --token ••• --verbose"),
        ("// don't use token: x7y8z9-pass", "// don't use token: •••"),
        ("Authorization: Bearer x7y8z9-pass", "Authorization: •••"),
        ("--header Authorization: Bearer ${TOKEN}", "--header Authorization: Bearer ${TOKEN}"),
        ("stillroom_notes", "stillroom_notes"),
    ],
)
def test_a_secret_is_known_by_its_look_and_its_name(text: str, shown: str) -> None:
    assert line_without_secrets(text) == shown


def test_a_difference_shows_no_secret_of_anybody_and_applies_but_for_them() -> None:
    cursor = find_client("cursor")
    assert cursor is not None
    line = '{"mcpServers":{"gh":{"command":"npx","env":{"GITHUB_TOKEN":"ghp-x7y8z9","HOME":"x7y8z9"}}}}'
    diff = installation(cursor, PATH, line, "stillroom", COMMAND).diff()
    assert "x7y8z9" not in diff
    assert '"GITHUB_TOKEN":"•••"' in diff
    assert '"STILLROOM_DATA_DIR": "/data"' in diff

    lm_studio = find_client("lmstudio")
    assert lm_studio is not None
    served = Address("https://box.lan/mcp", "T", "stillroom_" + "b" * 43)
    first = installation(lm_studio, PATH, "{}\n", "stillroom", served)
    newer = Address("https://box.lan/mcp", "T", "stillroom_" + "c" * 43)
    for change in (
        first,
        installation(lm_studio, PATH, first.after, "stillroom", newer),
        removal(lm_studio, PATH, first.after, "stillroom", Address("https://box.lan/mcp")),
    ):
        assert "bbb" not in change.diff()
        assert "ccc" not in change.diff()
        assert '"Authorization": "•••"' in change.diff()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_any_file_keeps_its_lines(data: st.DataObject) -> None:
    format_name: Format = data.draw(st.sampled_from(["json", "toml", "yaml"]))
    texts = {"json": json_texts("servers"), "toml": toml_texts("servers"), "yaml": yaml_texts("servers")}
    text = data.draw(texts[format_name])
    shown = without_secrets(text, format_name)
    assert shown.count("\n") == text.count("\n")
    if format_name == "json":
        for one in entries(shown, Slot(("servers",), "")).values():
            assert set(one.get("env", {}).values()) <= {"•••", ""}
