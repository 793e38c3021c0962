"""One tool call of a run, as it is kept: what was asked, what came back, what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.document import Citation


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call.

    Attributes:
        number: from 1, in the order in which the model wrote the calls.
        thought: what the model thought before it, or empty.
        result: what the tool gave, at most about 600 characters of it.
        failed: the tool refused, now or when the same call came before; ``result`` says why.
        repeated: the same call came before; the earlier result was given back.
        model_seconds: what the model took to decide.
        tool_seconds: what the tool took.
        tokens: prompt and reply together of that decision, where the server reported them.
        citations: the quotes that the tool gave with its result.
    """

    number: int
    thought: str
    tool: str
    arguments: Mapping[str, Any]
    result: str
    failed: bool
    repeated: bool
    model_seconds: float
    tool_seconds: float
    tokens: int | None
    citations: tuple[Citation, ...] = ()
