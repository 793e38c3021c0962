"""The tool that tells the time, here or in another time zone."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from datetime import tzinfo

# What the operating system's or tzdata's files make of a name that is none of theirs.
_NO_ZONE = (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """This machine's clock, in its own time zone or another.

    Attributes:
        iso: date, time and offset from UTC.
        time_zone: as it was asked for; empty for this machine's own.
    """

    iso: str
    weekday: str
    time_zone: str = ""

    def to_text(self) -> str:
        """Weekday, date, time and offset from UTC."""
        return " ".join(filter(None, (self.weekday, self.iso, self.time_zone)))


def current_time(time_zone: Annotated[str, Field(max_length=64)] = "") -> CurrentTime:
    """Tell the date, weekday and time, here or in another time zone.

    Args:
        time_zone: such as Asia/Shanghai or UTC; left out for this machine's own.
    """
    name = time_zone.strip()
    now = datetime.now(_zone(name)) if name else datetime.now().astimezone()
    return CurrentTime(now.isoformat(timespec="seconds"), f"{now:%A}", name)


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except _NO_ZONE as error:
        raise ToolError(
            f"there is no time zone {name!r}; a name such as Asia/Shanghai, Europe/London or UTC is needed"
        ) from error
