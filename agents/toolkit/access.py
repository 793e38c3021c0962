"""What of the world beyond the library the tools may reach. Nothing, unless somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Access:
    """What a person has switched on.

    Attributes:
        file_roots: folders whose files may be read, with all below them; none of them is written to.
        web: public web pages may be fetched, each after a person's yes.
        python: programs that the model writes may be run, each after a person's yes.
    """

    file_roots: tuple[Path, ...] = ()
    web: bool = False
    python: bool = False
