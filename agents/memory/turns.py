"""One question and what came of it, as it is kept beside the messages, and the rows that it is kept in.

Citations are kept whole: a server's message has none, and an exported conversation needs them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rag.document import Citation

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from agents.running.step import Step

INTERRUPTED: Final = "interrupted"
_COLUMNS: Final = (
    "number, asked, model, question, answer, citations, tools, ended_by, notice, seconds, tokens"
)


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question with what the agent came to.

    Attributes:
        number: from 1.
        asked: when, ISO 8601 in UTC.
        model: that was asked.
        answer: empty where the run was interrupted.
        citations: those of the answer, with its markers.
        tools: names of the tools that were called, in their order.
        ended_by: ``answer``, or what stopped the run; ``interrupted`` where its process died or it still
            goes on.
        notice: what the reader should know of the answer, or what error ended the run; or empty.
        tokens: prompts and replies of all requests together, where the server reported them.
    """

    number: int
    asked: str
    model: str
    question: str
    answer: str
    citations: tuple[Citation, ...]
    tools: tuple[str, ...]
    ended_by: str
    notice: str
    seconds: float
    tokens: int


class Outcome(Protocol):
    """What a turn keeps of a run; ``agents.running.agent_run.AgentRun`` is one."""

    @property
    def answer(self) -> str: ...  # noqa: D102 - as KeptTurn's
    @property
    def citations(self) -> tuple[Citation, ...]: ...  # noqa: D102
    @property
    def steps(self) -> tuple[Step, ...]: ...  # noqa: D102
    @property
    def ended_by(self) -> str: ...  # noqa: D102
    @property
    def notice(self) -> str: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102
    @property
    def tokens(self) -> int: ...  # noqa: D102


def begin_turn(
    connection: sqlite3.Connection, conversation: int, *, asked: str, model: str, question: str
) -> int:
    """Keep a question before anything is known of its answer; the turn's number."""
    (number,) = connection.execute(
        "SELECT coalesce(max(number), 0) + 1 FROM turns WHERE conversation = ?", (conversation,)
    ).fetchone()
    connection.execute(
        "INSERT INTO turns (conversation, number, asked, model, question) VALUES (?, ?, ?, ?, ?)",
        (conversation, number, asked, model, question),
    )
    return int(number)


def end_turn(connection: sqlite3.Connection, conversation: int, number: int, outcome: Outcome) -> None:
    """Keep what came of it."""
    connection.execute(
        "UPDATE turns SET answer = ?, citations = ?, tools = ?, ended_by = ?, notice = ?, seconds = ?, "
        "tokens = ? WHERE conversation = ? AND number = ?",
        (
            outcome.answer,
            json.dumps([asdict(citation) for citation in outcome.citations], ensure_ascii=False),
            json.dumps([step.tool for step in outcome.steps], ensure_ascii=False),
            outcome.ended_by,
            outcome.notice,
            outcome.seconds,
            outcome.tokens,
            conversation,
            number,
        ),
    )


def read_turns(connection: sqlite3.Connection, conversation: int) -> tuple[KeptTurn, ...]:
    """All turns, oldest first.

    Raises:
        ValueError: a row holds something else than we wrote.
        TypeError: likewise.
    """
    rows: Sequence[tuple[object, ...]] = connection.execute(
        f"SELECT {_COLUMNS} FROM turns WHERE conversation = ? ORDER BY number",  # noqa: S608 - ours
        (conversation,),
    ).fetchall()
    return tuple(_turn(row) for row in rows)


def _turn(row: Sequence[object]) -> KeptTurn:
    number, asked, model, question, answer, citations, tools, ended_by, notice, seconds, tokens = row
    return KeptTurn(
        number=int(str(number)),
        asked=str(asked),
        model=str(model),
        question=str(question),
        answer=str(answer),
        citations=tuple(Citation(**citation) for citation in json.loads(str(citations))),
        tools=tuple(str(tool) for tool in json.loads(str(tools))),
        ended_by=str(ended_by),
        notice=str(notice),
        seconds=float(str(seconds)),
        tokens=int(str(tokens)),
    )
