"""Memory of real processes: what several of them map counts once, whoever else maps it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deploy.process_memory import FamilyMemory, family_memory
from deploy.spec import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose pages are shared")

FILE_BYTES = 48 * MIB
# What an interpreter itself takes, and the noise of its allocator.
NOISE_BYTES = 12 * MIB

# Maps the file and reads a byte of each page, in as many processes as are asked for; says so, and waits.
READER = """
import mmap, os, sys
path, processes = sys.argv[1], int(sys.argv[2])
for _ in range(processes - 1):
    if os.fork() == 0:
        break
with open(path, "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
total = sum(pages[place] for place in range(0, len(pages), mmap.PAGESIZE))
os.write(1, b"ready\\n")
os.read(0, 1)
"""


@contextmanager
def reader(path: Path, processes: int) -> Iterator[int]:
    """The pid of a program that maps the file in so many processes, the others its children."""
    argv = [sys.executable, "-c", READER, str(path), str(processes)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for _ in range(processes):
            assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.stdin.close()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that is larger than everything else that a small program takes."""
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(MIB) * (FILE_BYTES // MIB))
    return path


def held(memory: FamilyMemory) -> int:
    assert memory.held_bytes is not None
    return memory.held_bytes


def pss(memory: FamilyMemory) -> int:
    assert memory.pss_bytes is not None
    return memory.pss_bytes


def test_a_file_that_a_parent_and_its_child_map_counts_once(weights: Path) -> None:
    with reader(weights, 1) as pid:
        alone = family_memory(pid)
    with reader(weights, 2) as pid:
        both = family_memory(pid)

    assert len(both.pids) == 2
    assert both.rss_bytes > alone.rss_bytes + FILE_BYTES
    assert held(both) == pytest.approx(held(alone), abs=NOISE_BYTES)
    assert held(both) > FILE_BYTES


def test_what_strangers_map_too_is_still_held_in_full(weights: Path) -> None:
    with reader(weights, 1) as pid:
        alone = family_memory(pid)
        with reader(weights, 1), reader(weights, 1):
            beside_others = family_memory(pid)

    assert held(beside_others) == pytest.approx(held(alone), abs=NOISE_BYTES)
    assert pss(beside_others) < pss(alone) - FILE_BYTES // 2


def test_the_resident_set_is_told_apart_into_files_and_anonymous_pages(weights: Path) -> None:
    with reader(weights, 1) as pid:
        memory = family_memory(pid)

    assert memory.file_backed_bytes is not None
    assert memory.anonymous_bytes is not None
    assert memory.file_backed_bytes > FILE_BYTES
    assert memory.file_backed_bytes + memory.anonymous_bytes == pytest.approx(memory.rss_bytes, abs=MIB)


def test_a_process_that_has_ended_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()

    assert family_memory(ended.pid) == FamilyMemory((), 0, None, None, None, None)
