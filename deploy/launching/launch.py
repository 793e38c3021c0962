"""Act on a ``LaunchSpec``: start the engine, wait until its model really answers, measure it, stop it.

The only module that turns the engines' data into a process. It does not choose anything (the plan did) and
keeps no record on disk (``deploy.supervision.supervise`` does).
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from deploy.endpoint import Capabilities, Endpoint
from deploy.engines import engine
from deploy.launching import engine_http, process_group
from deploy.launching.readiness import Start, check_trial, read_log
from deploy.measuring import measure_processes
from deploy.ports import require_free_port
from deploy.private_files import make_private_folder, open_private
from stillroom.addresses import shown_address
from stillroom.errors import EngineError, EngineStartError, EngineUnavailableError, EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from deploy.launching.process_group import ProcessGroup
    from deploy.measurement import Measurement
    from deploy.plan import Plan
    from deploy.spec import LaunchSpec

_ATTACHED_POLL_SECONDS: Final = 5.0
# For what has no size: ending a container, a first answer of a server that was loaded long ago.
_STOP_COMMAND_SECONDS: Final = 60.0


class RunningEngine:
    """An engine whose model answers; as a context manager it is stopped on the way out.

    Args:
        group: None where a server that somebody else started was attached to: it is never stopped.

    Example:
        >>> with start(spec, log_path=log, on_progress=print) as running:  # doctest: +SKIP
        ...     endpoint = running.endpoint(plan)
    """

    def __init__(self, spec: LaunchSpec, group: ProcessGroup | None, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path
        self._group = group
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process that was started, and leader of its group; None for a server attached to."""
        return self._group.leader.pid if self._group else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._group.leader.poll() if self._group else None

    def alive(self) -> bool:
        """Whether the process runs; for a server attached to, whether it answers."""
        if self._group is None:
            return engine_http.health(self.spec) in {"healthy", "silent"}
        return self._group.leader.poll() is None

    def endpoint(self, plan: Plan) -> Endpoint:
        """Where requests go, and what the planned model can do there."""
        return planned_endpoint(self.spec, plan)

    def answers(self) -> dict[str, str]:
        """What its URLs for memory figures answer now, by URL."""
        return engine_http.answers(self.spec.memory_urls, self.spec.api_key)

    def measure(self) -> Measurement:
        """The memory that it takes now.

        Raises:
            EngineError: the server was attached to, so that its process is not ours to look at.
        """
        if self._group is None:
            raise EngineError(f"the server at {self.spec.address} was not started here: it is not measured")
        terms = engine(self.spec.engine).read_memory(self.log(), self.answers())
        return measure_processes(self._group.leader.pid, terms, environment=self.spec.environment)

    def wait(self, seconds: float | None = None) -> bool:
        """Return once it has ended, or after so many seconds; whether it has ended."""
        if self._group is not None:
            with suppress(subprocess.TimeoutExpired):
                self._group.leader.wait(seconds)
            return not self.alive()
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.alive() and (deadline is None or time.monotonic() < deadline):
            time.sleep(_ATTACHED_POLL_SECONDS if seconds is None else min(seconds, _ATTACHED_POLL_SECONDS))
        return not self.alive()

    def log(self) -> str:
        """What the engine wrote since this start; empty for a server attached to: the file is another's."""
        return read_log(self.log_path) if self._group is not None else ""

    def stop(self) -> None:
        """End the engine and its children; safe to call again."""
        if self._group is None or self._stopped:
            return
        self._group.stop(grace_seconds=self.spec.stop_grace_seconds)
        run_stop_command(self.spec)
        self._stopped = True

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def planned_endpoint(spec: LaunchSpec, plan: Plan) -> Endpoint:
    """Where requests will go once the engine runs, and what the planned model can do there."""
    return Endpoint(
        base_url=spec.base_url,
        model=spec.served_model,
        engine=spec.engine,
        context_tokens=plan.workload.context_tokens,
        capabilities=Capabilities(
            native_tools=plan.native_tools, reasoning=plan.reasoning, languages=plan.languages
        ),
        api_key=spec.api_key,
    )


