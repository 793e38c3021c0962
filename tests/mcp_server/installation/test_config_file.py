"""A client's file on the disk: its permissions, links and copies, and nothing half-written."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mcp_server.installation.config_file import back_up, newest_backup, read, replace
from mcp_server.installation.entries import Command
from mcp_server.installation.installing import apply, locate, look, plan
from mcp_server.installation.registry import find_client
from mcp_server.installation.surroundings import Surroundings
from mcp_server.installation.turns import turn
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
    backup = apply(planned(config))

    assert backup == config.with_name("mcp.json.before-stillroom")
    assert backup.read_bytes() == TEXT.encode()
    assert [path.stat().st_mode & 0o777 for path in (config, backup)] == [0o640, 0o640]
    assert sorted(path.name for path in config.parent.iterdir()) == ["mcp.json", "mcp.json.before-stillroom"]


def test_a_copy_is_made_once_and_goes_with_the_last_entry(config: Path) -> None:
    apply(planned(config))
    backup = apply(planned(config, "notes"))
    assert backup is not None

    assert apply(planned(config)) is None
    assert apply(planned(config, uninstall=True)) == backup
    assert apply(planned(config, "notes", uninstall=True)) is None
    assert [path.name for path in config.parent.iterdir()] == ["mcp.json"]
    assert config.read_bytes() == TEXT.encode()


def test_a_copy_stays_where_somebody_else_changed_the_file_and_the_next_one_is_numbered(config: Path) -> None:
    first = apply(planned(config))
    changed = config.read_bytes().replace(b"// mine", b"// ours")
    config.write_bytes(changed)

    assert apply(planned(config, uninstall=True)) == first
    assert config.read_bytes() == TEXT.replace("// mine", "// ours").encode()
    second = apply(planned(config))
    assert second == config.with_name("mcp.json.before-stillroom-2")
    assert newest_backup(config) == second


def test_a_link_stays_a_link(tmp_path: Path, config: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    config.rename(dotfiles / "cursor.json")
    config.symlink_to(dotfiles / "cursor.json")

    apply(planned(config))

    assert config.is_symlink()
    assert "stillroom" in (dotfiles / "cursor.json").read_text(encoding="utf-8")
    apply(planned(config, uninstall=True))
    assert (dotfiles / "cursor.json").read_bytes() == TEXT.encode()


def test_a_file_that_is_read_only_stays_as_it_is(config: Path) -> None:
    config.chmod(0o444)

    with pytest.raises(McpError, match="is read-only") as refusal:
        apply(planned(config))
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


def test_a_new_file_goes_and_folders_stay_since_they_may_be_the_persons(tmp_path: Path) -> None:
    path = tmp_path / "home" / ".cursor" / "deep" / "mcp.json"
    (tmp_path / "home" / ".cursor").mkdir(parents=True)

    assert apply(planned(path)) is None
    apply(planned(path, uninstall=True))

    assert not path.exists()
    assert (tmp_path / "home" / ".cursor").is_dir()


def test_a_link_whose_target_was_missing_stays_and_the_target_goes(tmp_path: Path) -> None:
    path, target = tmp_path / ".cursor" / "mcp.json", tmp_path / "dot" / "m.json"
    path.parent.mkdir()
    target.parent.mkdir()
    path.symlink_to("../dot/m.json")

    apply(planned(path))
    assert "stillroom" in target.read_text(encoding="utf-8")
    apply(planned(path, uninstall=True))

    assert path.is_symlink()
    assert not target.exists()


@pytest.mark.parametrize("linked", [".cursor", ".cursor/mcp.json"])
def test_a_link_to_where_no_folder_is_is_refused_and_none_is_made(tmp_path: Path, linked: str) -> None:
    path, link = tmp_path / ".cursor" / "mcp.json", tmp_path / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "disk" / "dot")

    with pytest.raises(McpError, match=f"{link} is a link to .*, and there is no folder .*/disk;"):
        planned(path)
    assert planned(path, uninstall=True).status == "absent"
    assert not (tmp_path / "disk").exists()


def test_a_link_that_leads_in_a_circle_is_refused(tmp_path: Path) -> None:
    assert CURSOR is not None
    path = tmp_path / "mcp.json"
    path.symlink_to("mcp.json")

    with pytest.raises(McpError, match="cannot be read: Too many levels of symbolic links"):
        planned(path)


def test_a_projects_file_that_leads_in_a_circle_is_said_of_that_client_alone(tmp_path: Path) -> None:
    assert CURSOR is not None
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor" / "mcp.json").symlink_to("mcp.json")

    _, project = look(CURSOR, Surroundings("linux", tmp_path / "home", tmp_path), {}, "stillroom").files

    assert str(tmp_path / ".cursor" / "mcp.json") in project.problem


def test_a_file_keeps_its_owner_and_so_does_its_copy(config: Path) -> None:
    if os.geteuid() == 0:  # who else may give a file away?
        os.chown(config, 4711, 4712)
    before = config.stat()

    backup = apply(planned(config))

    assert backup is not None
    for path in (config, backup):
        assert (path.stat().st_uid, path.stat().st_gid) == (before.st_uid, before.st_gid)


def test_comments_inside_the_entry_are_kept_in_a_copy_when_it_is_updated(config: Path) -> None:
    config.unlink()
    apply(planned(config))
    text = config.read_text(encoding="utf-8").replace('"command"', '// mine\n "disabled": true, "command"')
    text = text.replace("/bin/python", "/old/python")
    config.write_text(text, encoding="utf-8")

    kept = apply(planned(config))

    assert kept == config.with_name("mcp.json.before-stillroom-update")
    assert kept.read_text(encoding="utf-8") == text
    assert '"disabled": true' in config.read_text(encoding="utf-8")
    assert apply(planned(config, uninstall=True)) is None
    assert not config.exists()


def test_an_update_of_what_nobody_wrote_in_makes_no_copy(config: Path) -> None:
    config.unlink()
    apply(planned(config))
    config.write_text(config.read_text(encoding="utf-8").replace("/bin/p", "/old/p"), encoding="utf-8")

    assert apply(planned(config)) is None
    assert [path.name for path in config.parent.iterdir()] == ["mcp.json"]


def test_somebody_elses_entry_beside_one_of_ours_is_copied_before_it_is_replaced(config: Path) -> None:
    assert CURSOR is not None
    own = '"stillroom": {"command": "stillroom", "args": ["mcp", "serve"]}'
    text = f'{{"mcpServers": {{"a": {{"command": "npx"}}, {own}}}}}'
    config.write_text(text, encoding="utf-8")

    kept = apply(plan(CURSOR, config, "a", COMMAND, replace=True))

    assert kept is not None
    assert kept.read_text(encoding="utf-8") == text


def test_what_cannot_be_looked_at_is_said_of_that_client_alone(tmp_path: Path) -> None:
    assert CURSOR is not None
    around = Surroundings("linux", tmp_path / ("x" * 300), tmp_path)  # no name may be that long

    found = look(CURSOR, around, {}, "stillroom")

    assert not found.here
    assert "cannot be read: File name too long" in found.files[0].problem


def test_who_comes_second_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with turn(tmp_path):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with turn(tmp_path):
            waiting = pool.submit(second)
            apply(planned(tmp_path / "mcp.json"))
            order.append("first")
        waiting.result(timeout=120)

    assert order == ["first", "second"]


def test_an_empty_file_is_an_empty_file_again(config: Path) -> None:
    config.write_bytes(b"")

    apply(planned(config))
    apply(planned(config, uninstall=True))

    assert config.read_bytes() == b""
    assert newest_backup(config) is None


def test_a_new_file_with_a_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    apply(planned(tmp_path / "mcp.json"), secret=True)

    assert (tmp_path / "mcp.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_somebody_else_writes_meanwhile_is_left_alone(config: Path) -> None:
    change = planned(config)
    config.write_text("{}", encoding="utf-8")

    with pytest.raises(McpError, match="was changed while it was read"):
        apply(change)
    assert config.read_text(encoding="utf-8") == "{}"
    assert list(config.parent.iterdir()) == [config]


@pytest.mark.parametrize("before", ["what it was", None])
def test_what_was_written_until_the_last_moment_is_not_lost(config: Path, before: str | None) -> None:
    with pytest.raises(McpError, match="was changed while it was read"):
        replace(config, before, "{}")

    assert config.read_bytes() == TEXT.encode()
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
        apply(planned(config / "mcp.json"))

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
    apply(planned(tmp_path / ".cursor" / "mcp.json", "notes"))
    damaged = tmp_path / "project" / ".cursor" / "mcp.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"mcpServers": ', encoding="utf-8")

    user, project = look(CURSOR, around, {}, "stillroom").files

    assert user.names == ("notes",)
    assert project.problem == f"{damaged}: line 1, column 16: a value is needed here, not the end"
