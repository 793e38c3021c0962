"""How documents, passages, answers and the agent's steps look on a terminal.

Model and document text is printed as it is: never as markup.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from agents.agent import AgentRun, Step
    from agents.tools import ToolResult
    from rag.document import Answer, AnswerKind, Citation, Document, Hit

# Long enough to judge a passage or a result by, short enough that several fit a screen.
EXCERPT_CHARACTERS = 300


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "tool"), counted(2, "tool")
        ('1 tool', '2 tools')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def show_documents(console: Console, documents: Iterable[Document]) -> None:
    """One line a document: file, language, passages, title."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold", min_width=30)
    table.add_column("lang", min_width=4)
    table.add_column("passages", justify="right", min_width=8)
    table.add_column("title", no_wrap=True, overflow="ellipsis")
    for document in documents:
        table.add_row(
            escape(document.path), document.language, str(document.passages), escape(document.title)
        )
    console.print(table)


def show_hits(console: Console, hits: Iterable[Hit], *, whole: bool = False) -> None:
    """Passages, best first, each with where it stands and how it was found.

    Args:
        console: where they are printed.
        hits: best first.
        whole: print all of each passage, as it stands.
    """
    for rank, hit in enumerate(hits, 1):
        passage = hit.passage
        console.print(
            f"[bold]{rank}. {escape(passage.document_title)}[/], {passage.locator}  "
            f"[dim]score {hit.score:.2f} (meaning {hit.dense_score:.2f}, words {hit.lexical_score:.1f})[/]",
            soft_wrap=True,
        )
        if passage.heading:
            console.print(f"   [dim]{escape(' › '.join(passage.heading))}[/]", soft_wrap=True)
        console.print(Text(passage.text if whole else excerpt(passage.text)))


def show_answer(console: Console, answer: Answer) -> None:
    """The answer, then what it rests on."""
    console.print(Text.assemble(answer_label(answer.kind), answer.text), soft_wrap=not console.is_terminal)
    show_evidence(console, answer)


def answer_label(kind: AnswerKind) -> Text:
    """What stands before an answer's text: how it was made."""
    colour = {"written": "green", "extractive": "cyan", "refused": "yellow"}[kind]
    return Text(f"{kind}  ", style=f"bold {colour}")


def show_evidence(console: Console, answer: Answer) -> None:
    """The citations, then what should be known of the answer, what was dropped, and what was not read."""
    show_citations(console, answer.citations)
    remarks = [(f"understood as: {answer.standalone}", "dim italic")] if answer.standalone else []
    remarks += [(answer.notice, "dim italic")] if answer.notice else []
    remarks += [(f"dropped: {reason}", "dim yellow") for reason in answer.dropped]
    remarks += [(f"not read: {passage}", "dim yellow") for passage in answer.left_out]
    for text, style in remarks:
        console.print(Text(text), style=style, soft_wrap=not console.is_terminal)


def show_citations(console: Console, citations: Iterable[Citation]) -> None:
    """One line a citation: marker, document, place, quote; in a file or pipe it is not broken."""
    for citation in citations:
        where = f"  [{citation.marker}] {Path(citation.path).name}, {citation.locator}: "
        line = Text.assemble((where, "bold"), (f"“{citation.quote}”", "italic"))
        console.print(line, soft_wrap=not console.is_terminal)


def show_step(console: Console, step: Step) -> None:
    """What the agent chose in one step, and what came back."""
    if step.thought:
        console.print(Text(f"  {excerpt(step.thought)}"), style="dim italic")
    arguments = json.dumps(dict(step.arguments), ensure_ascii=False)
    seconds = f"  {step.model_seconds:.1f} s to choose, {step.tool_seconds:.1f} s to run"
    repeated = "  (again: the earlier result)" if step.repeated else ""
    console.print(Text.assemble((f"→ {step.tool} ", "bold cyan"), arguments, (seconds + repeated, "dim")))
    if step.citations:
        console.print(f"  {len(step.citations)} quotes, the first:", style="dim")
        show_citations(console, step.citations[:1])
    else:
        console.print(Text(f"  {excerpt(step.result)}"), style="red" if step.failed else "dim")


def show_agent_run(console: Console, run: AgentRun) -> None:
    """The agent's answer, its citations, and what ended the run."""
    console.print(Text.assemble(("agent  ", "bold green"), run.answer))
    show_citations(console, run.citations)
    if run.notice:
        console.print(Text(run.notice), style="dim italic")
    console.print(f"[dim]{counted(len(run.steps), 'tool call')}; ended by {run.ended_by}[/]")


def show_tool_result(console: Console, result: ToolResult) -> None:
    """A tool's result, shortened."""
    console.print(Text(excerpt(result.text, limit=2 * EXCERPT_CHARACTERS)))


def excerpt(text: str, *, limit: int = EXCERPT_CHARACTERS) -> str:
    """The beginning of a text on one line, with an ellipsis where it was cut.

    Example:
        >>> excerpt("one two three", limit=7)
        'one two…'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit].rstrip() + "…"
