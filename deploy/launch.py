"""Act on a ``LaunchSpec``: start the engine, wait until its model really answers, measure it, stop it.

The only module that turns the engines' data into a process. It does not choose anything (the plan did) and
keeps no record on disk (``deploy.supervise`` does).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

import httpx

from deploy import process_group
from deploy.diagnosis import diagnose
from deploy.endpoint import Capabilities, Endpoint
from deploy.engines import engine
from deploy.measurement import Measurement, measure_processes
from deploy.ports import require_free_port
from stillroom.errors import EngineError, EngineStartError, EnvironmentUnfitError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec

_POLL_SECONDS: Final = 0.1
_ATTACHED_POLL_SECONDS: Final = 5.0
_PROBE_TIMEOUT_SECONDS: Final = 5.0
_TRIAL_TOKENS: Final = 4
_OK: Final = 200


class RunningEngine:
    """An engine whose model answers; as a context manager it is stopped on the way out.

    Args:
        process: None where a server that somebody else started was attached to: it is never stopped.

    Example:
        >>> with start(spec, log_path=log, on_progress=print) as running:  # doctest: +SKIP
        ...     endpoint = running.endpoint(plan)
    """

    def __init__(self, spec: LaunchSpec, process: subprocess.Popen[bytes] | None, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path
        self._process = process
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process that was started, and leader of its group; None for a server attached to."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll() if self._process else None

    def alive(self) -> bool:
        """Whether the process runs; for a server attached to, whether it answers."""
        if self._process is None:
            return _answers(self.spec)
        return self._process.poll() is None

    def endpoint(self, plan: Plan) -> Endpoint:
        """Where requests go, and what the planned model can do there."""
        return planned_endpoint(self.spec, plan)

    def measure(self) -> Measurement:
        """The memory that it takes now.

        Raises:
            EngineError: the server was attached to, so that its process is not ours to look at.
        """
        if self._process is None:
            raise EngineError(f"the server at {self.spec.base_url} was not started here: it is not measured")
        return measure_processes(self._process.pid, engine(self.spec.engine).read_memory(self.log(), {}))

    def wait(self) -> int | None:
        """Return once it has ended: its exit code; None for a server that was attached to."""
        if self._process is not None:
            return self._process.wait()
        while self.alive():
            time.sleep(_ATTACHED_POLL_SECONDS)
        return None

    def log(self) -> str:
        """What the engine wrote since this start; empty for a server attached to: the file is another's."""
        return _read(self.log_path) if self._process is not None else ""

    def stop(self) -> None:
        """End the engine and its children; safe to call again."""
        if self._process is None or self._stopped:
            return
        process_group.stop(self._process, grace_seconds=self.spec.stop_grace_seconds)
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
    )


def start(spec: LaunchSpec, *, log_path: Path, on_progress: Callable[[str], None]) -> RunningEngine:
    """Start the engine and return once its model has answered.

    Args:
        spec: with an empty ``argv``, a server that runs already is attached to.
        log_path: is overwritten with what the engine writes.
        on_progress: is given one short sentence a step.

    Raises:
        MissingExtraError: a package that the engine needs is not installed.
        EngineUnavailableError: its program is not installed.
        PortTakenError: another program listens on the port.
        EngineStartError: it died, or its model did not answer in time.
        EnvironmentUnfitError: the log or a file that the engine needs cannot be written.
    """
    if not spec.argv:
        return _attach(spec, log_path, on_progress)
    served_by = engine(spec.engine)
    served_by.require()
    require_free_port(spec.host, spec.port)
    process: subprocess.Popen[bytes] | None = None
    try:
        process = _spawn(spec, log_path)
        deadline = time.monotonic() + spec.start_deadline_seconds
        on_progress(f"{spec.engine} started as pid {process.pid}, loading {spec.served_model}")
        _wait_until_ready(spec, process, log_path, deadline)
        served_by.prepare(spec, on_progress=on_progress)
        on_progress(f"asking {spec.served_model} for a first answer")
        _require_answer(spec, process, log_path)
    except BaseException:
        # Ctrl-C included: whatever ended the start, nothing may keep running.
        if process is not None:
            process_group.stop(process, grace_seconds=spec.stop_grace_seconds)
        raise
    on_progress(f"{spec.served_model} answers at {spec.base_url}")
    return RunningEngine(spec, process, log_path)


