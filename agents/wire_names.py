"""A tool's name as OpenAI's protocol takes it: letters, digits, ``_`` and ``-``, at most 64 of them.

Pure. A name that has to be changed ends with six digits of its own hash, so that it stays the same in every
run and two of them never meet.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

LONGEST: Final = 64
_OTHERS: Final = re.compile(r"[^a-zA-Z0-9_-]+")


def wire_name(name: str, longest: int = LONGEST) -> str:
    """The name if the protocol takes it as it is; else what is left of it and its hash.

    Example:
        >>> wire_name("weigh"), wire_name("查天气"), wire_name("weigh_盐")
        ('weigh', 't_80bac9', 'weigh_ad0720')
    """
    if name and len(name) <= longest and not _OTHERS.search(name):
        return name
    return hashed_name(name, name, longest)


def hashed_name(name: str, what: str, longest: int = LONGEST) -> str:
    """What is left of a name, and the hash of what it stands for."""
    mark = hashlib.sha256(what.encode("utf-8", errors="surrogatepass")).hexdigest()[:6]
    kept = _OTHERS.sub("_", name).strip("_")[: longest - len(mark) - 1]
    return f"{kept}_{mark}" if kept else f"t_{mark}"
