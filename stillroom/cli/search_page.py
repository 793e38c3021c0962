"""How found passages look on a terminal, and how a search is explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stillroom.cli.pages import excerpt, show_hits

if TYPE_CHECKING:
    from rich.console import Console

    from rag.document import Hit
    from rag.retrieval.options import SearchResult

__all__ = ["show_explained", "show_hits"]


def show_explained(console: Console, found: SearchResult) -> None:
    """Passages with every step's scores and ranks, then what each step took."""
    for rank, hit in enumerate(found.hits, 1):
        _show_hit(console, rank, hit)
    for query in found.queries:
        console.print(Text(f"also searched: {query}"), style="dim")
    if any(stage.name == "lexical" for stage in found.stages):
        console.print(f"words were trusted to {found.lexical_trust:.0%}", style="dim")
    table = Table("step", "gave on", "ms", box=None, header_style="dim")
    for stage in found.stages:
        table.add_row(stage.name, str(stage.candidates), f"{stage.milliseconds:.1f}")
    console.print(table)


def _show_hit(console: Console, rank: int, hit: Hit) -> None:
    passage = hit.passage
    console.print(
        f"[bold]{rank}. {escape(passage.document_title)}[/], {escape(passage.locator)}  "
        f"[dim]score {hit.score:.3f}, {hit.language}[/]",
        soft_wrap=True,
    )
    if passage.heading:
        console.print(f"   [dim]{escape(' › '.join(passage.heading))}[/]", soft_wrap=True)
    for line in _found_by(hit):
        console.print(Text(f"   {line}"), style="cyan", soft_wrap=True)
    console.print(Text(excerpt(passage.text)))


def _found_by(hit: Hit) -> list[str]:
    """A line for each search that found it, and one for what was made of both."""
    lines = []
    if hit.dense_rank is not None:
        lines.append(f"meaning  rank {hit.dense_rank}, cosine {hit.dense_score:.3f}")
    if hit.lexical_rank is not None:
        lines.append(f"words    rank {hit.lexical_rank}, BM25 {hit.lexical_score:.2f}")
    matched = ", ".join(hit.matched_terms) or "none"
    lines.append(f"terms    {hit.coverage:.0%} of the question's: {matched}")
    judged = "" if hit.rerank_score is None else f", reranker {hit.rerank_score:.3f}"
    lines.append(f"blended  {hit.fused_score:.3f}{judged}")
    return lines
