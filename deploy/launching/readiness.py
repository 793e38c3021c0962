"""Wait until a started engine is ready: its process lives, the port is its own, and its model writes.

A health check alone proves little: another server on the port answers it as well. Nothing here starts or
stops a process.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from deploy.engines import engine
from deploy.launching import engine_http
from deploy.launching.diagnosis import diagnose
from deploy.ports import listener_pid, port_taken
from stillroom.errors import EngineMemoryError, EngineStartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.launching.diagnosis import Diagnosis
    from deploy.launching.process_group import ProcessGroup
    from deploy.spec import LaunchSpec

_POLL_SECONDS: Final = 0.1
# A start's last step stands within so much of the end of a log.
_LOG_TAIL_BYTES: Final = 32 * 1024


class Start:
    """One start, from the first process to the first answer."""

    def __init__(
        self, spec: LaunchSpec, group: ProcessGroup, log_path: Path, on_progress: Callable[[str], None]
    ) -> None:
        self._spec, self._group, self._log_path = spec, group, log_path
        self._on_progress = on_progress
        self._deadline = time.monotonic() + spec.start_deadline_seconds
        self._said = ""

    def wait_until_ready(self) -> None:
        """Return once the server answers and it is ours.

        Raises:
            EngineStartError, EngineMemoryError, PortTakenError: it will not be.
        """
        while time.monotonic() < self._deadline:
            # The order matters: a stranger on the port answers as well, so our child must be alive too.
            ready = engine_http.health(self._spec) == "healthy"
            self._require_alive()
            self._tell_progress()
            if ready:
                self._require_ours()
                return
            time.sleep(_POLL_SECONDS)
        found = diagnose(read_log(self._log_path), None)
        waited = f"{self._spec.start_deadline_seconds:.0f} s"
        raise EngineStartError(
            f"{self._spec.engine} did not become ready within {waited}: {found.sentence}",
            hint=_with_log(found, self._log_path),
        )

    def require_answer(self) -> None:
        """Return once the model has written a few tokens.

        Raises:
            EngineStartError, EngineMemoryError: it has not.
        """
        trial = engine_http.first_completion(self._spec, timeout_seconds=self._spec.start_deadline_seconds)
        if not trial.answered:
            self._require_alive()
        check_trial(trial, self._spec, self._log_path)

    def _require_alive(self) -> None:
        code = self._group.leader.poll()
        if code is None:
            return
        found = diagnose(read_log(self._log_path), code)
        message = f"{self._spec.engine} ended with exit code {code} before it was ready: {found.sentence}"
        hint = _with_log(found, self._log_path)
        if found.out_of_memory:
            raise EngineMemoryError(message, hint=hint, context_tokens=found.context_tokens)
        raise EngineStartError(message, hint=hint)

    def _require_ours(self) -> None:
        """Whoever answers on the port must be of our group, where the system tells who does."""
        pid = listener_pid(self._spec.port)
        if pid is None or self._spec.stop_argv:  # a container's port is held by the container service
            return
        try:
            ours = os.getpgid(pid) == self._group.leader.pid
        except (ProcessLookupError, PermissionError):
            return
        if not ours:
            raise port_taken(self._spec.host, self._spec.port)

    def _tell_progress(self) -> None:
        step = engine(self._spec.engine).read_progress(_tail(self._log_path))
        if step and step != self._said:
            self._said = step
            self._on_progress(f"{self._spec.engine} {step}")


def check_trial(trial: engine_http.Trial, spec: LaunchSpec, log_path: Path) -> None:
    """Return if the first request was answered by the model that was asked for.

    Raises:
        EngineMemoryError: the server has not the memory for it.
        EngineStartError: it was not.
    """
    hint = f"its log is {log_path}" if spec.argv else "stillroom doctor"
    if not trial.answered and (found := diagnose(trial.text, None)).out_of_memory:
        raise EngineMemoryError(
            f"{spec.address} answered a first request with {trial.status}: {trial.text}",
            hint=found.hint,
            context_tokens=found.context_tokens,
        )
    if trial.status == 0:
        raise EngineStartError(
            f"{spec.served_model} gave no answer at {spec.address}: {trial.text}", hint=hint
        )
    if not trial.answered:
        raise EngineStartError(
            f"{spec.address} refused a first request ({trial.status}): {trial.text}", hint=hint
        )
    if trial.model != spec.served_model:
        raise EngineStartError(
            f"{spec.address} serves {trial.model!r}, and {spec.served_model!r} was asked for",
            hint="stillroom down",
        )


def _with_log(found: Diagnosis, log_path: Path) -> str:
    """The next step, then where the engine said more."""
    return f"{found.hint}; its log is {log_path}" if found.hint else f"its log is {log_path}"


def read_log(log_path: Path) -> str:
    """What the engine wrote; empty where there is no log."""
    try:
        return log_path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _tail(log_path: Path) -> str:
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return log.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
