"""When a crashed engine is started again, and when that is given up.

Pure: times in, a decision out. It starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# Doubled from crash to crash, so that what cannot run does not keep a machine busy with trying.
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 60.0

# Crashes that lie further back than this are forgiven.
WINDOW_SECONDS: Final = 600.0
MOST_RESTARTS: Final = 5


def seconds_until_restart(crashes: Sequence[float], now: float) -> float | None:
    """How long to wait before the engine is started again; None to give up.

    Args:
        crashes: when it crashed, in seconds, the one just now included.
        now: on the same clock.

    Example:
        >>> seconds_until_restart([100.0], 100.0), seconds_until_restart([90.0, 95.0, 100.0], 100.0)
        (1.0, 4.0)
        >>> seconds_until_restart([95.0, 96.0, 97.0, 98.0, 99.0, 100.0], 100.0) is None
        True
    """
    recent = sum(1 for crash in crashes if now - crash < WINDOW_SECONDS)
    if recent > MOST_RESTARTS:
        return None
    return min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * (1 << max(0, recent - 1)))
