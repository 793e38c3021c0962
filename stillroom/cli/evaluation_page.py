"""How an evaluation looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from rag.evaluation.report import Evaluation

_HEADS = {"recall@1": "R@1", "recall@5": "R@5", "recall@10": "R@10", "mrr@10": "MRR@10", "ndcg@10": "nDCG@10"}


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """A line for each stage, and what has to be known beside it."""
    console.print(
        f"{evaluation.documents:,} documents, {evaluation.passages:,} passages, {evaluation.queries:,} "
        f"questions, {evaluation.embedder}",
        markup=False,
        soft_wrap=True,
    )
    console.print(_documents(evaluation))
    if any(figures.contained for figures in evaluation.stages.values()):
        console.print("\nquestions whose answer stands in the first passages", style="dim")
        console.print(_contained(evaluation))
    for note in evaluation.notes:
        console.print(f"[dim]note:[/] {escape(note)}", soft_wrap=True)


def _documents(evaluation: Evaluation) -> Table:
    table = _table([*_HEADS.values(), "p50 ms", "p95 ms"])
    for stage, figures in evaluation.stages.items():
        shares = [f"{figures.metrics[name]:.3f}" for name in _HEADS]
        table.add_row(stage, *shares, f"{figures.p50_ms:.1f}", f"{figures.p95_ms:.1f}")
    return table


def _contained(evaluation: Evaluation) -> Table:
    names = dict.fromkeys(name for figures in evaluation.stages.values() for name in figures.contained)
    table = _table(names)
    for stage, figures in evaluation.stages.items():
        table.add_row(stage, *(f"{figures.contained[name]:.3f}" for name in names))
    return table


def _table(heads: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table
