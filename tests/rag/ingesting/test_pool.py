"""Reading in processes of their own: what a file does to its reader costs that file alone.

The parser that misbehaves is real code in a real reader: each file's text is the Python that its parser runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.pool import ReaderPool
from rag.ingesting.reading import FileRead, ReadJob, ReadLimits, answer
from rag.parsers.options import ParseOptions
from tests.processes import runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
from rag.document import ParsedDocument, Section
def parse(content, path, options):
    names = {"options": options, "text": content.decode()}
    exec(content, names)
    return ParsedDocument(path.stem, "text", (Section(names["text"]),), notes=(str(os.getpid()),))
import os
"""
MIB = 1024**2


@pytest.fixture
def obedient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A parser that does what a file says, as readers find it."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "obedient_parser.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "obedient_parser:parse"


def jobs(folder: Path, *programs: str) -> Iterator[ReadJob]:
    for number, program in enumerate(programs):
        path = folder / f"{number}.txt"
        path.write_text(program)
        yield ReadJob(str(path), len(program))


def reader_pid(read: FileRead) -> int:
    return int(read.documents[0].parsed.notes[0])


def outcomes(reads: list[FileRead]) -> list[str]:
    return [read.failed[0].reason if read.failed else "read" for read in reads]


def test_one_reader_reads_many_files_and_prints_nothing_of_theirs_to_our_output(
    tmp_path: Path, obedient: str, capfd: pytest.CaptureFixture[str]
) -> None:
    programs = (
        "print('said')",
        "import sys; sys.stdout.flush(); text = sys.stdin.read() or 'nothing to read'",
    )
    with ReaderPool(readers=1, parser=obedient) as pool:
        reads = list(pool.read(jobs(tmp_path, *programs)))
    assert outcomes(reads) == ["read", "read"]
    assert reads[1].documents[0].parsed.sections[0].text == "nothing to read"
    assert len({reader_pid(read) for read in reads}) == 1
    assert capfd.readouterr().out == ""


def test_a_file_that_hangs_its_parser_is_given_up_and_the_next_is_read(tmp_path: Path, obedient: str) -> None:
    limits = ReadLimits(seconds=2.0)
    with ReaderPool(readers=1, parser=obedient, limits=limits) as pool:
        reads = list(pool.read(jobs(tmp_path, "while True: pass", "pass")))
    assert outcomes(reads) == [f"{tmp_path}/0.txt was not read within 2 s", "read"]
    assert "STILLROOM_PARSE_SECONDS" in reads[0].failed[0].hint


def test_a_reader_that_starts_slowly_takes_no_time_from_its_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than the limit and the look that comes after a second.
    (tmp_path / "slow_parser.py").write_text("import time; time.sleep(2.5)" + MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    limits = ReadLimits(seconds=1.0)
    with ReaderPool(readers=1, parser="slow_parser:parse", limits=limits) as pool:
        reads = list(pool.read(jobs(tmp_path, "pass")))
    assert outcomes(reads) == ["read"]


def test_a_program_that_works_for_the_parser_has_its_own_time(tmp_path: Path, obedient: str) -> None:
    # As Tesseract does for each page; it takes longer than the limit and its two looks.
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(4.5)'])"
    with ReaderPool(readers=1, parser=obedient, limits=ReadLimits(seconds=2.0)) as pool:
        reads = list(pool.read(jobs(tmp_path, program)))
    assert outcomes(reads) == ["read"]


def test_a_file_that_eats_memory_meets_the_limit(tmp_path: Path, obedient: str) -> None:
    limits = ReadLimits(memory_bytes=512 * MIB)
    with ReaderPool(readers=1, parser=obedient, limits=limits) as pool:
        reads = list(pool.read(jobs(tmp_path, "pass", "hoard = [bytes(2**20) for _ in range(4096)]", "pass")))
    assert outcomes(reads) == [
        "read",
        f"{tmp_path}/1.txt needs more than 0.5 GiB of memory to be read",
        "read",
    ]
    assert "STILLROOM_PARSE_MEMORY_MIB" in reads[1].failed[0].hint


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("import os; os._exit(3)", "ended with code 3"),
        ("import os; os.write(2, b'out of luck'); os._exit(4)", "ended with code 4: out of luck"),
        ("raise SystemExit('no more')", "ended with code 1: no more"),
        ("raise KeyError('page')", "its parser failed (KeyError: 'page')"),
        ("def deeper(): deeper()\ndeeper()", "is nested too deep"),
        ("text = 'x' * 1001", "holds 1,001 characters; at most 1,000 are taken"),
    ],
)
def test_what_a_file_does_to_its_reader_is_said_of_that_file_alone(
    tmp_path: Path, obedient: str, program: str, said: str
) -> None:
    limits = ReadLimits(text_characters=1000)
    with ReaderPool(readers=1, parser=obedient, limits=limits) as pool:
        reads = list(pool.read(jobs(tmp_path, program, "pass")))
    assert said in reads[0].failed[0].reason
    assert reads[0].failed[0].hint
    assert outcomes(reads[1:]) == ["read"]


