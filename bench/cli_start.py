"""How long ``stillroom --help`` takes, as a ratio to ``python -c pass`` measured in the same run.

The two commands are timed in turn, so that a busy machine slows both; the medians are compared.
Typer and Rich alone take about 10 times ``python -c pass``; the limit is 12.

Usage: python bench/cli_start.py [--runs 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT = 12.0


def seconds(argv: list[str]) -> float:
    """Wall time of one run of a command, in seconds."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Measure, print, and fail when the limit is crossed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=15, help="counted runs of each command")
    runs = parser.parse_args().runs
    floor = [sys.executable, "-c", "pass"]
    peer = [sys.executable, "-c", "import typer, rich.console, typer.rich_utils"]
    ours = [sys.executable, "-m", "stillroom", "--help"]
    for argv in (floor, peer, ours):
        seconds(argv)  # warm the file cache and the bytecode
    rows = [(seconds(floor), seconds(peer), seconds(ours)) for _ in range(runs)]
    floor_s, peer_s, ours_s = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = ours_s / floor_s
    print(f"python -c pass        {floor_s * 1000:7.1f} ms   1.0")
    print(f"import typer, rich    {peer_s * 1000:7.1f} ms  {peer_s / floor_s:4.1f}")
    print(f"stillroom --help      {ours_s * 1000:7.1f} ms  {ratio:4.1f}   (limit {LIMIT:g})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
