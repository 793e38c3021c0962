"""Graphics cards as Linux lists them in sysfs, whoever made them.

It reads small files under a root that is an argument; it knows no vendor's layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_CARD = re.compile(r"card\d+")


@dataclass(frozen=True, slots=True)
class Card:
    """A card's directory ``/sys/class/drm/cardN``, and its PCI identity in hexadecimal digits, lower case."""

    directory: Path
    vendor: str
    device: str
    revision: str


def list_cards(root: Path = Path("/")) -> list[Card]:
    """The cards on the PCI bus, in the order of their numbers; none where there is no sysfs."""
    base = root / "sys/class/drm"
    if not base.is_dir():
        return []
    names = sorted((entry.name for entry in base.iterdir() if _CARD.fullmatch(entry.name)), key=_number)
    cards = (_card(base / name) for name in names)
    return [card for card in cards if card.vendor]


def read_text(path: Path) -> str:
    """A file's text without white space around it; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def read_number(path: Path) -> int:
    """A file's decimal number; 0 where there is none."""
    text = read_text(path)
    return int(text) if text.isdecimal() else 0


def _card(directory: Path) -> Card:
    device = directory / "device"
    vendor, model, revision = (
        read_text(device / name).lower().removeprefix("0x") for name in ("vendor", "device", "revision")
    )
    return Card(directory, vendor, model, revision)


def _number(name: str) -> int:
    return int(name.removeprefix("card"))
