"""Keeps the unpacked model in the cache directory: made once, checked at each start, made again when damaged.

It knows bytes, not what they mean. What cannot be kept is no error; it is made again the next time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGEST_BYTES = hashlib.sha256().digest_size


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What ``path`` holds behind its own SHA-256, or else what ``make`` gives, which is then kept there.

    Two processes may make it at once: each writes a file of its own and renames it, and both are whole.
    """
    with contextlib.suppress(OSError), path.open("rb") as file:
        digest, content = file.read(_DIGEST_BYTES), file.read()
        if hashlib.sha256(content).digest() == digest:
            return content
    made = make()
    with contextlib.suppress(OSError):
        _write(path, hashlib.sha256(made).digest(), made)
    return made


def _write(path: Path, *parts: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