def start(
    spec: LaunchSpec,
    *,
    log_path: Path,
    on_progress: Callable[[str], None],
    on_spawn: Callable[[int], None] = lambda _pid: None,
) -> RunningEngine:
    """Start the engine and return once its model has answered.

    Args:
        spec: with an empty ``argv``, a server that runs already is attached to.
        log_path: is overwritten with what the engine writes.
        on_progress: is given one short sentence a step.
        on_spawn: is given the process's pid as soon as there is one.

    Raises:
        MissingExtraError: a package that the engine needs is not installed.
        EngineUnavailableError: its program is not installed.
        PortTakenError: another program listens on the port.
        EngineMemoryError: it died because its memory did not suffice.
        EngineStartError: it died of something else, or its model did not answer in time.
        EnvironmentUnfitError: the log or a file that the engine needs cannot be written.
    """
    if not spec.argv:
        return _attach(spec, log_path, on_progress)
    served_by = engine(spec.engine)
    served_by.require(spec.argv[0])
    require_free_port(spec.host, spec.port)
    group: ProcessGroup | None = None
    try:
        group = _spawn(spec, log_path)
        on_spawn(group.leader.pid)
        starting = Start(spec, group, log_path, on_progress)
        on_progress(f"{spec.engine} started as pid {group.leader.pid}, loading {spec.served_model}")
        starting.wait_until_ready()
        served_by.prepare(spec, on_progress=on_progress)
        on_progress(f"asking {spec.served_model} for a first answer")
        starting.require_answer()
    except BaseException:
        # Ctrl-C included: whatever ended the start, nothing may keep running.
        if group is not None:
            group.stop(grace_seconds=spec.stop_grace_seconds)
            run_stop_command(spec)
        raise
    on_progress(f"{spec.served_model} answers at {spec.address}")
    return RunningEngine(spec, group, log_path)


def run_stop_command(spec: LaunchSpec) -> None:
    """End what no signal reaches, such as a container, where there is such a thing; safe to call again."""
    if not spec.stop_argv:
        return
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(spec.stop_argv, capture_output=True, check=False, timeout=_STOP_COMMAND_SECONDS)


def _attach(spec: LaunchSpec, log_path: Path, on_progress: Callable[[str], None]) -> RunningEngine:
    if engine_http.health(spec) != "healthy":
        raise EngineStartError(
            f"no {spec.engine} server answers at {shown_address(spec.readiness_url)}", hint="stillroom doctor"
        )
    on_progress(f"attached to the {spec.engine} server at {spec.address}")
    engine(spec.engine).prepare(spec, on_progress=on_progress)
    trial = engine_http.first_completion(spec, timeout_seconds=spec.start_deadline_seconds)
    check_trial(trial, spec, log_path)
    return RunningEngine(spec, None, log_path)


def _spawn(spec: LaunchSpec, log_path: Path) -> ProcessGroup:
    try:
        for path, text in spec.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        make_private_folder(log_path.parent)
        log_path.unlink(missing_ok=True)
        # Appended to, so that a part that is moved away leaves no hole. It may hold prompts.
        log = open_private(log_path, append=True)
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="set STILLROOM_STATE_DIR to a folder that you may write",
        ) from error
    with log:
        try:
            return process_group.spawn(
                spec.argv,
                environment={**spec.environment, **spec.secrets},
                log=log,
                grace_seconds=spec.stop_grace_seconds,
            )
        except FileNotFoundError as error:
            raise EngineUnavailableError(
                f"{spec.argv[0]} cannot be started: there is no such program", hint="stillroom doctor"
            ) from error
        except PermissionError as error:
            raise EngineUnavailableError(
                f"{spec.argv[0]} cannot be started: it may not be executed",
                hint=f"chmod +x {spec.argv[0]}",
            ) from error
        except OSError as error:
            raise EngineStartError(
                f"{spec.argv[0]} cannot be started: {error.strerror}", hint="stillroom doctor"
            ) from error
