"""The Ollama engine: `ollama serve` where none runs, or a server that runs already.

Ollama always gets an explicit context, through a derived model: its default is 4096 tokens below 24 GiB of
video memory, and it cuts longer prompts without saying so. The derived model is made through the server's
API, which also reaches a server whose program is in a container. This module does not know how a process is
started or watched.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from deploy.engines import ollama_checks, ollama_log
from deploy.engines.base import Activity, Availability, MeasuredTerm
from deploy.engines.deadline import start_deadline_seconds
from deploy.engines.ollama_memory import read_ollama_memory
from deploy.engines.ollama_model import derived_model
from deploy.engines.ollama_program import find_program, missing_program, program_version
from deploy.engines.ollama_version import UPDATE_HINT, shortcoming, version_in
from deploy.loopback import local_root
from deploy.ports import accepts_connections
from deploy.spec import EngineName, LaunchSpec
from stillroom.addresses import shown_address
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan

DEFAULT_URL: Final = "http://127.0.0.1:11434"
_INSTALL_HINT: Final = "install it from https://ollama.com/download, or: stillroom up --engine embedded"
_PROBE_TIMEOUT_SECONDS: Final = 1.0
_HTTP_PORT: Final = 80
_VERSION_PATH: Final = "/api/version"
_MODELFILE: Final = "Modelfile"

# Its own start and a first answer; what it pulls before has no deadline, only progress.
_SET_UP_SECONDS: Final = 120.0


class Ollama:
    """A server of Ollama.

    Args:
        url: where a server that runs already is looked for.
    """

    name: ClassVar[EngineName] = "ollama"

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._url = url.rstrip("/")

    def availability(self) -> Availability:
        """By a server that answers ``GET /api/version``, else by the program on the PATH.

        The program is run for its version, which takes a twentieth of a second; no server is started.
        """
        there = shown_address(self._url)
        running = self._running_version()
        too_old = shortcoming(running) if running is not None else ""
        if running is not None and not too_old:
            return Availability(
                installed=True,
                version=running,
                detail=f"a server answers at {there}",
                running_url=self._url,
            )
        elsewhere = f"the server at {there} cannot be used: {too_old}" if too_old else ""
        return _program_availability(elsewhere or f"nothing answers at {there}", running or "")

    def require(self, program: str) -> None:
        """Return if the program is there and can be executed.

        Raises:
            EngineUnavailableError: it is not.
        """
        if find_program(program) is None:
            reason, hint = missing_program(program)
            raise EngineUnavailableError(reason, hint=hint or _INSTALL_HINT)

    def launch_spec(self, plan: Plan, options: LaunchOptions) -> LaunchSpec:
        """`ollama serve`, and the derived model that carries what the plan sets.

        Raises:
            EngineError: the library's tag holds another quantization than the plan's, Ollama makes no such
                quantization, or the plan has more adapters than it takes.
        """
        root = local_root(options.host, options.port)
        derived = derived_model(plan, options)
        deadline = start_deadline_seconds(plan.artefact.total_bytes, set_up_seconds=_SET_UP_SECONDS)
        files = {options.files_dir / _MODELFILE: derived.modelfile() + "\n"} if options.files_dir else {}
        return LaunchSpec(
            engine=self.name,
            argv=("ollama", "serve"),
            host=options.host,
            port=options.port,
            base_url=f"{root}/v1",
            readiness_url=root + _VERSION_PATH,
            served_model=derived.name,
            environment=_environment(plan, options, deadline),
            files=files,
            derived_model=derived,
            memory_urls=(f"{root}/api/ps",),
            start_deadline_seconds=deadline,
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Pull or give the base model where it is missing, and make the derived one.

        A server that was attached to is also told how long to keep it loaded: it has a time of its own.

        Raises:
            WeightsError: a local file is missing, damaged or cut short.
            EngineUnavailableError: the server is too old.
            EngineError: it refused, or could not reach its library.
        """
        if spec.derived_model is None:
            return
        from deploy.engines.ollama_library import OllamaLibrary

        library = OllamaLibrary(_root(spec), on_progress)
        library.make(spec.derived_model)
        if not spec.argv and spec.derived_model.keep_alive:
            library.load(spec.served_model, keep_alive=spec.derived_model.keep_alive)

    def deviations(
        self, spec: LaunchSpec, plan: Plan, log: str, answers: Mapping[str, str]
    ) -> tuple[str, ...]:
        """By ``/api/ps``, and by the log: context, devices, cache, quantization, prompts that were cut."""
        return ollama_checks.deviations(spec, plan, log, answers)

    def release(self, spec: LaunchSpec) -> None:
        """Take the model out of the memory of a server that was attached to.

        Raises:
            EngineError: the server would not.
        """
        if spec.argv or spec.derived_model is None:
            return
        from deploy.engines.ollama_library import OllamaLibrary

        OllamaLibrary(_root(spec), lambda _: None).unload(spec.served_model)

    def read_progress(self, log: str) -> str:
        """The step that Ollama or the llama.cpp inside tells of."""
        return ollama_log.read_progress(log)

    def read_memory(self, log: str, answers: Mapping[str, str]) -> tuple[MeasuredTerm, ...]:
        """The buffer sizes of the llama.cpp inside; without a log, their sum by ``/api/ps``."""
        return read_ollama_memory(log, answers.values())

    def read_version(self, log: str) -> str:
        """As ``ollama serve`` prints it when it begins to listen."""
        return ollama_log.read_version(log)

    def read_activity(self, log: str, answer: str) -> Activity:  # noqa: ARG002  it has no counters
        """Requests that reached the model, by its log."""
        return ollama_log.read_activity(log)

    def _running_version(self) -> str | None:
        address = urlsplit(self._url)
        # Asked first without HTTP: where nothing listens, a plan need not wait for httpx to load.
        if not accepts_connections(address.hostname or "", address.port or _HTTP_PORT):
            return None
        import httpx

        try:
            response = httpx.get(self._url + _VERSION_PATH, timeout=_PROBE_TIMEOUT_SECONDS, trust_env=False)
            return version_in(response.json())
        except (httpx.TransportError, ValueError):
            # Nothing listens, or what listens is not Ollama.
            return None


