"""The record of a deployment that runs on its own: one JSON file in the state directory.

It says which processes are meant by pid *and* time of creation, because the system gives a pid away again.
This module reads and writes the record and asks whether a process lives; it starts and stops none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path  # noqa: TC003  likewise
from typing import TYPE_CHECKING, Any, Final, Literal

from deploy.endpoint import Endpoint  # noqa: TC001  pydantic reads the annotations of a record
from deploy.engines.base import MeasuredTerm  # noqa: TC001
from deploy.launching.process_group import CREATION_TOLERANCE_SECONDS
from deploy.plan import Plan  # noqa: TC001
from deploy.private_files import make_private_folder
from deploy.small_file import write_whole
from deploy.spec import LaunchSpec  # noqa: TC001
from stillroom.errors import EngineError, EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import TypeAdapter

RECORD_NAME: Final = "deployment.json"
_LOCK_NAME: Final = "deployment.lock"

State = Literal["starting", "running", "restarting", "failed", "exited", "lost"]
_GOES_ON: Final = frozenset({"starting", "running", "restarting"})

_DAMAGED_HINT: Final = "stillroom down --force"
_LAST_PORT: Final = 65_535

# Nobody holds the lock for longer than it takes to write a small file.
_LOCK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process and no other.

    Attributes:
        create_time: seconds since the epoch.
    """

    pid: int
    create_time: float


@dataclass(frozen=True, slots=True)
class Restart:
    """One crash of an engine, after which it was started again.

    Attributes:
        at: seconds since the epoch.
        why: one sentence, without a full stop.
    """

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One thing that was given up because a start ran out of memory.

    Attributes:
        kind: as in ``deploy.plan.Change``: ``kv_cache``, ``context``, ``users``, ``batch``, ``quantization``,
            ``offload``, ``tensor_parallel`` or ``model``.
        description: what was changed to what.
        why: how the start before it failed.
    """

    kind: str
    description: str
    why: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """An engine under a supervisor of its own, as last recorded: the whole state, in one value.

    Attributes:
        id: of this start; a supervisor writes only into its own record.
        state: ``lost`` is never written: it is what ``status`` calls a record whose processes are gone.
        spec: how it was started, and is started again.
        plan: what was planned, after the steps that were taken.
        steps: what was given up for it to start, in order.
        started_at: seconds since the epoch, of the last start.
        ready_at: when its model first answered; None before.
        engine_process: the leader of the engine's process group; None before it is started, and for a server
            that was attached to.
        reported: the memory that the engine reported once it was ready.
        restarts: crashes since ``stillroom up``, the last ones.
        deviations: where the server does not serve as planned, a sentence each.
        rotated_requests: requests in the part of the log that was moved away.
        message: the last step, or why it failed or ended.
        hint: the next command, where it failed.
        out_of_memory: that is why the start failed.
        fitting_context_tokens: then, the longest context that the engine said would fit; None for none said.
        exit_code: of the engine, once it has ended; negative for a signal.
    """

    id: str
    state: State
    spec: LaunchSpec
    plan: Plan
    endpoint: Endpoint
    log_path: Path
    started_at: float
    steps: tuple[LadderStep, ...] = ()
    ready_at: float | None = None
    supervisor: ProcessMark | None = None
    engine_process: ProcessMark | None = None
    reported: tuple[MeasuredTerm, ...] = ()
    restarts: tuple[Restart, ...] = ()
    deviations: tuple[str, ...] = ()
    rotated_requests: int = 0
    message: str = ""
    hint: str = ""
    out_of_memory: bool = False
    fitting_context_tokens: int | None = None
    exit_code: int | None = None

    @property
    def goes_on(self) -> bool:
        """Whether a supervisor looks after it, by its state."""
        return self.state in _GOES_ON

    @property
    def plan_summary(self) -> str:
        """Model, quantization, device, context, sequences in words."""
        plan, workload = self.plan, self.plan.workload
        return (
            f"{plan.model_tag} at {plan.artefact.quantization} on {plan.device}, "
            f"{workload.context_tokens} tokens of context, {workload.concurrent_sequences} at once"
        )

    @property
    def predicted_bytes(self) -> dict[str, int]:
        """The plan's expected memory by term, to be put beside a measurement."""
        memory = self.plan.memory
        names = dict.fromkeys(term.name for term in memory.terms)
        return {name: memory.component(name).expected_bytes for name in names}

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
        same = abs(process.create_time() - marked.create_time) < CREATION_TOLERANCE_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write_record(state_dir: Path, deployment: Deployment) -> None:
    """Put the record in place as a whole: a reader sees the old one or the new one."""
    with _locked(state_dir):
        _write_whole(state_dir / RECORD_NAME, _record_type().dump_json(deployment, indent=1))


