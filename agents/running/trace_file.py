"""A file of trace events, one line of JSON each, bounded in size; several processes may write to it.

Only its owner may read it. It knows nothing of what the events say.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Final

from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from pathlib import Path

    from agents.running.trace_events import TraceEvent

_MIB: Final = 1024 * 1024
# A run of a dozen calls writes about 10 KB: so many runs, and with the older files four times as many.
MOST_BYTES: Final = 8 * _MIB
_OLDER_FILES: Final = 3


class TraceFile:
    """Appends events; a file that is full becomes ``NAME.1``, and the oldest of three gives way.

    Args:
        path: of the file; its folder is made.
        most_bytes: of one file.

    Raises:
        EnvironmentUnfitError: it cannot be written. What fails later is no reason to end a run: ``problem``
            says it.

    Example:
        >>> recorder = TraceEvents([TraceFile(path).write])  # doctest: +SKIP
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self.problem = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(self._locked())
        except OSError as error:
            raise EnvironmentUnfitError(
                f"the trace file {path} cannot be written: {error.strerror}", hint="name another --trace-file"
            ) from error

    def write(self, event: TraceEvent) -> None:
        """Append one event as one line; it is on its way to the disk when this returns."""
        text = json.dumps(dict(event), ensure_ascii=False, default=str)
        # Half of a surrogate pair, which a model may write, as JSON's own escape: no encoder takes it.
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        try:
            descriptor = self._locked(room=len(line))
            try:
                # One call, so that a process that dies leaves a whole line or none.
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            self.problem = f"the trace file {self._path} is not complete: {error.strerror}"

    def _locked(self, room: int = 0) -> int:
        """The file, locked, with room for a line; closing it lets go of the lock.

        Raises:
            OSError: it cannot be opened or moved.
        """
        while True:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                size = os.fstat(descriptor).st_size
                if self._is_current(descriptor):
                    if not size or size + room <= self._most_bytes:
                        return descriptor
                    self._rotate()
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        """Whether no other process has moved it aside since it was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        for number in range(_OLDER_FILES - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
