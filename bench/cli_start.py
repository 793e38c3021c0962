"""How long ``stillroom --help`` takes, as a ratio to ``python -c pass`` measured in the same run.

The commands are timed in turn, so that a busy machine slows all of them; the medians are compared. The limit
is 12. The help page on a terminal, which Rich draws, is timed on a pseudo-terminal beside what importing
Typer's Rich support alone takes.

Usage: python bench/cli_start.py [--runs 15]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 12.0


def seconds(argv: list[str], *, on_terminal: bool = False) -> float:
    """Wall time of one run of a command, in seconds; its output goes to a pseudo-terminal or nowhere."""
    if not on_terminal:
        started = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - started
    reader, terminal = pty.openpty()
    started = time.perf_counter()
    with subprocess.Popen(argv, stdout=terminal, stderr=terminal, close_fds=True):
        os.close(terminal)
        # Linux ends a pseudo-terminal whose other side is closed with EIO.
        with contextlib.suppress(OSError):
            while os.read(reader, 65_536):
                pass
    os.close(reader)
    return time.perf_counter() - started


def main() -> int:
    """Measure, print, and fail when the limit is crossed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=15, help="counted runs of each command")
    runs = parser.parse_args().runs
    floor = [sys.executable, "-c", "pass"]
    peer = [sys.executable, "-c", "import typer, typer.rich_utils"]
    ours = [sys.executable, "-m", "stillroom", "--help"]
    timed: tuple[tuple[str, Callable[[], float]], ...] = (
        ("python -c pass", lambda: seconds(floor)),
        ("import typer, typer.rich_utils", lambda: seconds(peer)),
        ("stillroom --help", lambda: seconds(ours)),
        ("stillroom --help, on a terminal", lambda: seconds(ours, on_terminal=True)),
    )
    for _, measure in timed:
        measure()  # warm the file cache and the bytecode
    rows = [[measure() for _, measure in timed] for _ in range(runs)]
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    for (name, _), median in zip(timed, medians, strict=True):
        print(f"{name:32} {median * 1000:7.1f} ms  {median / medians[0]:5.1f}")
    ratio = medians[2] / medians[0]
    print(f"stillroom --help: {ratio:.1f} times python -c pass; the limit is {LIMIT:g}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
