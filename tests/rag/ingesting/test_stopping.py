"""An ingest that is stopped keeps what it has done, and the same ingest again goes on from there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rag.ingesting.ingest import IngestOptions, IngestProgress, ingest
from rag.ingesting.reading import ReadLimits

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from rag.library import Library


def many(folder: Path, files: int) -> None:
    for number in range(files):
        (folder / f"{number:03}.md").write_text(f"# Document {number}\n\nThe text of number {number}.\n")


def test_what_was_embedded_is_kept_and_the_rest_comes_the_next_time(library: Library, folder: Path) -> None:
    many(folder, 40)
    stop = threading.Event()

    def stop_at_the_first_step(progress: IngestProgress) -> None:
        if progress.step == "embedding":
            stop.set()

    first = ingest(library, [folder], on_progress=stop_at_the_first_step, stop=stop)
    assert first.stopped
    assert 0 < first.added < 42
    counts = library.counts()
    assert counts.passages == counts.vectors == counts.words == first.passages
    second = ingest(library, [folder])
    assert not second.stopped
    assert second.added == 42 - first.added
    assert library.counts().documents == 42


def test_a_stopped_ingest_removes_nothing_that_may_only_have_been_renamed(
    library: Library, folder: Path
) -> None:
    ingest(library, [folder])
    (folder / "attention.md").rename(folder / "b.md")
    stop = threading.Event()
    stop.set()
    report = ingest(library, [folder], stop=stop)
    assert (report.stopped, report.removed) == (True, 0)
    assert library.counts().documents == 2


def test_a_reader_that_hangs_is_not_waited_for(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless_parser.py").write_text(
        "import pathlib\n"
        f"def parse(content, path, options):\n    pathlib.Path({str(tmp_path)!r}, 'began').touch()\n"
        "    while True: pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = tmp_path / "documents"
    folder.mkdir()
    many(folder, 1)
    stop = threading.Event()
    options = IngestOptions(parser="endless_parser:parse", limits=ReadLimits(seconds=3_600))
    threading.Thread(target=_set_when, args=(tmp_path / "began", stop), daemon=True).start()
    assert ingest(library, [folder], options=options, stop=stop).stopped


def _set_when(path: Path, stop: threading.Event) -> None:
    while not path.exists():
        stop.wait(0.02)
    stop.set()
