"""The bounds of an ingest: no symbolic link leads out of them, neither as it walks nor as it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.ingesting.bounds import Bounds
from rag.ingesting.pool import ReaderPool
from rag.ingesting.reading import ReadJob
from rag.ingesting.walk import find_files

if TYPE_CHECKING:
    from pathlib import Path

OUT = "it leads out of the folders that may be ingested"
HIDDEN = "it leads into a hidden folder"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder from which links lead out and into what is hidden, beside ones that stay within."""
    documents = tmp_path / "documents"
    for name in (
        "documents/deep/own.md",
        "documents/.git/config.md",
        "secret/secret.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    (documents / "folder").symlink_to(tmp_path / "secret")
    (documents / "deep" / "file.md").symlink_to(tmp_path / "secret" / "secret.md")
    (documents / "deep" / "hidden").symlink_to(documents / ".git")
    (documents / "nothing.md").symlink_to(tmp_path / "secret" / "nothing.md")
    (documents / "within.md").symlink_to(documents / "deep" / "own.md")
    return documents


def test_links_that_lead_out_or_to_what_is_hidden_are_told_and_not_taken(documents: Path) -> None:
    walked = find_files([documents], bounds=Bounds.below([documents]))
    assert list(walked.files) == [documents / "within.md"]  # the same file as deep/own.md, taken once
    assert dict(walked.unreadable) == {
        documents / "folder": OUT,
        documents / "nothing.md": OUT,  # not said to exist, nor not to
        documents / "deep" / "file.md": OUT,
        documents / "deep" / "hidden": HIDDEN,
    }


def test_named_paths_are_judged_like_what_is_below_them(documents: Path) -> None:
    named = [documents / "folder" / "secret.md", documents / "folder", documents.parent / "no.md"]
    walked = find_files(named, bounds=Bounds.below([documents]))
    assert (list(walked.files), walked.unreadable) == ([], [(path, OUT) for path in named])


def test_without_bounds_links_are_followed(documents: Path) -> None:
    assert documents / "deep" / "file.md" in find_files([documents]).files


def test_what_the_library_has_from_out_of_the_bounds_stays(documents: Path) -> None:
    held = [documents / "folder" / "secret.md", documents / "deep" / "file.md", documents / "gone.md"]
    walked = find_files([documents], bounds=Bounds.below([documents]))
    assert list(walked.deleted(held)) == [documents / "gone.md"]


def test_root_may_be_a_link_and_lie_in_a_hidden_folder(tmp_path: Path) -> None:
    real = tmp_path / ".sync" / "documents"
    real.mkdir(parents=True)
    (real / "own.md").write_text("text")
    (tmp_path / "link").symlink_to(real)
    walked = find_files([tmp_path / "link"], bounds=Bounds.below([tmp_path / "link"]))
    assert (list(walked.files), walked.unreadable) == ([tmp_path / "link" / "own.md"], [])


def test_link_that_was_exchanged_after_the_walk_is_not_read(documents: Path) -> None:
    path = documents / "deep" / "file.md"
    with ReaderPool(readers=1, bounds=Bounds.below([documents])) as pool:
        jobs = [ReadJob(str(one), 4) for one in (path, documents / "within.md")]
        out, within = sorted(pool.read(jobs), key=lambda read: read.path)
    assert [failed.reason for failed in out.failed] == [f"{path} is not read: {OUT}"]
    assert (out.content_hash, within.failed) == ("", ())
