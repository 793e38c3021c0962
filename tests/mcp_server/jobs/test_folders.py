"""Which paths a client may have ingested, and what it hears of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_server.jobs.folders import Folders, existing_roots
from stillroom.errors import SettingsError, ToolError


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "may.md").write_text("May.")
    return notes


def refusal(path: str | Path, roots: list[Path] | None = None) -> ToolError:
    with pytest.raises(ToolError) as caught:
        Folders(roots).checked([str(path)])
    return caught.value


def test_existing_files_and_folders_are_taken_as_absolute_paths(notes: Path) -> None:
    asked = [f" {notes}/../notes ", str(notes / "may.md")]
    assert Folders(None).checked(asked) == [str(notes), str(notes / "may.md")]


def test_what_is_missing_is_named(notes: Path) -> None:
    error = refusal(notes / "june.md")
    assert error.message == f"'{notes / 'june.md'}': there is no such file or folder"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("notes/may.md", "is not absolute"),
        ("", "is not absolute"),
        ("/", "whole home folder, or more"),
        ("~", "whole home folder, or more"),
        ("~/.ssh", "what is hidden is not taken in"),
        ("/proc/self", "made up by the system"),
        ("/dev/null", "made up by the system"),
        ("/documents/\0", "no path has such characters"),
        ("~nobodyxx/a", "nobody of that name has a home folder here"),
        ("/" + "a" * 4_000, "the system cannot look at it: File name too long"),
    ],
)
def test_paths_that_make_no_sense_are_refused(path: str, why: str) -> None:
    assert why in refusal(path).message


def test_link_is_judged_by_where_it_leads(notes: Path, tmp_path: Path) -> None:
    (tmp_path / ".secrets").mkdir()
    (notes / "link").symlink_to(tmp_path / ".secrets")
    assert "hidden" in refusal(notes / "link").message
    assert "outside" in refusal(notes / "link", [notes]).message


def test_only_what_is_below_the_roots_is_taken_and_nothing_else_is_said_to_exist(
    notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    assert Folders([notes]).checked([str(notes), str(notes / "may.md")])
    there, nowhere = (refusal(tmp_path / name, [notes]) for name in ("other", "nowhere"))
    assert there.message.replace("other", "nowhere") == nowhere.message
    assert there.hint == f"they are {notes}"
    assert "outside" in refusal(f"{notes}/../other", [notes]).message
    assert "outside" in refusal("~nobody-of-that-name", [notes]).message
    assert refusal(notes, []).hint == "set mcp_ingest_roots where the server runs"


def test_root_may_itself_lie_in_a_hidden_folder(tmp_path: Path) -> None:
    root = tmp_path / ".sync" / "documents"
    root.mkdir(parents=True)
    assert Folders([root]).checked([str(root)]) == [str(root)]


def test_root_that_is_no_absolute_path_of_a_folder_is_refused_with_the_form(notes: Path) -> None:
    assert existing_roots([notes]) == (notes,)
    for root, why in (
        (Path(f'["{notes}"]'), "not an absolute path"),  # JSON, where the variable wants PATH's form
        (notes / "may.md", "no such folder"),
        (notes / "june", "no such folder"),
        (Path("~nobodyxx/notes"), "nobody of that name has a home folder"),
    ):
        with pytest.raises(SettingsError, match=why) as caught:
            existing_roots([notes, root])
        assert str(root) in caught.value.message
        assert "STILLROOM_MCP_INGEST_ROOTS='/home/you/notes:/home/you/work'" in caught.value.hint
