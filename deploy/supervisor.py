"""The process behind a deployment: it starts the engine, owns it, and records what becomes of it.

Run as ``python -m deploy.supervisor STATE_DIR``, where ``deploy.supervise.up`` has left the specification and
a first record. It restarts nothing: an engine that died stays dead, and the record says why.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.deployment import Deployment, mark, read_record, read_spec, write_record
from deploy.diagnosis import diagnose
from deploy.launch import start
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.spec import LaunchSpec


def main(arguments: Sequence[str]) -> int:
    """Return at once, and go on in the background until the engine or a SIGTERM ends it."""
    state_dir = Path(arguments[0])
    if os.fork() != 0:
        # The caller waits for this process only, so that nobody has to reap the one that stays.
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    first = read_record(state_dir)
    if first is not None:  # else it was taken down before it began
        record = first.having(supervisor=mark(os.getpid()))
        write_record(state_dir, record)
        write_record(state_dir, _own(read_spec(state_dir), record, state_dir))
    return 0


def _own(spec: LaunchSpec, record: Deployment, state_dir: Path) -> Deployment:
    """Run the engine to its end; the last word about it."""

    def note(step: str) -> None:
        write_record(state_dir, record.having(message=step))

    try:
        with start(spec, log_path=record.log_path, on_progress=note) as running:
            engine_process = mark(running.pid) if running.pid is not None else None
            record = record.having(state="running", engine_process=engine_process, message="")
            write_record(state_dir, record)
            exit_code = running.wait()
            why = diagnose(running.log(), exit_code)
        if engine_process is None:
            return record.having(state="exited", message=f"nothing answers at {spec.base_url} any more")
        return record.having(state="exited", exit_code=exit_code, message=f"the engine ended: {why}")
    except StillroomError as error:
        return record.having(state="failed", message=error.message, hint=error.hint)
    except SystemExit:  # SIGTERM
        return record.having(state="exited", message="it was stopped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
