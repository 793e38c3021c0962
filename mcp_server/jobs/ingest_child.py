"""The work of an ingest job: ``stillroom ingest`` as a child process, so that it takes nothing from a search.

The child has a low priority, waits where another process writes to the library, and ends when this process
does. It tells how far it is in JSON lines on stderr. Nothing here reads a document or opens a library.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, Final

from agents.background import start_in_background
from deploy.launching.guardian import guard
from deploy.launching.process_group import ProcessGroup
from mcp_server.jobs.child_environment import for_ingest
from mcp_server.jobs.ingest_report import ingest_result
from stillroom.errors import EnvironmentUnfitError, JobError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.call_context import CallContext
    from agents.tool_result import ToolResult

# Whoever writes to the library for longer than this is not waited for.
_WAIT_SECONDS: Final = 1_800
# After the first signal it finishes what it is at, which may be a large file; then it is told again, and
# then killed. A library is whole after each.
_FINISH_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.1
# As a person would with `nice`: whatever else wants the processor comes first.
_NICENESS: Final = 10
_MOST_LINE_BYTES: Final = 65_536
_LAST_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class IngestChild:
    """A kind of job: takes ``paths`` and the folders to stay ``within``, gives what the ingest did.

    Attributes:
        command: the program and its arguments up to the paths, such as ``python -m stillroom ingest``.
        environment: variables that it gets beside those of this process that it needs.
        finish_seconds: from being asked to stop until it is told to end at once.
        grace_seconds: from then until it is killed.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets are among them
    finish_seconds: float = _FINISH_SECONDS
    grace_seconds: float = _GRACE_SECONDS

    def __call__(self, arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        """Ingest the paths; it may be done again, and goes on from where it was.

        Raises:
            ToolError: it was cancelled; what was taken in by then is in the library.
            JobError: the ingest failed as a whole, or its process was ended.
            EnvironmentUnfitError: no process can be started.
        """
        call.check()
        within = (f"--within={root}" for root in arguments.get("within", ()))
        options = ("--json", "--json-progress", "--wait", str(_WAIT_SECONDS), *within, "--")
        process = self._started(*options, *arguments["paths"])
        group = ProcessGroup(process, guard(process.pid, grace_seconds=self.grace_seconds))
        try:
            assert process.stdout is not None  # noqa: S101 (Popen was asked for pipes)
            assert process.stderr is not None  # noqa: S101
            result, errors = process.stdout, process.stderr
            printed = start_in_background(lambda: _all_of(result))
            last_lines = start_in_background(lambda: _listen(errors, call.progress))
            self._wait(process, call)
            outcome = _Outcome(process.wait(), printed.result(), last_lines.result())
        finally:
            group.stop(grace_seconds=self.grace_seconds)
        return outcome.to_result()

    def _started(self, *arguments: str) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                (*self.command, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**for_ingest(os.environ), **self.environment},
                process_group=0,  # a terminal's Ctrl-C is this process's to hear
            )
        except OSError as error:
            raise EnvironmentUnfitError(
                f"{self.command[0]} cannot be started: {error.strerror}", hint="stillroom doctor"
            ) from error
        _lower_priority(process.pid)
        return process

    def _wait(self, process: subprocess.Popen[bytes], call: CallContext) -> None:
        """Until it ends by itself, or ended as nobody wants it any more."""
        asked_at: float | None = None
        told = False
        while process.poll() is None:
            now = time.monotonic()
            if asked_at is None and call.cancelled.is_set():
                asked_at = now
                process.send_signal(signal.SIGINT)
            elif asked_at is not None and now - asked_at > self.finish_seconds + self.grace_seconds:
                process.kill()
            elif asked_at is not None and now - asked_at > self.finish_seconds and not told:
                told = True
                process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the child ended: its exit code, what it printed, and its last lines on stderr."""

    code: int
    printed: bytes
    last_lines: tuple[str, ...]

    def to_result(self) -> ToolResult:
        """What the ingest did; its error as one of ours."""
        said = self._said()
        if "error" in said:
            raise JobError(said["error"]["message"], hint=said["error"]["hint"])
        if "report" not in said:
            raise JobError(f"the ingest was ended by {self._ended_by()}{self._last_words()}")
        result = ingest_result(said)
        if said["report"]["stopped"]:
            raise ToolError(
                f"stopped on the way; {result.text.splitlines()[0]}",
                hint="what was taken in is in the library; ingest the same paths again to go on",
            )
        return result

    def _said(self) -> dict[str, Any]:
        """The one line of its stdout, or an empty object where it got no further."""
        try:
            said = json.loads(self.printed)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def _ended_by(self) -> str:
        return signal.Signals(-self.code).name if self.code < 0 else f"its exit code {self.code}"

    def _last_words(self) -> str:
        return f": {self.last_lines[-1]}" if self.last_lines else ""


def _lower_priority(pid: int) -> None:
    """All threads that it starts later inherit it; one that is nicer already stays so."""
    import psutil

    with suppress(psutil.Error):
        psutil.Process(pid).nice(_NICENESS)


def _all_of(stream: IO[bytes]) -> bytes:
    with stream:
        return stream.read()


def _listen(errors: IO[bytes], tell: Callable[[str, float | None], None]) -> tuple[str, ...]:
    """Tell how far it is until its stderr ends; the last lines that say something else."""
    others: deque[str] = deque(maxlen=_LAST_LINES)
    with errors:
        while line := errors.readline(_MOST_LINE_BYTES):
            _hear(line, tell, others)
    return tuple(others)


def _hear(line: bytes, tell: Callable[[str, float | None], None], others: deque[str]) -> None:
    try:
        said = json.loads(line)
    except ValueError:
        said = line.decode("utf-8", "replace").strip()
    match said:
        case {"progress": {"files_done": done, "files_total": total, "passages": passages, "path": path}}:
            message = f"{done:,} of {total:,} files, {passages:,} passages: {PurePath(path).name}"
            tell(message, done / total if total else None)
        case {"waiting": why}:
            tell(str(why), None)
        case str() if said:
            others.append(said)
