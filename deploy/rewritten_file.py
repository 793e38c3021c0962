"""A small private file that several processes read and rewrite: one at a time, and always whole.

It holds what a person decided, such as tokens or approvals. What stands in it is its module's business.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_folder
from deploy.small_file import read_small_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stillroom.errors import StillroomError

# A writer has the file for milliseconds.
_LOCK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class RewrittenFile:
    """One such file, which need not be there yet.

    Args:
        path: only its owner may read it.
        most_bytes: a longer one is none of ours.
        error: what is raised where it cannot be read or written.
    """

    path: Path
    most_bytes: int
    error: type[StillroomError]

    def read(self, *, hint: str = "") -> bytes:
        """All of it.

        Args:
            hint: of the error.

        Raises:
            FileNotFoundError: it is not there.
            StillroomError: ``error``; it cannot be read, is no file, or too long.
        """
        try:
            return read_small_file(self.path, most_bytes=self.most_bytes)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self.error(f"{self.path} cannot be read: {error.strerror or error}", hint=hint) from error

    def write(self, content: bytes) -> None:
        """Replace it; to be called while it is ``locked``.

        Raises:
            StillroomError: ``error``; it cannot be written, and what was there stays.
        """
        try:
            write_whole(self.path, content, owner_only=True)
        except OSError as error:
            raise self._not_written(error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process rewrites it meanwhile: each writes all that it read.

        Raises:
            StillroomError: ``error``; another process does not let go of it, or its folder cannot be made.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS)
        try:
            make_private_folder(self.path.parent)
            lock.acquire()
        except Timeout as error:
            raise self.error(f"{self.path} is being written by another process") from error
        except OSError as error:
            raise self._not_written(error) from error
        try:
            yield
        finally:
            lock.release()

    def _not_written(self, error: OSError) -> StillroomError:
        return self.error(f"{self.path} cannot be written: {error.strerror or error}")
