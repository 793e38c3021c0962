"""A deployment that outlives the command that started it: up, status, logs, restart, down.

``up`` starts a supervisor (``deploy.supervision.supervisor``), a small process in a session of its own that
owns the engine. The functions here talk to it through the record and through signals; none of them starts
an engine itself.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.engines import engine
from deploy.launching import engine_http, process_group
from deploy.launching.launch import planned_endpoint, run_stop_command
from deploy.launching.readiness import read_log
from deploy.measuring import measure_processes
from deploy.ports import require_free_port
from deploy.private_files import open_private
from deploy.supervision.deployment import (
    Deployment,
    LadderStep,
    ProcessMark,
    lives,
    make_folder,
    read_record,
    remove_record,
    write_record,
)
from deploy.supervision.engine_log import follow, last_lines
from stillroom.errors import EngineError, EngineMemoryError, EngineStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.endpoint import Endpoint
    from deploy.engines.base import Activity
    from deploy.measurement import Measurement
    from deploy.plan import Plan
    from deploy.spec import LaunchSpec

_LOG_NAME: Final = "engine.log"
_SUPERVISOR_LOG_NAME: Final = "supervisor.log"
_UP_LOCK_NAME: Final = "up.lock"
_POLL_SECONDS: Final = 0.1

# A supervisor has to import Python's packages before it can record anything.
_FIRST_WORD_SECONDS: Final = 60.0

# Beyond the engine's own grace, for the supervisor to notice and to write.
_SUPERVISOR_GRACE_SECONDS: Final = 15.0


def up(
    spec: LaunchSpec,
    plan: Plan,
    *,
    state_dir: Path,
    on_progress: Callable[[str], None],
    steps: tuple[LadderStep, ...] = (),
) -> Deployment:
    """Start the engine under a supervisor; return once its model has answered.

    A Ctrl-C while it waits takes everything down again.

    Args:
        spec: how to start it.
        plan: what it serves.
        state_dir: where its record and its log are.
        on_progress: is given one short sentence a step.
        steps: what was given up before, to be kept in the record.

    Raises:
        EngineError: a deployment runs already, or is being started.
        PortTakenError: another program listens on the port.
        EngineMemoryError: the engine died because its memory did not suffice.
        EngineStartError: the engine died of something else, or was not ready in time.
        MissingExtraError, EngineUnavailableError, EnvironmentUnfitError: as ``deploy.launching.launch``.
    """
    import filelock

    state_dir = state_dir.resolve()
    make_folder(state_dir)
    try:
        with filelock.FileLock(state_dir / _UP_LOCK_NAME, blocking=False):
            _require_nothing_runs(state_dir)
            if spec.argv:
                engine(spec.engine).require(spec.argv[0])
                require_free_port(spec.host, spec.port)
            write_record(state_dir, _first_record(spec, plan, steps, state_dir))
            try:
                _spawn_supervisor(state_dir)
                return _wait_until_running(state_dir, on_progress)
            except BaseException:
                # Ctrl-C included: a start that was not waited for may not go on behind one's back.
                down(state_dir)
                raise
    except filelock.Timeout as error:
        raise EngineError("another `stillroom up` is starting an engine", hint="stillroom status") from error


def restart(state_dir: Path, *, on_progress: Callable[[str], None]) -> Deployment:
    """Stop what runs, and start the same again.

    Where that fails or is interrupted, the record stays, so that it can be tried once more.

    Raises:
        EngineError: nothing was started here, or its record is damaged.
        EngineStartError and others: as ``up``.
    """
    deployment = read_record(state_dir)
    if deployment is None:
        raise EngineError("there is nothing to start again", hint="stillroom up")
    try:
        down(state_dir)
        return up(
            deployment.spec,
            deployment.plan,
            state_dir=state_dir,
            on_progress=on_progress,
            steps=deployment.steps,
        )
    except BaseException as error:  # Ctrl-C included
        if read_record(state_dir) is None:
            why = error.message if isinstance(error, EngineError) else "it was interrupted"
            ended = {"supervisor": None, "engine_process": None, "restarts": (), "exit_code": None}
            said = {"message": f"it was not started again: {why}", "hint": "stillroom restart"}
            write_record(state_dir, deployment.having(state="exited", **ended, **said))
        raise


def status(state_dir: Path) -> Deployment | None:
    """What is deployed, with ``lost`` for a record whose supervisor is gone; None where nothing is.

    Raises:
        EngineError: the record is damaged.
    """
    deployment = read_record(state_dir)
    if deployment is None or not deployment.goes_on:
        return deployment
    if lives(deployment.supervisor) or _is_about_to_speak(deployment):
        return deployment
    return deployment.having(
        state="lost", message="its supervisor ended without a word", hint="stillroom down"
    )


def current_endpoint(state_dir: Path) -> Endpoint | None:
    """Where the running deployment answers; None where none runs."""
    deployment = status(state_dir)
    return deployment.endpoint if deployment is not None and deployment.state == "running" else None


def measure(deployment: Deployment, *, visible_gpus: str | None = None) -> Measurement | None:
    """The memory that a running deployment takes; None where its process is not ours or is gone.

    Args:
        deployment: as recorded.
        visible_gpus: ``CUDA_VISIBLE_DEVICES`` of the machine that was planned for, as the settings have it.
    """
    if deployment.engine_process is None or not lives(deployment.engine_process):
        return None
    return measure_processes(
        deployment.engine_process.pid,
        deployment.reported,
        environment=deployment.spec.environment,
        visible_gpus=visible_gpus,
    )


def log_of(deployment: Deployment) -> str:
    """What its engine wrote since its last start; empty for a server that was attached to."""
    return read_log(deployment.log_path) if deployment.spec.argv else ""


def activity(deployment: Deployment, log: str) -> Activity:
    """What a running deployment did and does, as its engine counts; empty where it does not answer."""
    spec = deployment.spec
    url = spec.activity_url
    answer = engine_http.answers((url,), spec.api_key).get(url, "") if url else ""
    found = engine(spec.engine).read_activity(log, answer)
    if found.requests is None or not deployment.rotated_requests:
        return found
    return replace(found, requests=found.requests + deployment.rotated_requests)


def deviations(deployment: Deployment, log: str) -> tuple[str, ...]:
    """Where the server does not serve as planned, now: a sentence each."""
    spec = deployment.spec
    answers = engine_http.answers(spec.memory_urls, spec.api_key)
    return engine(spec.engine).deviations(spec, deployment.plan, log, answers)


def logs(state_dir: Path, *, lines: int) -> tuple[str, ...]:
    """The last lines of the engine's log, of the deployment that runs or of the one before.

    Raises:
        EngineError: no engine was ever started here.
    """
    path = state_dir / _LOG_NAME
    try:
        return last_lines(path, lines)
    except FileNotFoundError as error:
        raise EngineError(f"there is no engine's log at {path} yet", hint="stillroom up") from error


def follow_log(state_dir: Path) -> Iterator[str]:
    """Lines that the engine writes from now on, over restarts, until the deployment is gone."""

    def goes_on() -> bool:
        deployment = status(state_dir)
        return deployment is not None and deployment.goes_on

    return follow(state_dir / _LOG_NAME, go_on=goes_on)


def down(state_dir: Path, *, force: bool = False) -> bool:
    """Stop the deployment and forget it; whether there was one. Safe to call again.

    Args:
        state_dir: the same as for ``up``.
        force: also where the record is damaged: then its supervisor is looked for by its command line.

    Raises:
        EngineError: the record is damaged, and ``force`` was not given.
    """
    state_dir = state_dir.resolve()
    try:
        deployment = read_record(state_dir)
    except EngineError:
        if not force:
            raise
        for supervisor in _supervisors_of(state_dir):
            _stop_supervisor(supervisor, _SUPERVISOR_GRACE_SECONDS)
        remove_record(state_dir)
        return True
    if deployment is None:
        return False
    # One that has not spoken yet is found by its command line.
    recorded = deployment.supervisor
    grace_seconds = deployment.spec.stop_grace_seconds
    for supervisor in (recorded,) if recorded else _supervisors_of(state_dir):
        _stop_supervisor(supervisor, grace_seconds + _SUPERVISOR_GRACE_SECONDS)
    # The supervisor recorded its engine in the meantime, or was killed before it could stop it.
    deployment = read_record(state_dir) or deployment
    if deployment.engine_process is not None:
        # Its leader may be gone and its children not: they have the same group.
        process_group.stop_group(
            deployment.engine_process.pid,
            since=deployment.engine_process.create_time,
            grace_seconds=grace_seconds,
        )
    run_stop_command(deployment.spec)
    # A server of somebody else's that is gone has nothing to give back.
    if not deployment.spec.argv and deployment.state == "running":
        with suppress(EngineError):
            engine(deployment.spec.engine).release(deployment.spec)
    remove_record(state_dir)
    return True


def _first_record(spec: LaunchSpec, plan: Plan, steps: tuple[LadderStep, ...], state_dir: Path) -> Deployment:
    return Deployment(
        id=uuid.uuid4().hex,
        state="starting",
        spec=spec,
        plan=plan,
        steps=steps,
        endpoint=planned_endpoint(spec, plan),
        log_path=state_dir / _LOG_NAME,
        started_at=time.time(),
    )


def _require_nothing_runs(state_dir: Path) -> None:
    deployment = status(state_dir)
    if deployment is None:
        return
    if deployment.goes_on:
        raise EngineError(
            f"{deployment.endpoint.model} runs already at {deployment.endpoint.address}",
            hint="stillroom down",
        )
    down(state_dir)  # an engine may have outlived its supervisor


def _spawn_supervisor(state_dir: Path) -> None:
    """Start it; it goes on in the background once this returns.

    Raises:
        EngineStartError: it ended before it got there; its log says why.
    """
    log_path = state_dir / _SUPERVISOR_LOG_NAME
    with open_private(log_path) as log:
        done = subprocess.run(
            [sys.executable, *_supervisor_arguments(state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
    if done.returncode != 0:
        raise EngineStartError(
            f"the supervisor ended with exit code {done.returncode}", hint=f"its log is {log_path}"
        )


def _supervisor_arguments(state_dir: Path) -> list[str]:
    """What Python is told; -P: a folder named `deploy` where a person happens to work is not ours."""
    return ["-P", "-m", "deploy.supervision.supervisor", str(state_dir)]


def _wait_until_running(state_dir: Path, on_progress: Callable[[str], None]) -> Deployment:
    """Follow the record, passing each step on, until it says how the start ended.

    The deadline is the supervisor's business, which knows the engine's.
    """
    last = ""
    while True:
        deployment = status(state_dir)
        if deployment is None:
            raise EngineStartError("it was taken down while it started", hint="stillroom up")
        if deployment.state == "running":
            return deployment
        if deployment.out_of_memory:
            raise EngineMemoryError(
                deployment.message, hint=deployment.hint, context_tokens=deployment.fitting_context_tokens
            )
        if deployment.state in {"failed", "exited"}:
            raise EngineStartError(deployment.message, hint=deployment.hint)
        if deployment.state == "lost":
            raise EngineStartError(
                "the supervisor ended without a word", hint=f"its log is {state_dir / _SUPERVISOR_LOG_NAME}"
            )
        if deployment.message and deployment.message != last:
            last = deployment.message
            on_progress(last)
        time.sleep(_POLL_SECONDS)


def _is_about_to_speak(deployment: Deployment) -> bool:
    """Whether its supervisor may still be importing Python's packages."""
    return deployment.supervisor is None and time.time() - deployment.started_at < _FIRST_WORD_SECONDS


def _stop_supervisor(supervisor: ProcessMark, grace_seconds: float) -> None:
    process_group.stop_process(supervisor.pid, alive=lambda: lives(supervisor), grace_seconds=grace_seconds)


def _supervisors_of(state_dir: Path) -> list[ProcessMark]:
    """Supervisors of that directory, by their command line."""
    import psutil

    return [
        ProcessMark(process.pid, process.info["create_time"])
        for process in psutil.process_iter(["cmdline", "create_time"])
        if (process.info["cmdline"] or [])[1:] == _supervisor_arguments(state_dir)
    ]