def amend_record(state_dir: Path, deployment: Deployment) -> bool:
    """Put a newer record of the same start in place; whether it is still that start's turn.

    A supervisor that was taken down, or whose place another start took, writes nothing.
    """
    with _locked(state_dir):
        try:
            current = read_record(state_dir)
        except EngineError:  # damaged: what is written now is whole again
            current = deployment
        if current is None or current.id != deployment.id:
            return False
        _write_whole(state_dir / RECORD_NAME, _record_type().dump_json(deployment, indent=1))
        return True


def is_recorded(state_dir: Path, deployment: Deployment) -> bool:
    """Whether the record there is still of that start; a damaged one is taken for it."""
    try:
        current = read_record(state_dir)
    except EngineError:
        return True
    return current is not None and current.id == deployment.id


def remove_record(state_dir: Path) -> None:
    """Forget the deployment; safe to call again."""
    with _locked(state_dir):
        (state_dir / RECORD_NAME).unlink(missing_ok=True)


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """Hold the state's lock: the system lets go of it when its holder ends, however that ends.

    Raises:
        EngineError: another process held it for long.
    """
    import filelock

    try:
        with filelock.FileLock(state_dir / _LOCK_NAME, timeout=_LOCK_SECONDS):
            yield
    except filelock.Timeout as error:
        raise EngineError(
            f"another process has held {state_dir / _LOCK_NAME} for {_LOCK_SECONDS:.0f} s",
            hint="stillroom status",
        ) from error


def read_record(state_dir: Path) -> Deployment | None:
    """The record, as it was written; None where nothing was ever started or all was taken down.

    Raises:
        EngineError: the file is damaged.
    """
    from pydantic import ValidationError

    path = state_dir / RECORD_NAME
    try:
        deployment = _record_type().validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its text"
        raise EngineError(
            f"the state file {path} is damaged at {place}: {first['msg']}", hint=_DAMAGED_HINT
        ) from error
    _check(deployment, path)
    return deployment


def _check(deployment: Deployment, path: Path) -> None:
    """Whether the record's numbers can be processes and a port.

    Raises:
        EngineError: one cannot.
    """
    for place, marked in (
        ("supervisor", deployment.supervisor),
        ("engine_process", deployment.engine_process),
    ):
        if marked is not None and marked.pid < 1:
            raise EngineError(
                f"the state file {path} is damaged at {place}.pid: {marked.pid} is no process's",
                hint=_DAMAGED_HINT,
            )
    if not 0 < deployment.spec.port <= _LAST_PORT:
        raise EngineError(
            f"the state file {path} is damaged at spec.port: {deployment.spec.port} is no port",
            hint=_DAMAGED_HINT,
        )


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written.

    Raises:
        EnvironmentUnfitError: it cannot be written.
    """
    try:
        # It holds the endpoint's key and the hub's token.
        write_whole(path, content, owner_only=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def make_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, and those above it, where they are missing.

    Raises:
        EnvironmentUnfitError: it cannot be made.
    """
    try:
        make_private_folder(folder)
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
