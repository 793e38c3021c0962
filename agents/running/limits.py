"""What ends a run that does not end itself. Values only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from stillroom.errors import SettingsError

EndedBy = Literal[
    "answer",
    "step_limit",
    "call_limit",
    "tool_limit",
    "token_limit",
    "time_limit",
    "loop",
    "model_error",
    "cancelled",
    # Of a run that is only kept: whoever asked for it got the error.
    "error",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one run may take; whichever is reached first ends it.

    Attributes:
        steps: turns of the model.
        tool_calls: calls that really run; one more that the model asks for ends the run.
        model_calls: requests to the model; a turn takes several where it thinks first or is repaired.
        tokens: prompts and replies of all requests together, where the server reports them; looked at
            between requests.
        seconds: of wall clock, less the time that a person takes to say yes or no. A request or a tool that
            is under way then is ended.

    Raises:
        SettingsError: a limit leaves nothing to do.
    """

    steps: int = 8
    tool_calls: int = 12
    model_calls: int = 40
    tokens: int = 200_000
    seconds: float = 300.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        least = {"steps": 1, "tool_calls": 0, "model_calls": 1, "tokens": 1, "seconds": 0}
        for name, needed in least.items():
            value = getattr(self, name)
            if not math.isfinite(value) or value < needed:
                raise SettingsError(f"the limit of {name} is {value}; {needed} is the least")
