"""The write lock: one process writes, the others hear who it is, and death frees it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.retrieval.retrieve import retrieve
from rag.store.write_lock import write_lock
from stillroom.errors import LibraryBusyError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.library import Library

HOLD = """
import sys
from pathlib import Path
from rag.store.write_lock import write_lock
with write_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_the_process_that_writes(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(library.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LibraryBusyError, match=f"process {holder.pid} is writing"):
            ingest(library, [folder])
        assert retrieve(library, "attention")
        holder.kill()
    assert ingest(library, [folder]).unchanged == 2


def test_the_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), write_lock(tmp_path):
        raise RuntimeError
    with write_lock(tmp_path):
        assert (tmp_path / "writer.pid").exists()
    assert not (tmp_path / "writer.pid").exists()
