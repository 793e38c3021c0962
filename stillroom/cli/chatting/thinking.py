"""What a model thought before one decision: the text, how long it took, about how many tokens.

It does not know how a thought is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from rag.prompt_text import TokenEstimate

if TYPE_CHECKING:
    from stillroom.cli.chatting.texts import Texts

# on: dimmed, as it comes. fold: one line. off: not at all.
ThinkMode: TypeAlias = Literal["on", "fold", "off"]
THINK_MODES: tuple[ThinkMode, ...] = ("on", "fold", "off")


@dataclass
class Thought:
    """One thought, growing.

    Args:
        started: when the model was asked, by a monotonic clock in seconds.
        text: so far; it grows by ``add``.
        ended: by the same clock; None while it goes on.
    """

    started: float
    text: str = ""
    ended: float | None = None
    _estimate: TokenEstimate = field(default_factory=TokenEstimate, init=False)

    def __post_init__(self) -> None:
        """Count what is there already."""
        self._estimate.add(self.text)

    def add(self, piece: str) -> None:
        """The model thought on."""
        self.text += piece
        self._estimate.add(piece)

    def seconds(self, now: float) -> float:
        """How long it took, or takes so far."""
        return (self.ended or now) - self.started

    def folded(self, texts: Texts) -> str:
        """It in one line, when it has ended."""
        seconds = self.seconds(self.started)
        return texts.thought.format(seconds=f"{seconds:.0f}", tokens=f"{self.tokens:,}")

    @property
    def tokens(self) -> int:
        """About how many: events carry text and no counts. Asked at every piece, so none is counted twice."""
        return self._estimate.tokens
