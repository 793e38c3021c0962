"""``stillroom mcp install`` and ``clients``, as a person and a client meet them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from mcp_server.installation.registry import CLIENTS
from stillroom.cli.mcp_install_pages import show_installation
from stillroom.cli.mcp_outcomes import Installation
from tests.cli.conftest import refused
from tests.mcp_server.handshake import initialize

if TYPE_CHECKING:
    from tests.cli.person import Person

TOKEN = "tok-very-secret-9"
SETTINGS = (
    '// mine\n{\n\t"theme": "One", // dark\n\t"context_servers": {\n\t\t"git": {"command": "x"},\n\t},\n}\n'
)


def files(person: Person) -> list[Path]:
    return sorted(path for path in person.home.parent.rglob("*") if path.is_file())


def own(person: Person, *parts: str) -> Path:
    return person.home.joinpath(*parts)


def test_what_was_installed_starts_wherever_the_client_is(person: Person, tmp_path: Path) -> None:
    done = person.json("install", "cursor")
    entry = json.loads(Path(done["path"]).read_text(encoding="utf-8"))["mcpServers"]["stillroom"]
    assert entry == done["entry"]
    assert [entry["command"], *entry["args"]] == [sys.executable, "-P", "-m", "stillroom", "mcp", "serve"]
    assert Path(sys.executable).is_absolute()
    project = person.project
    for package in ("agents", "deploy", "mcp_server", "rag", "stillroom"):  # as a project may well have
        (project / package).mkdir(parents=True)
        (project / package / "__init__.py").write_text("raise SystemExit('not mine')\n", encoding="utf-8")
    (project / "stillroom.toml").write_text("endpoint_url = 'no address'\n", encoding="utf-8")

    served = subprocess.run(
        [entry["command"], *entry["args"]],
        input=json.dumps(initialize("2025-06-18", client="ide")) + "\n",
        capture_output=True,
        text=True,
        cwd=project,
        env={"PATH": "/nowhere", "HOME": str(tmp_path), **entry["env"]},
        timeout=240,
        check=False,
    )

    assert json.loads(served.stdout)["result"]["serverInfo"]["name"] == "stillroom", served.stderr


def test_the_settings_of_this_shell_go_with_the_server_and_secrets_do_not(person: Person) -> None:
    person.set(STILLROOM_CONTEXT_TOKENS="4096", STILLROOM_ENDPOINT_API_KEY=TOKEN)

    done = person.run("install", "codex", "--library", "work")

    text = own(person, ".codex", "config.toml").read_text(encoding="utf-8")
    entry = tomllib.loads(text)["mcp_servers"]["stillroom"]
    assert entry["args"][-2:] == ["--library", "work"]
    assert entry["env"]["STILLROOM_CONTEXT_TOKENS"] == "4096"
    assert entry["env"]["STILLROOM_DATA_DIR"] == str(person.home.parent / "data")
    assert "STILLROOM_LIBRARY" not in entry["env"]
    assert TOKEN not in text
    assert "endpoint_api_key holds a secret and is not written down" in done.stderr


def test_an_address_with_a_password_is_not_written_into_the_clients_file(person: Person) -> None:
    person.set(STILLROOM_ENDPOINT_URL="http://u:secretpw@x/v1")

    done = person.run("install", "windsurf")

    text = own(person, ".codeium", "windsurf", "mcp_config.json").read_text(encoding="utf-8")
    assert "secretpw" not in text + done.stdout + done.stderr
    assert "endpoint_url holds a secret and is not written down" in done.stderr


def test_a_dry_run_shows_the_difference_and_writes_nothing(person: Person) -> None:
    path = own(person, ".config", "zed", "settings.json")
    path.parent.mkdir(parents=True)
    path.write_text(SETTINGS, encoding="utf-8")

    done = person.run("install", "zed", "--dry-run")

    lines = done.stdout.splitlines()
    assert lines[:2] == [f"--- {path}", f"+++ {path}"]
    assert '+\t\t"stillroom": {' in lines
    assert not [line for line in lines[2:] if line.startswith("-")]
    assert path.read_text(encoding="utf-8") == SETTINGS
    assert person.json("install", "zed", "--dry-run")["diff"].splitlines() == lines[:-1]
    assert list(path.parent.iterdir()) == [path]


def test_a_persons_settings_are_kept_copied_and_restored(person: Person) -> None:
    path = own(person, ".config", "zed", "settings.json")
    path.parent.mkdir(parents=True)
    path.write_text(SETTINGS, encoding="utf-8")

    done = person.run("install", "zed")
    assert done.stdout.splitlines()[0] == f"stillroom is in {path}"
    backup = path.with_name("settings.json.before-stillroom")
    assert f"as it was before: {backup}" in done.stdout
    assert path.read_text(encoding="utf-8").startswith(SETTINGS[:62])
    again = person.json("install", "zed")
    assert (again["status"], again["diff"], again["backup"]) == ("unchanged", "", "")

    assert person.json("install", "zed", "--uninstall")["status"] == "removed"
    assert path.read_text(encoding="utf-8") == SETTINGS
    assert list(path.parent.iterdir()) == [path]
    assert person.json("install", "zed", "--uninstall")["status"] == "absent"


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.project_file], ids=lambda one: one.id)
def test_a_projects_file_comes_and_goes(person: Person, client: Any) -> None:  # noqa: ANN401
    before = files(person)

    assert "names this machine's paths" in person.run("install", client.id, "--project").stderr
    done = person.json("install", client.id, "--project")
    assert Path(done["path"]).is_file()
    assert person.project in Path(done["path"]).parents
    person.json("install", client.id, "--project", "--uninstall")

    assert files(person) == before


def test_the_agent_itself_can_use_what_was_installed_for_a_project(person: Person) -> None:
    person.json("install", "claude-code", "--project", "--name", "own")

    (row,) = person.json("list")

    assert (row["name"], row["state"], row["transport"]) == ("own", "not approved", "stdio")


def test_a_client_without_a_file_is_told_what_to_paste(person: Person) -> None:
    done = person.run("install", "jetbrains")

    first, _, rest = done.stdout.partition("\n")
    assert first.endswith("Settings | Tools | AI Assistant | Model Context Protocol (MCP) | Add | As JSON:")
    assert list(json.loads(rest)["mcpServers"]) == ["stillroom"]
    assert person.json("install", "jetbrains")["status"] == "paste"


def test_a_client_without_a_file_is_told_where_to_take_it_out(person: Person) -> None:
    done = person.run("install", "jetbrains", "--uninstall")

    assert done.stdout == (
        "JetBrains AI Assistant keeps its servers to itself. Take stillroom out in"
        " Settings | Tools | AI Assistant | Model Context Protocol (MCP).\n"
    )
    assert person.json("install", "jetbrains", "--uninstall")["status"] == "take out"


def test_a_server_at_another_address_is_moved_listed_and_uninstalled_by_its_name(person: Person) -> None:
    person.json("install", "cursor", "--http", "https://box.example/mcp")

    moved = person.json("install", "cursor", "--http", "https://box2.example/mcp/")

    assert (moved["status"], moved["entry"]) == ("updated", {"url": "https://box2.example/mcp"})
    (cursor,) = (row for row in person.json("clients") if row["id"] == "cursor")
    assert cursor["files"][0]["names"] == ["stillroom"]
    assert person.json("install", "cursor", "--uninstall")["status"] == "removed"


def test_a_library_that_is_not_there_yet_is_said(person: Person) -> None:
    done = person.run("install", "cursor", "--library", "nolib")

    assert done.returncode == 0
    assert "there is no library nolib yet: stillroom ingest PATH --library nolib" in done.stderr
    assert "no library" not in person.run("install", "cursor").stderr


def test_links_are_printed_where_a_client_has_them(person: Person) -> None:
    assert "the same as a link: cursor://" in person.run("install", "cursor").stdout
    assert person.json("install", "vscode", "--dry-run")["deeplink"].startswith("vscode:mcp/install?")
    assert person.json("install", "windsurf")["deeplink"] == ""


def test_a_served_address_refers_to_its_token_by_variable_or_asks_for_it(person: Person) -> None:
    url = "https://box.lan:8620/mcp"
    options = ("--http", url, "--token-variable", "STILLROOM_MCP_TOKEN")
    person.set(STILLROOM_MCP_TOKEN=TOKEN * 4)

    for client in ("vscode", "cursor", "gemini", "continue", "codex", "windsurf", "claude-code"):
        done = person.json("install", client, *options)
        text = Path(done["path"]).read_text(encoding="utf-8")
        assert url in text
        assert TOKEN not in text

    vscode = json.loads(own(person, ".config", "Code", "User", "mcp.json").read_text(encoding="utf-8"))
    assert vscode["inputs"][0]["id"] == "stillroom-token"
    person.json("install", "vscode", "--uninstall", "--http", url)
    assert list(own(person, ".config", "Code").rglob("*.json")) == []


def test_a_token_itself_is_only_written_where_that_is_said_and_never_shown(person: Person) -> None:
    options = ("--http", "https://box.lan/mcp", "--token-variable", "LM_TOKEN")
    refused(
        person.run("install", "lmstudio", *options),
        "LM Studio reads no variables, so the token itself would stand in its configuration",
        "--write-token",
    )
    refused(person.run("install", "lmstudio", *options, "--write-token"), "LM_TOKEN is not set")
    person.set(LM_TOKEN=TOKEN)

    done = person.run("install", "lmstudio", *options, "--write-token")
    shown = person.run("install", "lmstudio", *options, "--write-token", "--name", "b", "--dry-run")
    as_json = person.run("install", "lmstudio", *options, "--write-token", "--json")

    path = own(person, ".lmstudio", "mcp.json")
    assert f"Bearer {TOKEN}" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"the token itself stands in {path}: keep it from others" in done.stderr
    for output in (done, shown, as_json):
        assert TOKEN not in output.stdout + output.stderr


def test_a_token_in_a_file_that_others_may_read_is_said(person: Person) -> None:
    person.set(LM_TOKEN=TOKEN)
    path = own(person, ".lmstudio", "mcp.json")
    path.parent.mkdir()
    path.write_text("{}", encoding="utf-8")
    path.chmod(0o644)

    options = ("--http", "https://box.lan/mcp", "--token-variable", "LM_TOKEN", "--write-token")
    done = person.run("install", "lmstudio", *options)
    pasted = person.run("install", "jetbrains", *options)

    assert f"keep it from others, who may read it now: chmod 600 {path}" in done.stderr
    assert "put the token in the place of •••" in pasted.stderr
    assert TOKEN not in pasted.stdout


def test_what_is_no_bearer_token_is_refused_and_not_shown(person: Person) -> None:
    person.set(LM_TOKEN='with "quotes"')

    options = ("--http", "https://box.lan/mcp", "--token-variable", "LM_TOKEN", "--write-token")
    done = person.run("install", "lmstudio", *options)

    refused(done, "the variable LM_TOKEN holds something that is no bearer token")
    assert "quotes" not in done.stderr


def test_a_server_by_address_is_uninstalled_without_its_token(person: Person) -> None:
    person.set(LM_TOKEN=TOKEN)
    options = ("--http", "https://box.lan/mcp", "--token-variable", "LM_TOKEN")
    person.json("install", "lmstudio", *options, "--write-token")

    assert person.json("install", "lmstudio", *options, "--uninstall")["status"] == "removed"
    assert list(own(person, ".lmstudio").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://box.lan/mcp", True),
        ("https://box.lan/mcp", False),
        ("http://127.0.0.1:8620/mcp", False),
    ],
)
def test_a_token_that_would_travel_unencrypted_is_said(person: Person, url: str, *, said: bool) -> None:
    done = person.run("install", "cursor", "--http", url, "--token-variable", "T", "--dry-run")

    assert ("travels unencrypted to box.lan" in done.stderr) is said


def test_on_a_terminal_the_difference_has_colours_and_moves_no_cursor() -> None:
    diff = "--- a\n+++ a\n@@ -1 +1 @@\n-// \x1b[2J\n+new\n"
    done = Installation("c", "C", "user", "n", "added", {}, dry_run=True, path="/a", diff=diff)
    screen = StringIO()

    show_installation(Console(file=screen, force_terminal=True, color_system="standard", width=99), done)

    assert "\x1b[32m+new" in screen.getvalue()
    assert "\x1b[31m-// \\x1b[2J" in screen.getvalue()
    assert "nothing was written: /a" in screen.getvalue()


def test_what_cannot_be_done_is_refused_with_what_to_do(person: Person) -> None:
    assert "did you mean cursor?" in person.run("install", "curser").stderr
    assert person.run("install", "curser").returncode == 2
    for wrong in ("a b", "", "x" * 65, "a.b", "__proto__", "-x"):
        assert person.run("install", "cursor", "--name", wrong).returncode == 2
    for url in ("box.lan/mcp", "ftp://box/mcp", "http://127.0.0.1:8620", "http://me:pw@box/mcp"):
        assert person.run("install", "cursor", "--http", url).returncode == 2
    refused(
        person.run("install", "windsurf", "--project"),
        "Windsurf has no file for one project's servers",
        "stillroom mcp install windsurf",
    )
    refused(
        person.run("install", "claude-desktop", "--http", "https://box.lan/mcp"),
        "Claude Desktop names no server over HTTP in its configuration",
    )
    assert own(person).exists()
    assert list(own(person).iterdir()) == []


def test_a_damaged_file_is_refused_by_line_and_column_and_left_alone(person: Person) -> None:
    path = own(person, ".cursor", "mcp.json")
    path.parent.mkdir()
    path.write_text('{\n  "mcpServers": {\n', encoding="utf-8")

    done = person.run("install", "cursor", "--json")

    assert json.loads(done.stdout)["error"] == {
        "message": f"{path} cannot be read, and was left as it is: line 3, column 1:"
        " a key in double quotes is needed here, not the end",
        "hint": "mend it in an editor, then try again",
        "exit_code": 1,
    }
    assert path.read_text(encoding="utf-8") == '{\n  "mcpServers": {\n'


def test_clients_are_listed_with_what_is_here(person: Person) -> None:
    own(person, ".gemini").mkdir()
    person.json("install", "codex", "--name", "notes")

    rows = {row["id"]: row for row in person.json("clients")}

    assert list(rows) == [client.id for client in CLIENTS]
    assert rows["gemini"]["here"]
    assert rows["gemini"]["evidence"] == str(own(person, ".gemini"))
    assert not rows["gemini"]["installed"]
    assert rows["codex"]["files"][0]["names"] == ["notes"]
    assert rows["jetbrains"]["files"] == []
    person.set(COLUMNS="40")  # of a terminal; in a pipe lines are whole
    shown = person.run("clients").stdout
    assert "~/.codex/config.toml" in shown
    assert " .vscode/mcp.json" in shown
