"""A kept conversation as Markdown, for a person to read and keep elsewhere.

Pure. As JSON it is what ``stillroom conversations export --json`` prints of the same value.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.memory.conversations import KeptConversation
    from agents.memory.turns import KeptTurn
    from rag.document import Citation


def to_markdown(kept: KeptConversation) -> str:
    """The whole conversation: questions as headings, answers, what they rest on, how each ended."""
    overview = kept.overview
    head = f"{overview.turns} turns, {overview.created} to {overview.used}"
    parts = [f"# {overview.name}", f"*{head}*"]
    for turn in kept.turns:
        parts += _turn(turn)
    return "\n\n".join(parts) + "\n"


def _turn(turn: KeptTurn) -> list[str]:
    parts = [f"## {turn.number}. {' '.join(turn.question.split())}"]
    if turn.answer:
        parts.append(turn.answer)
    parts += [_citation(citation) for citation in turn.citations]
    if turn.notice:
        parts.append(f"*{turn.notice}*")
    ended = [turn.model, f"ended by {turn.ended_by}", f"{turn.seconds:.1f} s"]
    if turn.tokens:
        ended.append(f"{turn.tokens} tokens")
    if turn.tools:
        ended.append(f"tools: {', '.join(turn.tools)}")
    parts.append(f"*{turn.asked}; {', '.join(part for part in ended if part)}*")
    return parts


def _citation(citation: Citation) -> str:
    quote = " ".join(citation.quote.split())
    return f"> [{citation.marker}] {PurePath(citation.path).name}, {citation.locator}: “{quote}”"
