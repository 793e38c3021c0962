"""How fast the processor reads main memory, measured once and remembered.

Decoding on a CPU reads every weight once a token, so this bounds it. Measuring takes about half a second and
all cores; reading the remembered figure takes none. It knows nothing of GPUs.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from deploy.small_file import write_whole
from deploy.spec import MIB
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FILE = "memory-bandwidth.json"
# Each core reads a block of its own that is larger than its share of any cache in use (a core of an EPYC has
# up to 32 MiB of the third level to itself), and all blocks together stay a small part of the memory.
_BLOCK_BYTES = 64 * MIB
_MOST_BYTES = 2048 * MIB
_SECONDS = 0.25
_ROUNDS = 3


def measure_bandwidth(
    cores: int, *, seconds: float = _SECONDS, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Bytes a second that ``cores`` cores read together: the best of three rounds.

    Each thread takes the largest of an array of numbers, which reads it once from end to end, as decoding
    reads weights. numpy releases the interpreter's lock meanwhile.
    """
    import numpy as np

    block = min(_BLOCK_BYTES, _MOST_BYTES // cores)
    with ThreadPoolExecutor(cores) as pool:
        # Written once: untouched pages would all be one page of zeros, and come from the cache.
        blocks = list(pool.map(lambda _: np.ones(block // 4, dtype=np.float32), range(cores)))

        def read(part: np.ndarray[tuple[int], np.dtype[np.float32]]) -> int:
            done = 0
            end = clock() + seconds / _ROUNDS
            while done == 0 or clock() < end:
                part.max()
                done += part.nbytes
            return done

        best = 0.0
        for _ in range(_ROUNDS):
            start = clock()
            total = sum(pool.map(read, blocks))
            best = max(best, total / (clock() - start))
    return best


def cached_bandwidth(cache_dir: Path, cpu_name: str, cores: int) -> float:
    """The figure remembered for that processor and that many cores, in bytes a second; 0 for none."""
    value = _read(cache_dir / _FILE).get(_key(cpu_name, cores), 0.0)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


def remember_bandwidth(cache_dir: Path, cpu_name: str, cores: int, bytes_per_s: float) -> None:
    """Keep a figure for the next plan.

    Raises:
        EnvironmentUnfitError: the file cannot be written.
    """
    path = cache_dir / _FILE
    known = _read(path) | {_key(cpu_name, cores): bytes_per_s}
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(known, indent=1, ensure_ascii=False).encode())
    except OSError as exc:
        raise EnvironmentUnfitError(
            f"{path} cannot be written: {exc.strerror or exc}", hint="stillroom settings, see cache_dir"
        ) from exc


def _key(cpu_name: str, cores: int) -> str:
    return f"{cpu_name}, {cores} cores"


def _read(path: Path) -> dict[str, object]:
    """What is remembered; a damaged file counts as none, because it can be measured again."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
