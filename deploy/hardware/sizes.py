"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from deploy.spec import GIB
from stillroom.errors import PlanError

_UNITS = {
    "": GIB,
    "b": 1,
    "k": 1024,
    "kib": 1024,
    "kb": 1000,
    "m": 1024**2,
    "mib": 1024**2,
    "mb": 1000**2,
    "g": GIB,
    "gib": GIB,
    "gb": 1000**3,
    "t": 1024**4,
    "tib": 1024**4,
    "tb": 1000**4,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_LARGEST_BYTES = 2**60


def parse_size(text: str, *, name: str = "size") -> int:
    """An amount of memory in bytes: ``24GiB``, ``24G`` and ``24`` are 24 x 2**30, ``24GB`` is 24 x 10**9.

    Args:
        text: a number with or without a unit.
        name: what it is the size of, for the message.

    Raises:
        PlanError: it is no amount of memory, or none that a machine has.

    Example:
        >>> parse_size("24GiB") == parse_size("24g") == parse_size("24"), parse_size("1.5 GB")
        (True, 1500000000)
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found.group(2) not in _UNITS:
        raise PlanError(
            f"{name} {text!r} is no amount of memory", hint="a number and a unit, such as 24GiB or 24GB"
        )
    size = float(found.group(1)) * _UNITS[found.group(2)]
    if not 1 <= size <= _LARGEST_BYTES:
        raise PlanError(
            f"{name} {text!r} is {size:.0f} bytes, and 1 to 2**60 were expected", hint="such as 24GiB"
        )
    return int(size)


def parse_bandwidth(text: str, *, name: str = "bandwidth") -> float:
    """A memory bandwidth in bytes a second: ``1008GB/s``, or ``1008`` in the same unit.

    Raises:
        PlanError: it is no bandwidth.

    Example:
        >>> parse_bandwidth("1008GB/s"), parse_bandwidth("1.8 TB/s")
        (1008000000000.0, 1800000000000.0)
    """
    plain = text.strip().lower().removesuffix("/s").removesuffix("ps").strip()
    try:
        return float(parse_size(f"{plain}gb" if plain.replace(".", "", 1).isdigit() else plain, name=name))
    except PlanError as exc:
        raise PlanError(f"{name} {text!r} is no memory bandwidth", hint="such as 1008GB/s") from exc
