"""How long ``stillroom plan`` takes beyond ``python -c pass`` in the same run, and against its limit.

The commands are timed in turn, so that a busy machine slows all of them; the medians are compared. The limit
is 0.5 s beyond the interpreter's own start. The distills on this machine, and one model on a described GPU,
are timed as text and as JSON.

Usage: python bench/plan_start.py [--runs 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT_SECONDS = 0.5
ONE_MODEL = (
    *("--model", "deepseek-r1:14b", "--quant", "Q4_K_M", "--context", "8192"),
    *("--engine", "ollama", "--gpu", "RTX 4090"),
)
# Weighs three times as many models as a plan does by itself: timed, and held to no limit.
UNLIMITED_OPTION = "--any-model"
PLANS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("every distill", ()),
    ("every distill --json", ("--json",)),
    ("every model, an RTX 4090 --json", ("--any-model", "--gpu", "RTX 4090", "--json")),
    ("one model, an RTX 4090", ONE_MODEL),
    ("one model, an RTX 4090 --json", (*ONE_MODEL, "--json")),
)


def seconds(argv: list[str], environment: dict[str, str]) -> float:
    """Wall time of one run of a command, in seconds; its output goes nowhere."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Measure, print, and fail when the limit is crossed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=9, help="counted runs of each command")
    runs = parser.parse_args().runs
    timed = [("python -c pass", [sys.executable, "-c", "pass"])]
    timed += [(f"plan: {name}", [sys.executable, "-m", "stillroom", "plan", *more]) for name, more in PLANS]
    with tempfile.TemporaryDirectory() as folder:
        # Nobody's settings, and bytecode as an installation has it, even where it is not to be written.
        left_out = ("STILLROOM_", "PYTHONDONTWRITEBYTECODE")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        own = {"STILLROOM_DATA_DIR": folder, "XDG_CONFIG_HOME": folder, "PYTHONPYCACHEPREFIX": folder}
        environment = {**inherited, **own}
        for _, argv in timed:
            seconds(argv, environment)  # warm the file cache and the bytecode
        rows = [[seconds(argv, environment) for _, argv in timed] for _ in range(runs)]
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    beyond = [median - medians[0] for median in medians]
    for (name, _), median, more in zip(timed, medians, beyond, strict=True):
        print(
            f"{name:38} {median * 1000:7.1f} ms  {median / medians[0]:5.1f} times the start, "
            f"{more * 1000:7.1f} ms beyond it: {more / LIMIT_SECONDS:4.2f} of the limit"
        )
    slowest = max(more for (_, argv), more in zip(timed, beyond, strict=True) if UNLIMITED_OPTION not in argv)
    print(
        f"the slowest without {UNLIMITED_OPTION} takes {slowest:.2f} s beyond python -c pass; "
        f"the limit is {LIMIT_SECONDS:g} s"
    )
    return 0 if slowest <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
