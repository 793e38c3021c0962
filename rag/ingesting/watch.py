"""Keep the library at what stands in folders, for as long as it is wanted.

The system tells that something changed; what changed is found out by the same comparison as in every ingest,
so nothing is missed when events are, and a renaming is one. The library's lock is held only while there is
something to write.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingesting.ignoring import IGNORE_FILES, is_never_wanted
from rag.ingesting.ingest import ingest
from rag.ingesting.options import IngestOptions
from rag.ingesting.preview import look
from stillroom.errors import EnvironmentUnfitError, LibraryBusyError, StillroomError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from watchfiles import Change

    from rag.ingesting.report import IngestProgress, IngestReport
    from rag.library import Library

# A burst of changes is over when nothing happened for the first time, and is taken as it is after the second:
# an unpacked archive or a synchronized folder arrives as one.
_QUIET_MS = 300
_LONGEST_BURST_MS = 5_000

# How often folders are looked for that are not there (an unplugged disk) or were replaced.
_LOOK_MS = 1_000

# After a failure that the next change does not mend by itself: another process writes, the disk is full.
_RETRY_SECONDS = 5.0


def watch(
    library: Library,
    paths: Sequence[Path],
    *,
    stop: threading.Event,
    options: IngestOptions | None = None,
    on_report: Callable[[IngestReport], None],
    on_error: Callable[[StillroomError], None],
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
) -> None:
    """Ingest ``paths`` now and after every change, until ``stop`` is set.

    A path that does not exist is waited for. An error is told and tried again.

    Args:
        library: where to.
        paths: files and folders.
        stop: ends it, after the batch that is at work.
        options: how files are found, read and marked.
        on_report: told what the first ingest did, and then each that did anything.
        on_error: told what went wrong, once for each cause.
        on_progress: told of each step.

    Raises:
        EnvironmentUnfitError: the system does not let so many folders be watched.
    """
    options = options or IngestOptions()
    told = ""
    due = True
    last: IngestReport | None = None
    wanted = _Wanted(paths, library.directory, ignoring=options.ignoring)
    for changed in _changes(wanted, stop):
        due = due or changed
        if not due or stop.is_set():
            continue
        try:
            if _has_work(library, paths, options):
                report = ingest(library, paths, options=options, on_progress=on_progress, stop=stop)
                if last is None or report.changed or report.failed != last.failed:
                    on_report(report)
                last = report
            due, told = False, ""
        except StillroomError as error:
            if error.message != told and not isinstance(error, LibraryBusyError):
                on_error(error)
                told = error.message
            stop.wait(_RETRY_SECONDS)


def _has_work(library: Library, paths: Sequence[Path], options: IngestOptions) -> bool:
    """Whether an ingest would have anything to do but to fail again at the same files."""
    _, known, plan = look(library.directory, paths, options)
    return bool(plan.jobs or plan.removed or plan.missing) or not known


def _changes(wanted: _Wanted, stop: threading.Event) -> Iterator[bool]:
    """Whether something has changed: at once, after each burst, and now and then that nothing has."""
    roots = wanted.roots
    yield True
    while not stop.is_set():
        there = {root: _inode(root) for root in roots}
        existing = [root for root, inode in there.items() if inode is not None]
        if not existing:
            stop.wait(_LOOK_MS / 1000)
        else:
            # Before the first event comes the system was not watching yet: anything may have happened.
            missed = True
            for changed in _events(existing, wanted, stop):
                if {root: _inode(root) for root in roots} != there:
                    break
                yield changed or missed
                missed = False
        yield True


def _events(roots: Sequence[Path], wanted: _Wanted, stop: threading.Event) -> Iterator[bool]:
    import watchfiles

    try:
        for changes in watchfiles.watch(
            *roots,
            watch_filter=wanted,
            debounce=_LONGEST_BURST_MS,
            step=_QUIET_MS,
            stop_event=stop,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            yield bool(changes)
    except FileNotFoundError:
        # Gone again; the caller looks anew.
        return
    except OSError as error:
        raise EnvironmentUnfitError(
            f"the folders cannot be watched: {error}",
            hint="sudo sysctl fs.inotify.max_user_watches=1048576",
        ) from error


class _Wanted:
    """Whether an event is about a file that an ingest may want: no editor's scratch file, nothing hidden."""

    def __init__(self, paths: Sequence[Path], library: Path, *, ignoring: bool) -> None:
        self.roots = [path.absolute() for path in paths]
        self._library = library
        self._ignoring = ignoring

    def __call__(self, _change: Change, path: str) -> bool:
        changed = Path(path)
        if changed.is_relative_to(self._library):
            return False
        if changed.name in IGNORE_FILES or changed in self.roots:
            return True
        for root in self.roots:
            if changed.is_relative_to(root):
                names = changed.relative_to(root).parts
                hidden = any(name.startswith(".") for name in names)
                return not hidden and not (self._ignoring and any(map(is_never_wanted, names)))
        return True


def _inode(path: Path) -> tuple[int, int] | None:
    """What the path names now; None where there is nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
