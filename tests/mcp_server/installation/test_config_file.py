"""A client's file on the disk: its permissions, links and copies, and nothing half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_server.installation.config_file import back_up, newest_backup, read
from mcp_server.installation.entries import Command
from mcp_server.installation.installing import apply, locate, look, plan
from mcp_server.installation.registry import find_client
from mcp_server.installation.surroundings import Surroundings
from stillroom.errors import McpError

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_server.installation.changes import Change

COMMAND = Command(("/bin/python", "-P", "-m", "stillroom", "mcp", "serve"))
TEXT = '\ufeff{\r\n  "theme": "数" // mine\r\n}\r\n'
CURSOR = find_client("cursor")
assert CURSOR is not None


def planned(path: Path, name: str = "stillroom", *, uninstall: bool = False) -> Change:
    assert CURSOR is not None
    return plan(CURSOR, path, name, COMMAND, uninstall=uninstall)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mcp.json"
    path.write_bytes(TEXT.encode())
    path.chmod(0o640)
    return path


def test_the_file_keeps_its_permissions_and_its_copy_has_them_too(config: Path) -> None:
    backup = apply(planned(config), top=config.parent)

    assert backup == config.with_name("mcp.json.before-stillroom")
    assert backup.read_bytes() == TEXT.encode()
    assert [path.stat().st_mode & 0o777 for path in (config, backup)] == [0o640, 0o640]
    assert sorted(path.name for path in config.parent.iterdir()) == ["mcp.json", "mcp.json.before-stillroom"]


def test_a_copy_is_made_once_and_goes_with_the_last_entry(config: Path) -> None:
    apply(planned(config), top=config.parent)
    backup = apply(planned(config, "notes"), top=config.parent)
    assert backup is not None

    assert apply(planned(config), top=config.parent) is None
    assert apply(planned(config, uninstall=True), top=config.parent) == backup
    assert apply(planned(config, "notes", uninstall=True), top=config.parent) is None
    assert [path.name for path in config.parent.iterdir()] == ["mcp.json"]
    assert config.read_bytes() == TEXT.encode()


def test_a_copy_stays_where_somebody_else_changed_the_file_and_the_next_one_is_numbered(config: Path) -> None:
    first = apply(planned(config), top=config.parent)
    changed = config.read_bytes().replace(b"// mine", b"// ours")
    config.write_bytes(changed)

    assert apply(planned(config, uninstall=True), top=config.parent) == first
    assert config.read_bytes() == TEXT.replace("// mine", "// ours").encode()
    second = apply(planned(config), top=config.parent)
    assert second == config.with_name("mcp.json.before-stillroom-2")
    assert newest_backup(config) == second


def test_a_link_stays_a_link(tmp_path: Path, config: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    config.rename(dotfiles / "cursor.json")
    config.symlink_to(dotfiles / "cursor.json")

    apply(planned(config), top=tmp_path)

    assert config.is_symlink()
    assert "stillroom" in (dotfiles / "cursor.json").read_text(encoding="utf-8")
    apply(planned(config, uninstall=True), top=tmp_path)
    assert (dotfiles / "cursor.json").read_bytes() == TEXT.encode()


def test_a_file_that_is_read_only_stays_as_it_is(config: Path) -> None:
    config.chmod(0o444)

    with pytest.raises(McpError, match="is read-only") as refusal:
        apply(planned(config), top=config.parent)
    assert refusal.value.hint == f"chmod u+w {config}"
    assert config.read_bytes() == TEXT.encode()
    assert list(config.parent.iterdir()) == [config]


def test_a_link_that_a_repository_brings_leads_nowhere(tmp_path: Path) -> None:
    assert CURSOR is not None
    around = Surroundings("linux", tmp_path, tmp_path / "project")
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / ".cursor").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(McpError, match="is a link that leads out of"):
        locate(CURSOR, "project", around, "stillroom")
    _, project = look(CURSOR, around, {}, "stillroom").files
    assert "leads out of" in project.problem


def test_a_new_file_goes_with_the_folders_that_were_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / ".cursor" / "deep" / "mcp.json"
    (tmp_path / "home").mkdir()

    assert apply(planned(path), top=tmp_path / "home") is None
    apply(planned(path, uninstall=True), top=tmp_path / "home")

    assert list((tmp_path / "home").iterdir()) == []


def test_a_folder_that_holds_something_else_stays(tmp_path: Path) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    apply(planned(path), top=tmp_path)
    (tmp_path / ".cursor" / "rules").write_text("x", encoding="utf-8")

    apply(planned(path, uninstall=True), top=tmp_path)

    assert [entry.name for entry in (tmp_path / ".cursor").iterdir()] == ["rules"]


def test_an_empty_file_is_an_empty_file_again(config: Path) -> None:
    config.write_bytes(b"")

    apply(planned(config), top=config.parent)
    apply(planned(config, uninstall=True), top=config.parent)

    assert config.read_bytes() == b""
    assert newest_backup(config) is None


def test_a_new_file_with_a_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    apply(planned(tmp_path / "mcp.json"), top=tmp_path, secret=True)

    assert (tmp_path / "mcp.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_somebody_else_writes_meanwhile_is_left_alone(config: Path) -> None:
    change = planned(config)
    config.write_text("{}", encoding="utf-8")

    with pytest.raises(McpError, match="was changed while it was read"):
        apply(change, top=config.parent)
    assert config.read_text(encoding="utf-8") == "{}"
    assert list(config.parent.iterdir()) == [config]


def test_text_that_is_not_utf_8_is_refused(config: Path) -> None:
    config.write_bytes('{"a": "ä"}'.encode("utf-16"))

    with pytest.raises(McpError, match="is no UTF-8 text: byte 0"):
        planned(config)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(McpError, match="it is a folder, and a file is needed"):
        read(tmp_path)


def test_a_file_in_the_place_of_its_folder_is_said_and_nothing_is_left_behind(config: Path) -> None:
    with pytest.raises(McpError, match="cannot be written"):
        apply(planned(config / "mcp.json"), top=config.parent)

    assert config.read_bytes() == TEXT.encode()
    assert list(config.parent.iterdir()) == [config]


def test_the_same_text_needs_no_second_copy(config: Path) -> None:
    assert back_up(config, TEXT) == back_up(config, TEXT)


def test_a_client_is_found_by_its_folder_or_by_its_program(tmp_path: Path) -> None:
    assert CURSOR is not None
    program = tmp_path / "bin" / "cursor"
    program.parent.mkdir()
    around = Surroundings("linux", tmp_path, tmp_path / "project")
    variables = {"PATH": str(program.parent)}

    assert not look(CURSOR, around, variables, "stillroom").here
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert look(CURSOR, around, variables, "stillroom").evidence == str(program)
    (tmp_path / ".cursor").mkdir()
    assert look(CURSOR, around, variables, "stillroom").evidence == str(tmp_path / ".cursor")


def test_a_packaged_claude_desktop_keeps_its_file_elsewhere(tmp_path: Path) -> None:
    desktop = find_client("claude-desktop")
    assert desktop is not None
    variables = {"APPDATA": str(tmp_path / "Roaming"), "LOCALAPPDATA": str(tmp_path / "Local")}
    around = Surroundings("windows", tmp_path, tmp_path, variables)
    classic = tmp_path / "Roaming" / "Claude"
    classic.mkdir(parents=True)

    assert locate(desktop, "user", around, "stillroom") == classic / "claude_desktop_config.json"
    package = tmp_path / "Local" / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude"
    package.mkdir(parents=True)
    assert locate(desktop, "user", around, "stillroom") == package / "claude_desktop_config.json"


def test_an_older_lm_studio_keeps_its_file_elsewhere(tmp_path: Path) -> None:
    studio = find_client("lmstudio")
    assert studio is not None
    around = Surroundings("macos", tmp_path, tmp_path)
    older = tmp_path / ".cache" / "lm-studio"
    older.mkdir(parents=True)

    assert locate(studio, "user", around, "stillroom") == older / "mcp.json"
    (tmp_path / ".lmstudio").mkdir()
    assert locate(studio, "user", around, "stillroom") == tmp_path / ".lmstudio" / "mcp.json"


def test_our_entries_are_found_under_any_name_and_damage_is_said(tmp_path: Path) -> None:
    assert CURSOR is not None
    around = Surroundings("linux", tmp_path, tmp_path / "project")
    apply(planned(tmp_path / ".cursor" / "mcp.json", "notes"), top=tmp_path)
    damaged = tmp_path / "project" / ".cursor" / "mcp.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"mcpServers": ', encoding="utf-8")

    user, project = look(CURSOR, around, {}, "stillroom").files

    assert user.names == ("notes",)
    assert project.problem == f"{damaged}: line 1, column 16: a value is needed here, not the end"
