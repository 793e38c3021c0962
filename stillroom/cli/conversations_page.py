"""How kept conversations look on a terminal; questions and answers are never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stillroom.cli.pages import excerpt, show_citations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from agents.memory.conversations import KeptConversation, Overview

_QUESTION_CHARACTERS = 60
_MINUTES = len("2026-11-26T20:44")


def show_overviews(console: Console, kept: Sequence[Overview]) -> None:
    """One line a conversation: name, turns, when it was used, model, first question."""
    if not kept:
        console.print("No conversation is kept yet.", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True)
    table.add_column("turns", justify="right")
    table.add_column("last used (UTC)", no_wrap=True)
    table.add_column("model", overflow="fold")
    table.add_column("first question", overflow="fold")
    for one in kept:
        table.add_row(
            escape(one.name),
            str(one.turns),
            _minute(one.used),
            escape(one.model),
            escape(excerpt(one.first_question, limit=_QUESTION_CHARACTERS)),
        )
    console.print(table)


def show_conversation(console: Console, kept: KeptConversation) -> None:
    """The turns, oldest first, each with its citations and how it ended."""
    for turn in kept.turns:
        console.print(Text.assemble(("you  ", "bold"), turn.question))
        if turn.answer:
            console.print(Text.assemble(("agent  ", "bold green"), turn.answer))
        show_citations(console, turn.citations)
        if turn.notice:
            console.print(Text(turn.notice), style="dim italic")
        tokens = f", {turn.tokens} tokens" if turn.tokens else ""
        ended = f"{_minute(turn.asked)}; {turn.model}; ended by {turn.ended_by}, {turn.seconds:.1f} s{tokens}"
        console.print(Text(ended), style="dim")


def _minute(moment: str) -> str:
    return moment[:_MINUTES].replace("T", " ")
