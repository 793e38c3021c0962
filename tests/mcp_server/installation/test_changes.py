"""What is refused, and what is left alone, before a client's file is written."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from mcp_server.installation.changes import installation, removal
from mcp_server.installation.entries import Address, Command
from mcp_server.installation.registry import find_client
from stillroom.errors import McpError

if TYPE_CHECKING:
    from mcp_server.installation.client import Client

PATH = PurePosixPath("/home/me/mcp.json")
COMMAND = Command(("/bin/python", "-P", "-m", "stillroom", "mcp", "serve"))
FOREIGN = '{"mcpServers": {"stillroom": {"command": "npx", "args": ["-y", "x"], "env": {"KEY": "s3cret"}}}}'


def client(client_id: str) -> Client:
    found = find_client(client_id)
    assert found is not None
    return found


def test_somebody_elses_entry_of_that_name_is_refused_with_what_to_do() -> None:
    with pytest.raises(McpError, match="has a server 'stillroom' already that is not Stillroom's") as refusal:
        installation(client("cursor"), PATH, FOREIGN, "stillroom", COMMAND)

    assert refusal.value.hint == "stillroom mcp install cursor --name ANOTHER, or --replace to take its place"
    assert "command npx" in refusal.value.message
    assert "s3cret" not in refusal.value.message


def test_what_is_secret_in_the_address_of_somebody_elses_entry_is_not_repeated() -> None:
    text = '{"mcpServers": {"stillroom": {"url": "https://me:s3cret@h.example/x?api_key=s3cret&lang=en"}}}'
    with pytest.raises(McpError, match=r"url https://h\.example/x\?api_key=‹hidden›&lang=en") as refusal:
        installation(client("cursor"), PATH, text, "stillroom", COMMAND)

    assert "s3cret" not in refusal.value.message


def test_somebody_elses_entry_is_replaced_whole_where_that_is_wanted() -> None:
    change = installation(client("cursor"), PATH, FOREIGN, "stillroom", COMMAND, replace=True)

    assert change.status == "updated"
    assert json.loads(change.after or "")["mcpServers"]["stillroom"] == {
        "command": "/bin/python",
        "args": ["-P", "-m", "stillroom", "mcp", "serve"],
    }


@pytest.mark.parametrize(
    ("client_id", "text"),
    [
        ("cursor", '{"mcpServers": {"stillroom": null}}'),
        ("zed", '{"context_servers": {"stillroom": null, "a": 1}}'),
        ("vscode", '{"servers": {"stillroom": []}}'),
    ],
)
def test_what_is_no_server_and_stands_there_is_somebody_elses(client_id: str, text: str) -> None:
    said = "'stillroom' {}that is not Stillroom's: something that is no server"
    with pytest.raises(McpError, match=said.format("already ")):
        installation(client(client_id), PATH, text, "stillroom", COMMAND)
    with pytest.raises(McpError, match=said.format("")):
        removal(client(client_id), PATH, text, "stillroom", COMMAND)

    change = installation(client(client_id), PATH, text, "stillroom", COMMAND, replace=True)
    assert (change.status, change.loses) == ("updated", True)


def test_what_is_no_number_in_another_entry_stays_as_it_is() -> None:
    text = "[mcp_servers.a]\nlimits = [nan, -inf, { most = nan }]\n"

    after = installation(client("codex"), PATH, text, "stillroom", COMMAND).after or ""

    assert after.startswith(text)
    assert removal(client("codex"), PATH, after, "stillroom", COMMAND).after == text


def test_somebody_elses_entry_is_not_uninstalled() -> None:
    with pytest.raises(McpError, match="that is not Stillroom's"):
        removal(client("cursor"), PATH, FOREIGN, "stillroom", COMMAND)


def test_an_address_that_a_person_names_is_uninstalled_under_any_name() -> None:
    server = Address("https://box.lan/mcp")
    text = installation(client("gemini"), PATH, "{}", "notes", server).after

    assert removal(client("gemini"), PATH, text, "notes", server, original="{}").after == "{}"
    with pytest.raises(McpError, match="'notes' that is not Stillroom's: httpUrl"):
        removal(client("gemini"), PATH, text, "notes", COMMAND)


def test_an_older_entry_of_ours_is_brought_up_to_date_in_its_place() -> None:
    text = """{
  "mcpServers": {
    "stillroom": {"command": "/old/stillroom", "args": ["mcp", "serve"], "disabled": true}, // mine
    "git": {}
  }
}"""
    change = installation(client("windsurf"), PATH, text, "stillroom", COMMAND)

    assert change.status == "updated"
    assert not change.first
    assert (change.after or "").startswith('{\n  "mcpServers": {\n    "stillroom": {')
    assert (change.after or "").endswith('}, // mine\n    "git": {}\n  }\n}')
    assert '"disabled": true' in (change.after or "")


def test_nothing_changes_where_there_is_nothing_to_uninstall() -> None:
    for text in (None, "{}", '{"mcpServers": {"git": {}}}'):
        change = removal(client("cursor"), PATH, text, "stillroom", COMMAND)

        assert (change.status, change.is_one, change.diff()) == ("absent", False, "")


@pytest.mark.parametrize(
    ("client_id", "text", "said"),
    [
        ("cursor", '{\n  "mcpServers": {\n    "a" {}\n', "line 3, column 9: a colon is needed here, not '{'"),
        ("cursor", '{"a": 1 "b": 2}', "line 1, column 9: a comma or } is needed here, not '\"'"),
        ("cursor", '{"a": [1, 2', "line 1, column 12: a comma or ] is needed here, not the end"),
        ("cursor", "{'a': 1}", 'line 1, column 2: a key in double quotes is needed here, not "\'"'),
        ("cursor", '{"a": 1} x', "line 1, column 10: something follows the end of the document"),
        ("cursor", '{"a": /* never ends', "line 1, column 7: a value is needed here, not '/'"),
        ("cursor", '{"a": "\\q"}', "line 1, column 7: a proper string or number is needed here"),
        ("cursor", "[1]", "line 1, column 1: an object is needed here"),
        ("cursor", '{"mcpServers":\n []}', "line 2, column 2: an object is needed here"),
        (
            "cursor",
            '{"mcpServers": {},\n "mcpServers": {}}',
            "line 2, column 2: the key 'mcpServers' stands here",
        ),
        ("cursor", "[" * 100_000, "it is nested too deeply"),
        ("codex", "a = 1\nb = [", "line 2, column 6: Invalid value"),
        ("codex", "a = 1\na = 2", "line 2, column 6: Cannot overwrite a value"),
        ("codex", "x = 1\nmcp_servers = 5\n", "line 2, column 1: mcp_servers has to be a table"),
        ("continue", "a: [1\nb: 2", "line 2, column 2: expected ',' or ']'"),
        ("continue", "- a\n- b", "line 1, column 1: a mapping is needed here"),
        ("continue", "x: 1\nmcpServers: no\n", "line 2, column 13: a list is needed here"),
        (
            "continue",
            "mcpServers: []\nmcpServers: []\n",
            "line 2, column 1: the key 'mcpServers' stands here",
        ),
        ("continue", "a: &x []\nmcpServers: *x\n", "line 2, column 1: mcpServers is an alias"),
        ("continue", "a: \x00", "line 1, column 4: a character that YAML does not allow"),
        ("continue", "a: 1\nb: |\n  text", "line 3, column 7: a block of text ends here"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_line_and_column(
    client_id: str, text: str, said: str
) -> None:
    with pytest.raises(McpError) as refusal:
        installation(client(client_id), PATH, text, "stillroom", COMMAND)

    assert said in refusal.value.message
    assert "was left as it is" in refusal.value.message


def test_a_table_that_is_spread_over_dotted_keys_is_refused_rather_than_broken() -> None:
    text = 'mcp_servers.stillroom.command = "stillroom"\nmcp_servers.stillroom.args = ["mcp", "serve"]\n'

    with pytest.raises(McpError, match="line 1, column 1: an entry with dotted keys"):
        installation(client("codex"), PATH, text, "stillroom", COMMAND)


def test_tables_below_the_entry_go_with_it_and_others_stay() -> None:
    text = installation(client("codex"), PATH, "[b]\nx = 1\n", "stillroom", COMMAND).after or ""
    text += (
        '\n[c]\ny = 2\n\n[mcp_servers.stillroom.tools.search_library]\napproval_mode = "approve"\n\n# end\n'
    )

    assert removal(client("codex"), PATH, text, "stillroom", COMMAND).after == (
        "[b]\nx = 1\n\n[c]\ny = 2\n\n# end\n"
    )


def test_a_difference_is_shown_as_diff_shows_it() -> None:
    change = installation(client("cursor"), PATH, '{\r\n\t"a": 1\r\n}', "stillroom", COMMAND)

    assert change.diff().splitlines()[:7] == [
        "--- /home/me/mcp.json",
        "+++ /home/me/mcp.json",
        "@@ -1,3 +1,9 @@",
        " {",
        '-\t"a": 1',
        '+\t"a": 1,',
        '+\t"mcpServers": {',
    ]
    assert change.diff().endswith(" }\n\\ No newline at end of file\n")


def test_a_comment_behind_the_last_entry_stays_with_it() -> None:
    text = '{\n  "mcpServers": {\n    "a": {} // not b\n  }\n}\n'

    after = installation(client("cursor"), PATH, text, "stillroom", COMMAND).after or ""

    assert '    "a": {}, // not b\n    "stillroom": {' in after


def test_a_line_comment_never_swallows_what_follows_the_entry() -> None:
    text = '{"mcpServers": {"a": 1, // x\n"stillroom": {"command": "stillroom", "args": ["mcp", "serve"]}}}'

    after = removal(client("cursor"), PATH, text, "stillroom", COMMAND).after

    assert after == '{"mcpServers": {"a": 1 // x\n}}'


def test_what_a_foreign_entry_says_cannot_move_the_terminals_cursor() -> None:
    text = json.dumps({"mcpServers": {"stillroom": {"command": "a\x1b[2J\u202eb" + "c" * 999}}})

    with pytest.raises(McpError) as refusal:
        installation(client("cursor"), PATH, text, "stillroom", COMMAND)

    assert "command a\\x1b[2J\\u202ebccc" in refusal.value.message
    assert len(refusal.value.message) < 400


def test_the_question_for_a_token_goes_when_the_server_is_no_more_one_by_address() -> None:
    text = '{"inputs": [{"id": "other"}]}'
    server = Address("https://box.lan/mcp", "STILLROOM_MCP_TOKEN")

    by_address = installation(client("vscode"), PATH, text, "stillroom", server).after
    by_command = installation(client("vscode"), PATH, by_address, "stillroom", COMMAND)

    assert len(json.loads(by_address or "")["inputs"]) == 2
    assert json.loads(by_command.after or "")["inputs"] == [{"id": "other"}]
    assert "url" not in json.loads(by_command.after or "")["servers"]["stillroom"]
    assert (
        removal(client("vscode"), PATH, by_command.after, "stillroom", COMMAND, original=text).after == text
    )
