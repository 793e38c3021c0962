"""The process behind a deployment: it starts the engine, owns it, and starts it again when it crashes.

Run as ``python -m deploy.supervision.supervisor STATE_DIR``, where ``up`` has left a first record. It records
every step there, and gives up, saying why, when crashes come too close together
(``deploy.supervision.restarting``). It plans nothing: an engine whose first start fails stays down.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from deploy.engines import engine
from deploy.launching import engine_http
from deploy.launching.diagnosis import diagnose
from deploy.launching.launch import RunningEngine, start
from deploy.probing.probe import probed_or_planned
from deploy.supervision.deployment import (
    Deployment,
    Restart,
    amend_record,
    is_recorded,
    mark,
    read_record,
)
from deploy.supervision.engine_log import keep_previous, rotate_if_large
from deploy.supervision.restarting import MOST_RESTARTS, WINDOW_SECONDS, seconds_until_restart
from stillroom.errors import EngineMemoryError, StillroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEALTH_SECONDS: Final = 15.0

# So many refusals in a row, while the process lives, are a crash as well. A server that is silent may be
# busy, and is left alone.
_MOST_REFUSALS: Final = 4


def main(arguments: Sequence[str]) -> int:
    """Return at once, and go on in the background until the engine is given up or a SIGTERM ends it."""
    state_dir = Path(arguments[0])
    if os.fork() != 0:
        # The caller waits for this process only, so that nobody has to reap the one that stays.
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    first = read_record(state_dir)
    if first is not None:  # else it was taken down before it began
        Supervisor(state_dir, first.having(supervisor=mark(os.getpid()))).run()
    return 0


class Supervisor:
    """Owns one engine.

    Args:
        state_dir: where its record is.
        record: the first one.
    """

    def __init__(self, state_dir: Path, record: Deployment) -> None:
        self._state_dir = state_dir
        self._record = record

    def run(self) -> None:
        """Run the engine until it is given up; the record has the last word about it."""
        try:
            self._note()
            while self._live_once():
                pass
        except EngineMemoryError as error:
            self._fail(error, out_of_memory=True, fitting_context_tokens=error.context_tokens)
        except StillroomError as error:
            self._fail(error)
        except SystemExit:  # SIGTERM
            self._note(state="exited", engine_process=None, message="it was stopped")

    def _live_once(self) -> bool:
        """One life of the engine, from its start to its end; whether there is to be another.

        Raises:
            StillroomError: its first start failed.
        """
        try:
            with start(
                self._record.spec,
                log_path=self._record.log_path,
                on_progress=lambda step: self._note(message=step),
                on_spawn=lambda pid: self._note(engine_process=mark(pid)),
            ) as running:
                self._began(running)
                why = self._watch(running)
                exit_code = running.exit_code
        except StillroomError as error:
            if self._record.ready_at is None:
                raise
            why, exit_code = error.message, None
        if not self._record.spec.argv:
            gone = f"nothing answers at {self._record.spec.address} any more"
            self._note(state="exited", message=gone, hint="stillroom up")
            return False
        return self._restart_after(why, exit_code)

    def _began(self, running: RunningEngine) -> None:
        served_by = engine(running.spec.engine)
        log, answers = running.log(), running.answers()
        self._note(message=f"asking {running.spec.served_model} what it can do")
        self._note(
            state="running",
            endpoint=probed_or_planned(self._record.endpoint),
            ready_at=time.time(),
            reported=served_by.read_memory(log, answers),
            deviations=served_by.deviations(running.spec, self._record.plan, log, answers),
            message="",
            hint="",
            rotated_requests=0,
        )

    def _watch(self, running: RunningEngine) -> str:
        """Return once the engine has ended or answers no more: why."""
        refusals = 0
        while refusals < _MOST_REFUSALS:
            if running.wait(_HEALTH_SECONDS):
                return diagnose(running.log(), running.exit_code).sentence
            if not is_recorded(self._state_dir, self._record):
                _leave()  # somebody removed the state: nobody could take this down any more
            healthy = engine_http.health(running.spec) in {"healthy", "silent"}
            refusals = 0 if healthy else refusals + 1
            moved = rotate_if_large(running.log_path)
            if moved:
                requests = engine(running.spec.engine).read_activity(moved, "").requests or 0
                self._note(rotated_requests=self._record.rotated_requests + requests)
        return f"its health check failed {_MOST_REFUSALS} times in a row"

    def _restart_after(self, why: str, exit_code: int | None) -> bool:
        """Wait before the next life, or give up; whether there is to be one."""
        now = time.time()
        crashes = (*self._record.restarts, Restart(now, why))[-MOST_RESTARTS - 1 :]
        seconds = seconds_until_restart([crash.at for crash in crashes], now)
        ended = {"engine_process": None, "exit_code": exit_code, "restarts": crashes}
        if seconds is None:
            minutes = WINDOW_SECONDS / 60
            said = f"the engine ended {len(crashes)} times within {minutes:.0f} minutes, the last time: {why}"
            self._note(state="exited", message=said, hint="stillroom logs", **ended)
            return False
        said = f"the engine ended: {why}; it is started again in {seconds:.0f} s"
        self._note(state="restarting", message=said, **ended)
        keep_previous(self._record.log_path)
        time.sleep(seconds)
        self._note(started_at=time.time())
        return True

    def _fail(self, error: StillroomError, **more: object) -> None:
        self._note(state="failed", engine_process=None, message=error.message, hint=error.hint, **more)

    def _note(self, **changes: object) -> None:
        """Record the changes; a supervisor whose record is not there any more was taken down, and leaves."""
        self._record = self._record.having(**changes)
        if not amend_record(self._state_dir, self._record):
            _leave()


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
