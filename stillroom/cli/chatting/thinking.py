"""What a model thought before one decision: the text, how long it took, about how many tokens.

It does not know how a thought is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

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
    """

    started: float
    text: str = ""
    ended: float | None = None

    def seconds(self, now: float) -> float:
        """How long it took, or takes so far."""
        return (self.ended or now) - self.started

    def folded(self, texts: Texts) -> str:
        """It in one line, when it has ended."""
        seconds = self.seconds(self.started)
        return texts.thought.format(seconds=f"{seconds:.0f}", tokens=f"{self.tokens:,}")

    @property
    def tokens(self) -> int:
        """About how many: events carry text and no counts."""
        from rag.prompt_text import estimate_tokens

        return estimate_tokens(self.text)
