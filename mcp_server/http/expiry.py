"""Until when a token is good: as a person writes it, and as it is compared. Every moment is one of UTC.

Pure; the clock is the caller's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from stillroom.errors import McpError

NEVER: Final = "never"
_LENGTH: Final = re.compile(r"([0-9]{1,6})([hdw])")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOURS: Final = {"h": 1, "d": 24, "w": 7 * 24}
_HINT: Final = "--expires 30d, --expires 2027-01-31 (that day still counts, in UTC) or --expires never"


def read_expiry(text: str, now: datetime) -> datetime | None:
    """The moment from which a token is no longer good; None for a token that stays good.

    Args:
        text: ``never``, a length such as ``12h``, ``30d`` or ``4w``, or the last day, such as ``2027-01-31``.
        now: in any time zone.

    Raises:
        McpError: it is none of these, is over already, or is beyond the year 9999.

    Example:
        >>> read_expiry("30d", datetime(2026, 11, 27, 12, tzinfo=UTC)).isoformat()
        '2026-12-27T12:00:00+00:00'
        >>> read_expiry("2027-01-31", datetime(2026, 11, 27, 12, tzinfo=UTC)).isoformat()
        '2027-02-01T00:00:00+00:00'
    """
    if text == NEVER:
        return None
    try:
        moment = _moment(text, now.astimezone(UTC).replace(microsecond=0))
    except (OverflowError, ValueError) as error:
        raise McpError(f"{text!r} is no day of the calendar, or is too far away", hint=_HINT) from error
    if moment is None:
        raise McpError(f"{text!r} is neither a length of time nor a day nor {NEVER!r}", hint=_HINT)
    if moment <= now:
        raise McpError(f"a token that expires at {text!r} would never be good", hint=_HINT)
    return moment


def is_over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether that moment has come."""
    return expires_at is not None and now >= expires_at


def _moment(text: str, now: datetime) -> datetime | None:
    """What the text names; None where it is of neither form."""
    if length := _LENGTH.fullmatch(text):
        return now + timedelta(hours=int(length[1]) * _HOURS[length[2]])
    if _DAY.fullmatch(text):
        following = date.fromisoformat(text) + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=UTC)
    return None
