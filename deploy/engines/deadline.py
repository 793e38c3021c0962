"""How long an engine may take from its start to its first answer, by the size of its weights.

Pure. A deadline is there to end what hangs, so every rate is that of the slowest machine that is still used.
"""

from __future__ import annotations

from typing import Final

# A hard disk, or a network folder; an SSD reads thirty times as much.
_SLOW_DISK_BYTES_PER_SECOND: Final = 100_000_000
# 16 Mbit/s, a slow household line.
_SLOW_LINE_BYTES_PER_SECOND: Final = 2_000_000


def start_deadline_seconds(weights_bytes: int, *, set_up_seconds: float, fetched: bool = False) -> float:
    """Seconds for an engine's own set-up, to read its weights, and to fetch them where it does that itself.

    Example:
        >>> start_deadline_seconds(4_700_000_000, set_up_seconds=60.0)
        107.0
    """
    seconds = set_up_seconds + weights_bytes / _SLOW_DISK_BYTES_PER_SECOND
    return seconds + weights_bytes / _SLOW_LINE_BYTES_PER_SECOND if fetched else seconds
