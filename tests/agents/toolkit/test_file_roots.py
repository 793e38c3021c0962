"""Only regular files under the named folders are opened, wherever a path, a link or a race leads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.toolkit.file_roots import FileRoots
from agents.toolkit.file_tools import FileTools
from stillroom.errors import ToolError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder ``notes`` beside a secret that no path from it may reach."""
    notes = tmp_path / "notes"
    (notes / "2026").mkdir(parents=True)
    (notes / "2026" / "may.md").write_text("May.")
    (notes / ".keys").mkdir()
    (notes / ".keys" / "id").write_text("KEY")
    (notes / ".env").write_text("KEY")
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "notes-too").mkdir()
    (tmp_path / "notes-too" / "b.txt").write_text("SECRET")
    (notes / "inside").symlink_to(notes / "2026" / "may.md")
    (notes / "outside").symlink_to(tmp_path / "secret.txt")
    (notes / "up").symlink_to(tmp_path)
    (notes / "loop").symlink_to(notes / "loop")
    (notes / "key").symlink_to(notes / ".keys" / "id")
    (notes / "device").symlink_to("/dev/zero")
    (notes / "dangling").symlink_to(tmp_path / "nothing")
    return notes


def content(roots: FileRoots, path: str) -> bytes:
    with roots.opened(path) as opened:
        return opened.stream.read(1_000)


@pytest.mark.parametrize(
    "path", ["2026/may.md", "notes/2026/may.md", "./2026/../2026//may.md", "inside", " 2026/may.md "]
)
def test_file_below_the_root_is_opened_however_its_path_is_written(tree: Path, path: str) -> None:
    assert content(FileRoots((tree,)), path) == b"May."


def test_full_path_is_taken_where_it_leads_inside(tree: Path) -> None:
    roots = FileRoots((tree,))
    assert content(roots, str(tree / "2026" / "may.md")) == b"May."
    with roots.opened(str(tree / "inside")) as opened:
        assert opened.shown == "notes/2026/may.md"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../secret.txt", "leads out"),
        ("2026/../../secret.txt", "leads out"),
        ("../nothing-there", "leads out"),
        ("../notes-too/b.txt", "leads out"),
        ("outside", "leads out"),
        ("up/secret.txt", "leads out"),
        ("up/notes/2026/may.md/../../../secret.txt", "leads out"),
        ("device", "leads out"),
        ("dangling", "leads out"),
        ("/etc/passwd", "outside the folders"),
        ("/dev/zero", "outside the folders"),
        (".env", "hidden"),
        (".keys/id", "hidden"),
        ("key", "hidden"),
        ("~/secret.txt", "no such file"),
        ("loop", "no such file"),
        ("2026/june.md", "no such file"),
        ("2026/may.md/x", "no such file"),
        ("a" * 5_000, "no such file"),
        ("a\0b", "no such file|such characters"),
        ("2026", "it is a folder"),
        ("", "it is a folder"),
        ("\ud800", "such characters"),
    ],
)
def test_what_leads_elsewhere_is_refused_with_the_reason(tree: Path, path: str, why: str) -> None:
    with pytest.raises(ToolError, match=why) as caught:
        content(FileRoots((tree,)), path)
    assert caught.value.hint == "folders that may be read: notes"
    caught.value.message.encode()


def test_pipe_is_refused_and_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(ToolError, match="a device, a pipe or a socket"):
        content(FileRoots((tree,)), "pipe")


def test_what_the_kernel_makes_up_is_refused_below_any_root() -> None:
    roots = FileRoots((Path("/"),))
    for path in ("/proc/self/environ", "/dev/zero", "/sys/kernel"):
        with pytest.raises(ToolError, match=r"system makes up|no such file"):
            content(roots, path)


def test_several_roots_are_told_apart_by_name(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "work" / "notes"
    other.mkdir(parents=True)
    (other / "a.txt").write_text("A")
    roots = FileRoots((tree, other, tree))
    assert list(roots.named) == ["notes", "notes-2"]
    assert content(roots, "notes-2/a.txt") == b"A"
    assert content(roots, "notes/2026/may.md") == b"May."
    with pytest.raises(ToolError, match="begins with none"):
        content(roots, "a.txt")
    with pytest.raises(ToolError, match="leads out"):
        content(roots, "notes/../work/notes/a.txt")


def test_root_that_is_a_link_is_the_folder_that_it_leads_to(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tree)
    assert content(FileRoots((link,)), "2026/may.md") == b"May."


def test_without_a_root_nothing_is_read(tree: Path) -> None:
    with pytest.raises(ToolError, match="no folder may be read") as caught:
        content(FileRoots(()), str(tree / "inside"))
    assert "agent_file_roots" in caught.value.hint


NAMES = ".. . 2026 may.md up notes outside inside secret.txt .env .keys key notes-too b.txt ~ loop device"
PARTS = st.sampled_from(["", *NAMES.split()]) | st.text(max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=7), st.booleans())
def test_no_path_reaches_beyond_the_root(tree: Path, parts: list[str], full: bool) -> None:  # noqa: FBT001
    path = "/".join([str(tree)] * full + parts)
    try:
        found = content(FileRoots((tree,)), path)
    except ToolError:
        return
    assert found == b"May."


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no such names")
def test_a_name_that_is_no_utf8_is_opened_as_it_is_shown(tree: Path) -> None:
    roots = FileRoots((tree,))
    folder = tree / os.fsdecode(b"\xc4\xe3")
    folder.mkdir()
    for name, words in ((b"bad\xff.txt", "ONE"), (b"a\xfe.md", "TWO"), (b"a\xfd.md", "THREE")):
        (folder / os.fsdecode(name)).write_text(words)

    listed = {entry.path for entry in FileTools(roots).list_files(pattern="*").entries}
    assert {"notes/??/bad?.txt", "notes/??/a?.md"} <= listed
    assert FileTools(roots).read_file("notes/??/bad?.txt").text == "ONE"
    with pytest.raises(ToolError, match="2 names that are no UTF-8"):
        content(roots, "??/a?.md")
    with pytest.raises(ToolError, match="no such file"):
        content(roots, "??/b?.md")
    with pytest.raises(ToolError, match="leads out"):
        content(roots, "up/secre?.txt")