def test_a_file_that_dies_of_what_an_earlier_one_left_is_read_by_a_fresh_reader(
    tmp_path: Path, obedient: str
) -> None:
    poison = "import builtins; builtins.poisoned = True"
    victim = "import builtins, os; hasattr(builtins, 'poisoned') and os._exit(1)"
    with ReaderPool(readers=1, parser=obedient) as pool:
        reads = list(pool.read(jobs(tmp_path, poison, victim)))
    assert outcomes(reads) == ["read", "read"]


def test_a_reader_cannot_answer_with_a_call_of_a_function() -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    import pickle

    with pytest.raises(ValueError, match=r"posix.system is nothing that a reader answers with"):
        answer(pickle.dumps(Hostile()))


def test_readers_work_beside_each_other(tmp_path: Path, obedient: str) -> None:
    # Each waits until the other has begun, which one reader after the other could never do.
    program = (
        "import pathlib, time\n"
        "here = pathlib.Path({folder!r}); (here / '{own}').touch()\n"
        "while not (here / '{other}').exists(): time.sleep(0.01)"
    )
    both = [
        program.format(folder=str(tmp_path), own=own, other=other) for own, other in (("a", "b"), ("b", "a"))
    ]
    with ReaderPool(readers=2, parser=obedient) as pool:
        reads = list(pool.read(jobs(tmp_path, *both)))
    assert outcomes(reads) == ["read", "read"]


def test_closing_the_pool_ends_readers_that_are_at_work_and_what_they_started(
    tmp_path: Path, obedient: str
) -> None:
    program = (
        "import pathlib, subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path)!r}, 'pids').write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "child.wait()"
    )
    pids = tmp_path / "pids"
    with ReaderPool(readers=1, parser=obedient) as pool:
        reads = pool.read(jobs(tmp_path, "pass", program))
        next(reads)
        assert wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    assert wait_until(lambda: not any(runs(int(pid)) for pid in pids.read_text().split()))


def test_readers_end_when_their_parent_is_killed(tmp_path: Path, obedient: str) -> None:
    pid_file = tmp_path / "pid"
    program = (
        f"import pathlib, os; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\nwhile True: pass"
    )
    (tmp_path / "endless.txt").write_text(program)
    program = (
        "import sys\n"
        "from rag.ingesting.pool import ReaderPool\n"
        "from rag.ingesting.reading import ReadJob\n"
        "with ReaderPool(readers=1, parser=sys.argv[2]) as pool:\n"
        "    list(pool.read([ReadJob(sys.argv[1], 1)]))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "endless.txt"), obedient])
    assert wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=120)
    assert wait_until(lambda: not runs(int(pid_file.read_text())))


def test_content_that_is_known_is_not_parsed(tmp_path: Path, obedient: str) -> None:
    (job,) = jobs(tmp_path, "raise KeyError")
    with ReaderPool(readers=1, parser=obedient) as pool:
        (first,) = pool.read([job])
    known = ReadJob(job.path, job.size_bytes, frozenset({first.content_hash}))
    with ReaderPool(readers=1, parser=obedient) as pool:
        (second,) = pool.read([known])
    assert (first.known, second.known, second.failed) == (False, True, ())


def test_a_file_that_was_just_written_has_a_stamp_that_proves_nothing(tmp_path: Path, obedient: str) -> None:
    # Its content may change again within the file system's smallest step of time.
    (job,) = jobs(tmp_path, "pass")
    with ReaderPool(readers=1, parser=obedient) as pool:
        (read,) = pool.read([job])
    assert not read.settled
    assert read.stamp is not None


def test_passwords_reach_the_parser_and_no_command_line(tmp_path: Path, obedient: str) -> None:
    program = (
        "import sys, pathlib; text = pathlib.Path('/proc/self/cmdline').read_text() + str(options.passwords)"
    )
    options = ParseOptions(passwords=("open sesame",))
    with ReaderPool(readers=1, parser=obedient, options=options) as pool:
        (read,) = pool.read(jobs(tmp_path, program))
    assert read.documents[0].parsed.sections[0].text.count("open sesame") == 1