def _program_availability(elsewhere: str, running_version: str) -> Availability:
    """Of the program on the PATH; ``elsewhere`` says why there is no server to attach to."""
    program = find_program()
    if program is None:
        reason, hint = missing_program()
        return Availability(
            installed=False,
            version=running_version,
            detail=f"{reason}, and {elsewhere}",
            install_hint=hint or (UPDATE_HINT if running_version else _INSTALL_HINT),
        )
    version = program_version(program)
    if reason := shortcoming(version):
        return Availability(
            installed=False, version=version, detail=f"{program}: {reason}", install_hint=UPDATE_HINT
        )
    return Availability(installed=True, version=version, detail=str(program))


def _environment(plan: Plan, options: LaunchOptions, deadline_seconds: float) -> dict[str, str]:
    """What Ollama would otherwise choose by its version and by the machine (ollama/ollama, envconfig)."""
    environment = {
        "OLLAMA_HOST": f"{options.host}:{options.port}",
        "OLLAMA_CONTEXT_LENGTH": str(plan.workload.context_tokens),
        "OLLAMA_NUM_PARALLEL": str(plan.workload.concurrent_sequences),
        # The plan has room for one model.
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_KEEP_ALIVE": options.keep_alive,
        "OLLAMA_KV_CACHE_TYPE": plan.serving.kv_cache_type,
        "OLLAMA_FLASH_ATTENTION": "1" if plan.serving.flash_attention else "0",
        # How long a load may be silent, five minutes by itself: mapped weights are read without a word.
        "OLLAMA_LOAD_TIMEOUT": f"{math.ceil(deadline_seconds)}s",
        # It calls out at its start otherwise.
        "OLLAMA_NO_CLOUD": "1",
    }
    gpus = plan.placement.gpus
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in gpus)
        # As nvidia-smi and NVML number them; CUDA by itself puts the fastest first.
        environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if len(gpus) > 1:
        # It would take as few as it believes to be enough.
        environment["OLLAMA_SCHED_SPREAD"] = "1"
    return environment


def _root(spec: LaunchSpec) -> str:
    return spec.readiness_url.removesuffix(_VERSION_PATH)
