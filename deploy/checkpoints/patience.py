"""How long to wait for a server, and how often to try: plain numbers, apart from the HTTP that uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try.

    Attributes:
        timeout_seconds: without a connection or a single byte.
        attempts: how often in a row a failure without a new byte is suffered.
        backoff_seconds: before the second attempt; doubled for each one after.
    """

    timeout_seconds: float = 20.0
    attempts: int = 4
    backoff_seconds: float = 0.3


DEFAULT_PATIENCE: Final = Patience()
