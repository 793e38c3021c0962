"""The record of a deployment that runs on its own: one JSON file in the state directory.

It says which processes are meant by pid *and* time of creation, because the system gives a pid away again.
This module reads and writes the record and asks whether a process lives; it starts and stops none.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  pydantic reads the annotations of a record
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Any, Final, Literal

from deploy.endpoint import Endpoint  # noqa: TC001
from deploy.spec import LaunchSpec
from stillroom.errors import EngineError, EnvironmentUnfitError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RECORD_NAME: Final = "deployment.json"
_SPEC_NAME: Final = "launch.json"

State = Literal["starting", "running", "failed", "exited", "lost"]

# Times of creation are computed from the time of boot, which a correction of the clock moves.
_CREATION_TOLERANCE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process and no other.

    Attributes:
        create_time: seconds since the epoch.
    """

    pid: int
    create_time: float


@dataclass(frozen=True, slots=True)
class Deployment:
    """An engine under a supervisor of its own, as last recorded.

    Attributes:
        state: ``lost`` is never written: it is what ``status`` calls a record whose processes are gone.
        plan_summary: model, quantization, device, context, sequences in words.
        predicted_bytes: the plan's expected memory by term, to be put beside a measurement.
        started_at: seconds since the epoch.
        engine_process: None while it starts, and for a server that was attached to.
        message: the last step, or why it failed or ended.
        hint: the next command, where it failed.
        exit_code: of the engine, once it has ended; negative for a signal.
    """

    state: State
    endpoint: Endpoint
    plan_summary: str
    log_path: Path
    started_at: float
    stop_grace_seconds: float
    predicted_bytes: Mapping[str, int] = field(default_factory=dict)
    supervisor: ProcessMark | None = None
    engine_process: ProcessMark | None = None
    message: str = ""
    hint: str = ""
    exit_code: int | None = None

    def having(self, **changes: Any) -> Deployment:  # noqa: ANN401  whatever its fields take
        """The same record with some fields changed."""
        return replace(self, **changes)


def mark(pid: int) -> ProcessMark:
    """The process that has this pid now.

    Raises:
        psutil.NoSuchProcess: none has.
    """
    import psutil

    return ProcessMark(pid, psutil.Process(pid).create_time())


def lives(marked: ProcessMark | None) -> bool:
    """Whether that very process still runs; one that ended and waits for its parent does not."""
    if marked is None:
        return False
    import psutil

    try:
        process = psutil.Process(marked.pid)
        same = abs(process.create_time() - marked.create_time) < _CREATION_TOLERANCE_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write_record(state_dir: Path, deployment: Deployment) -> None:
    """Put the record in place as a whole: a reader sees the old one or the new one."""
    _write_whole(state_dir / RECORD_NAME, _record_type().dump_json(deployment, indent=1))


def read_record(state_dir: Path) -> Deployment | None:
    """The record, as it was written; None where nothing was ever started or all was taken down.

    Raises:
        EngineError: the file is damaged.
    """
    from pydantic import ValidationError

    path = state_dir / RECORD_NAME
    try:
        return _record_type().validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its text"
        raise EngineError(
            f"the state file {path} is damaged at {place}: {first['msg']}", hint="stillroom down --force"
        ) from error


def write_spec(state_dir: Path, spec: LaunchSpec) -> None:
    """Leave the specification for the supervisor."""
    _write_whole(state_dir / _SPEC_NAME, _spec_type().dump_json(spec, indent=1))


def read_spec(state_dir: Path) -> LaunchSpec:
    """What ``write_spec`` left."""
    return _spec_type().validate_json((state_dir / _SPEC_NAME).read_bytes())


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written.

    Raises:
        EnvironmentUnfitError: it cannot be written.
    """
    draft = path.with_name(path.name + ".tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, where they are missing.

    Raises:
        EnvironmentUnfitError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(path: Path, error: OSError) -> EnvironmentUnfitError:
    return EnvironmentUnfitError(
        f"cannot write {path}: {error.strerror}",
        hint="set STILLROOM_STATE_DIR to a folder that you may write",
    )


@cache
def _record_type() -> TypeAdapter[Deployment]:
    from pydantic import TypeAdapter

    return TypeAdapter(Deployment)


@cache
def _spec_type() -> TypeAdapter[LaunchSpec]:
    from pydantic import TypeAdapter

    return TypeAdapter(LaunchSpec)
