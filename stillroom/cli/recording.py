"""Who is told of the agent's runs: trace files and a collector, opened when a run first needs them.

It puts the recorders of ``agents.running`` together. What they are told is the agent's business.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agents.running.recorder import Recorder
    from agents.running.telemetry import Telemetry
    from agents.running.trace_events import TraceEvent
    from agents.running.trace_file import TraceFile


class Recording:
    """Makes recorders, each for one run at a time; runs may go on beside each other.

    Args:
        environment: OpenTelemetry's variables are in it, if they are set.
        secrets: gives the known ones, to be taken out of all that is written down.
        tell: is given what a person should know when all is over, such as that spans were lost.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        secrets: Callable[[], Iterable[str]],
        tell: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._secrets = secrets
        self._tell = tell
        self._files: dict[Path, TraceFile] = {}
        self._telemetry: Telemetry | None = None
        self._lock = threading.Lock()

    def recorder(
        self, trace_file: Path | None, on_trace: Callable[[TraceEvent], None] | None, secrets: Iterable[str]
    ) -> Recorder | None:
        """What keeps a record of a run; None where nobody wants one.

        Raises:
            EnvironmentUnfitError: the trace file cannot be written.
        """
        from agents.running.recorder import Recorders
        from agents.running.redaction import Redactor
        from agents.running.telemetry import is_asked_for
        from agents.running.trace_events import TraceEvents

        spans = is_asked_for(self._environment)
        if trace_file is None and on_trace is None and not spans:
            return None
        redactor = Redactor([*self._secrets(), *secrets])
        sinks = [on_trace] if on_trace else []
        if trace_file is not None:
            sinks.append(self._file(trace_file).write)
        recorders: list[Recorder] = [TraceEvents(sinks, redactor)] if sinks else []
        if spans:
            recorders.append(self._collector().recorder(redactor))
        return Recorders(tuple(recorders))

    def close(self) -> None:
        """Send what is left, and say what was not written; safe to call twice."""
        with self._lock:
            telemetry, self._telemetry = self._telemetry, None
            files, self._files = self._files, {}
        if telemetry:
            telemetry.close()
        for file in files.values():
            if file.problem:
                self._tell(file.problem)

    def _file(self, path: Path) -> TraceFile:
        from agents.running.trace_file import TraceFile

        path = path.expanduser().absolute()
        with self._lock:
            if path not in self._files:
                self._files[path] = TraceFile(path)
            return self._files[path]

    def _collector(self) -> Telemetry:
        from agents.running.telemetry import Telemetry
        from stillroom import __version__

        with self._lock:
            if self._telemetry is None:
                self._telemetry = Telemetry(self._environment, version=__version__, tell=self._tell)
            return self._telemetry
