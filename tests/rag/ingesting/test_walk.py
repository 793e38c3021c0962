"""The walk: which files a folder holds for the library, judged as git judges its own ignore files."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.walk import find_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")


def found(folder: Path, *, ignoring: bool = True) -> list[str]:
    return names(folder, find_files([folder], ignoring=ignoring).files)


def names(folder: Path, paths: Iterable[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


FILES = (
    "a.log",
    "keep.log",
    "build/out.txt",
    "build/keep.txt",
    "deep/build/out.txt",
    "deep/a.log",
    "deep/only-here.md",
    "deep/er/a.log",
    "deep/er/only-here.md",
    "notes/drafts/x.md",
    "notes/x.md",
    "space here.md",
    "[odd].md",
    "trailing.md ",
)

RULES = [
    ("*.log\n!keep.log\n", ""),
    ("/build/\n", ""),
    ("build/*\n!build/keep.txt\n", ""),
    ("build/\n!build/keep.txt\n", ""),
    ("*.log\n", "!a.log\n"),
    ("", "only-here.md\n"),
    ("", "/only-here.md\n"),
    ("**/er/\n", ""),
    ("notes/**/x.md\n", ""),
    ("# a.log\n\\[odd].md\n", ""),
    ("space here.md\n", ""),
    ("trailing.md \n", ""),
    ("*\n!*/\n!*.md\n", ""),
    ("deep/**\n!deep/only-here.md\n", ""),
    ("er/\n!deep/\n", ""),
    ("*/\n!deep/\n", ""),
    ("deep\n!deep/er/\n", ""),
    ("", "*\n!er/\n"),
    ("[z-a].log\n!\n/\nkeep.log\n", ""),
    ("\ufeffkeep.log\n", ""),
]


@pytest.mark.parametrize(("top", "deep"), RULES, ids=range(len(RULES)))
def test_ignore_files_mean_what_they_mean_to_git(tmp_path: Path, top: str, deep: str) -> None:
    write(tmp_path, *FILES)
    (tmp_path / ".gitignore").write_text(top, encoding="utf-8")
    (tmp_path / "deep" / ".gitignore").write_text(deep, encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--others", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    expected = sorted(name for name in listed.stdout.split("\0") if name and not name.endswith(".gitignore"))
    assert sorted(found(tmp_path)) == expected


def test_the_library_has_an_ignore_file_of_its_own_that_wins(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "generated.md")
    (tmp_path / ".gitignore").write_text("generated.md\nb.md\n")
    (tmp_path / ".stillroomignore").write_text("!generated.md\na.md\n")
    assert found(tmp_path) == ["generated.md"]


def test_a_folder_inside_a_repository_follows_the_rules_above_it(tmp_path: Path) -> None:
    write(tmp_path, "repository/docs/a.md", "repository/docs/a.log")
    (tmp_path / ".gitignore").write_text("*.md\n")
    (tmp_path / "repository" / ".gitignore").write_text("*.log\n")
    assert found(tmp_path / "repository" / "docs") == ["a.log", "a.md"]
    (tmp_path / "repository" / ".git").mkdir()
    assert found(tmp_path / "repository" / "docs") == ["a.md"]


def test_what_programs_keep_for_themselves_is_left_out_untold(tmp_path: Path) -> None:
    write(
        tmp_path, "a.md", "node_modules/x/readme.md", "__pycache__/a.pyc", "~$report.docx", "a.md~", "#a.md#"
    )
    walked = find_files([tmp_path])
    assert names(tmp_path, walked.files) == ["a.md"]
    assert names(tmp_path, sorted(walked.ignored)) == [
        "#a.md#",
        "__pycache__",
        "a.md~",
        "node_modules",
        "~$report.docx",
    ]


def test_ignoring_can_be_switched_off(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.log", "node_modules/readme.md", ".hidden/a.md")
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert found(tmp_path, ignoring=False) == ["a.md", "b.log", "node_modules/readme.md"]


def test_a_file_that_is_named_itself_is_taken_whatever_rules_say(tmp_path: Path) -> None:
    write(tmp_path, "a.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert list(find_files([tmp_path / "a.log"]).files) == [tmp_path / "a.log"]


def test_a_file_that_is_ignored_now_is_wanted_no_longer_unless_it_was_named_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.log", "b.log", "c.md")
    (tmp_path / ".gitignore").write_text("*.log\n")
    walked = find_files([tmp_path])
    held = [tmp_path / name for name in ("a.log", "b.log", "c.md")]
    assert list(walked.deleted(held, named={tmp_path / "b.log"})) == [tmp_path / "a.log"]


def test_a_named_file_that_is_gone_is_wanted_no_longer(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    held = [tmp_path / "gone.md"]
    assert list(find_files([tmp_path]).deleted(held, named=held)) == held


def test_a_stamp_tells_a_file_that_changed(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    before = find_files([tmp_path]).files
    (tmp_path / "a.md").write_text("longer text")
    after = find_files([tmp_path]).files
    assert before[tmp_path / "a.md"].size_bytes == 4
    assert before != after


def test_a_pipe_that_is_named_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert find_files([tmp_path / "pipe"]).unreadable == [
        (tmp_path / "pipe", "it is neither a file nor a folder")
    ]
    assert find_files([tmp_path]).unreadable == []