def _attach(spec: LaunchSpec, log_path: Path, on_progress: Callable[[str], None]) -> RunningEngine:
    if not _answers(spec):
        raise EngineStartError(
            f"no {spec.engine} server answers at {spec.readiness_url}", hint="stillroom doctor"
        )
    on_progress(f"attached to the {spec.engine} server at {spec.base_url}")
    engine(spec.engine).prepare(spec, on_progress=on_progress)
    _require_answer(spec, None, log_path)
    return RunningEngine(spec, None, log_path)


def _spawn(spec: LaunchSpec, log_path: Path) -> subprocess.Popen[bytes]:
    try:
        for path, text in spec.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        log_path.parent.mkdir(parents=True, exist_ok=True)
        log = log_path.open("wb")
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="set STILLROOM_STATE_DIR to a folder that you may write",
        ) from error
    with log:
        try:
            return process_group.spawn(spec.argv, environment=spec.environment, log=log)
        except OSError as error:
            raise EngineStartError(
                f"{spec.argv[0]} cannot be started: {error.strerror}", hint="stillroom doctor"
            ) from error


def _wait_until_ready(
    spec: LaunchSpec, process: subprocess.Popen[bytes], log_path: Path, deadline: float
) -> None:
    while time.monotonic() < deadline:
        # The order matters: a stranger on the port answers as well, so our child must be alive too.
        ready = _answers(spec)
        if process.poll() is not None:
            raise _died(spec, process, log_path)
        if ready:
            return
        time.sleep(_POLL_SECONDS)
    raise EngineStartError(
        f"{spec.engine} did not become ready within {spec.start_deadline_seconds:.0f} s: "
        + diagnose(_read(log_path), None),
        hint=f"its log is {log_path}",
    )


def _answers(spec: LaunchSpec) -> bool:
    try:
        response = httpx.get(spec.readiness_url, timeout=_PROBE_TIMEOUT_SECONDS, trust_env=False)
    except httpx.TransportError:
        return False
    return response.status_code == _OK


def _require_answer(spec: LaunchSpec, process: subprocess.Popen[bytes] | None, log_path: Path) -> None:
    """A health check says that a server is up; only an answer says that the model is."""
    body = {
        "model": spec.served_model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": _TRIAL_TOKENS,
        "temperature": 0,
    }
    try:
        response = httpx.post(
            f"{spec.base_url}/chat/completions",
            json=body,
            timeout=spec.start_deadline_seconds,
            trust_env=False,
        )
        answer = response.json()
    except (httpx.TransportError, ValueError) as error:
        if process is not None and process.poll() is not None:
            raise _died(spec, process, log_path) from error
        raise EngineStartError(
            f"{spec.served_model} gave no answer at {spec.base_url}: {error}", hint=f"its log is {log_path}"
        ) from error
    if response.status_code != _OK or not answer.get("choices"):
        raise EngineStartError(
            f"{spec.base_url} refused a first request ({response.status_code}): {response.text[:200]}",
            hint=f"its log is {log_path}",
        )
    if answer.get("model") != spec.served_model:
        raise EngineStartError(
            f"{spec.base_url} serves {answer.get('model')!r}, and {spec.served_model!r} was asked for",
            hint="stillroom down",
        )


def _died(spec: LaunchSpec, process: subprocess.Popen[bytes], log_path: Path) -> EngineStartError:
    code = process.returncode
    return EngineStartError(
        f"{spec.engine} ended with exit code {code} before it was ready: {diagnose(_read(log_path), code)}",
        hint=f"its log is {log_path}",
    )


def _read(log_path: Path) -> str:
    try:
        return log_path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
