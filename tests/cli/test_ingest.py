"""``stillroom ingest`` as a person types it: options, a dry run, stopping, killing and watching."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import refused
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Home


@pytest.fixture
def folder(home: Home) -> Path:
    """A folder with two documents, and one that is ignored."""
    folder = home.folder / "documents"
    folder.mkdir()
    (folder / "a.md").write_text("# Attention\n\nGrouped-query attention shares keys and values.\n")
    (folder / "b.md").write_text("# Rotary\n\nRotary embeddings turn pairs.\n")
    (folder / "c.log").write_text("a line of a log\n")
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def documents(home: Home) -> int:
    """How many documents the library's file holds, looked at from outside."""
    path = home.data_dir / "libraries" / "default" / "library.sqlite3"
    if not path.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            count: int = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    return count


def many(folder: Path) -> int:
    """Write more documents than a batch of the embedder takes; how many there are."""
    for number in range(150):
        text = " ".join(f"{word} {number} of the story." for word in ("Beginning", "Middle", "End"))
        (folder / f"{number:03}.md").write_text(f"# Story {number}\n\n{text}\n")
    return 152


def agree(home: Home, count: int) -> bool:
    counts = home.json("ingest", str(home.folder / "documents"))["counts"]
    assert counts["documents"] == count
    return bool(counts["passages"] == counts["vectors"] == counts["words"])


def test_a_dry_run_lists_what_would_be_done_and_writes_nothing(home: Home, folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    done = home.run("ingest", str(folder), "--dry-run")
    assert done.returncode == 1
    assert f"+ add: {folder}/a.md" in done.stdout
    assert f"ignored: {folder}/c.log" in done.stdout
    assert "empty.txt is empty (0 bytes)" in done.stdout
    assert "nothing was written" in done.stdout
    assert not home.data_dir.exists()


def test_tags_and_metadata_are_kept_with_each_file(home: Home, folder: Path) -> None:
    home.json("ingest", str(folder), "--tag", "x", "--tag", "y", "--meta", "year=2026")
    kept = [document["metadata"] for document in home.json("sources")]
    assert kept == [{"tag": ["x", "y"], "year": ["2026"]}] * 2


def test_ignored_files_are_taken_when_asked_for(home: Home, folder: Path) -> None:
    assert home.json("ingest", str(folder))["report"]["added"] == 2
    assert home.json("ingest", str(folder), "--no-ignore")["report"]["added"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--meta", "year"], "KEY=VALUE"),
        (["--meta", "a b=c"], "KEY=VALUE"),
        (["--watch", "--dry-run"], "--watch goes with neither"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_options_that_make_no_sense_are_refused(home: Home, arguments: list[str], said: str) -> None:
    refused(home.run("ingest", ".", *arguments), said)


def test_passwords_come_from_a_file_that_the_settings_name(home: Home, folder: Path) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.encrypt("open sesame", algorithm="AES-256")
    writer.write(folder / "secret.pdf")
    locked = json.loads(home.run("ingest", str(folder), "--json").stdout)["report"]["failed"]
    assert "encrypted" in locked[0]["reason"]
    (home.folder / "passwords").write_text("wrong\nopen sesame\n")
    home.environment["STILLROOM_DOCUMENT_PASSWORD_FILE"] = str(home.folder / "passwords")
    opened = json.loads(home.run("ingest", str(folder), "--json").stdout)["report"]["failed"]
    # It is open now, and its one page is blank.
    assert "encrypted" not in opened[0]["reason"]
    home.environment["STILLROOM_DOCUMENT_PASSWORD_FILE"] = str(home.folder / "nowhere")
    refused(home.run("ingest", str(folder)), "document_password_file")


def test_ctrl_c_finishes_what_is_at_work_and_the_same_command_goes_on(home: Home, folder: Path) -> None:
    total = many(folder)
    with home.start("ingest", str(folder), "--json") as process:
        assert wait_until(lambda: documents(home) > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    report = json.loads(out)["report"]
    assert report["stopped"]
    assert 0 < report["added"] < total
    assert "the same command goes on from here" in err
    assert report["added"] == documents(home)
    assert agree(home, total)


def test_a_killed_ingest_goes_on_from_what_was_committed(home: Home, folder: Path) -> None:
    total = many(folder)
    with home.start("ingest", str(folder)) as process:
        assert wait_until(lambda: documents(home) > 0)
        process.kill()
        process.communicate(timeout=240)
    kept = documents(home)
    assert 0 < kept < total
    report = home.json("ingest", str(folder))["report"]
    assert (report["added"], report["unchanged"]) == (total - kept, kept)
    assert agree(home, total)


def test_a_watch_follows_changes_while_other_commands_write_and_ends_by_ctrl_c(
    home: Home, folder: Path
) -> None:
    with home.start("ingest", str(folder), "--watch", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["report"]["added"] == 2
        (folder / "d.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
        assert json.loads(process.stdout.readline())["report"]["added"] == 1
        (home.folder / "elsewhere.md").write_text("# Elsewhere\n\nA document of another command.\n")
        assert _written_beside(home)["added"] == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert documents(home) == 4


def _written_beside(home: Home) -> Any:  # noqa: ANN401 - a report as JSON
    """What another command's ingest reports; it is told to try again while the watch writes."""
    done = home.run("ingest", str(home.folder / "elsewhere.md"), "--json")
    while done.returncode != 0:
        assert "is writing to the library" in done.stderr
        done = home.run("ingest", str(home.folder / "elsewhere.md"), "--json")
    return json.loads(done.stdout)["report"]
