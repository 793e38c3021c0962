"""The vLLM engine: ``vllm serve`` on GPUs, or on CPUs with a build made for them.

vLLM lives in an environment or a container of its own, or on another machine; this module only writes its
command line. ``--gpu-memory-utilization`` is a fraction of the *whole* memory of a GPU, and vLLM refuses to
start where that fraction is not free: it is computed from what the plan found free.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from deploy.engines import vllm_log
from deploy.engines.base import Activity, Availability, MeasuredTerm
from deploy.engines.deadline import start_deadline_seconds
from deploy.engines.vllm_memory import read_vllm_memory
from deploy.engines.vllm_nodes import across_nodes
from deploy.engines.vllm_options import model_options, place_options
from deploy.loopback import local_root
from deploy.memory_model.vllm_budget import cpu_cache_space_gib
from deploy.spec import EngineName, LaunchSpec, NodeCommands
from stillroom.addresses import shown_address
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan

_INSTALL_HINT: Final = (
    "uv tool install vllm, or set STILLROOM_VLLM_PROGRAM to the `vllm` of its own environment"
)
_PROBE_TIMEOUT_SECONDS: Final = 2.0

# Seen: 65 s to /health with 135M parameters; compilation and graph capture of large models take minutes.
_SET_UP_SECONDS: Final = 600.0

# How long open streams may go on after SIGTERM, and what the processes need beyond that.
_SHUTDOWN_SECONDS: Final = 10
_STOP_GRACE_SECONDS: Final = 20.0

_CONTAINER_TOOLS: Final = ("docker", "podman")

# Where an image of vLLM listens, and where it keeps what it fetches.
_CONTAINER_PORT: Final = 8000
_CONTAINER_CACHE: Final = "/root/.cache/huggingface"
_CACHE_VOLUME: Final = "stillroom-huggingface"


@dataclass(frozen=True, slots=True)
class VllmHome:
    """Where a person's vLLM is: the first of these that is set.

    Attributes:
        url: the root of a server that runs already, here or elsewhere.
        image: a container image, such as ``vllm/vllm-openai:v0.32.0``.
        container_tool: what runs it: ``docker`` or ``podman``.
        program: its ``vllm``, by name on the PATH or by path.
    """

    url: str = ""
    image: str = ""
    container_tool: str = "docker"
    program: str = "vllm"


class Vllm:
    """vLLM's OpenAI-compatible server.

    Args:
        home: where it is.
    """

    name: ClassVar[EngineName] = "vllm"

    def __init__(self, home: VllmHome | None = None) -> None:
        self._home = home or VllmHome()

    def availability(self) -> Availability:
        """By the server, the container's tool or the program; none is started, which takes many seconds."""
        home = self._home
        if home.url:
            return self._running(home.url.rstrip("/"))
        wanted = home.container_tool if home.image else home.program
        found = shutil.which(wanted)
        if found is None:
            return Availability(
                installed=False, version="", detail=_missing(wanted), install_hint=_hint(wanted)
            )
        if home.image:
            return Availability(installed=True, version="", detail=f"{home.image}, run by {found}")
        return Availability(installed=True, version=_installed_version(Path(found)), detail=found)

    def require(self, program: str) -> None:
        """Return if the program, or what runs the image, is there and can be executed.

        Raises:
            EngineUnavailableError: it is not.
        """
        if shutil.which(program) is None:
            raise EngineUnavailableError(_missing(program), hint=_hint(program))

    def launch_spec(self, plan: Plan, options: LaunchOptions) -> LaunchSpec:
        """``vllm serve`` with the planned context, sequences and share of memory.

        Raises:
            EngineError: the plan is for a GPU and does not know its whole memory, or its GPUs cannot be
                divided among the machines.
        """
        host, port = options.host, options.port
        model = str(options.weights or plan.weights_name or plan.model_id)
        flags = {**model_options(plan, options), **place_options(plan, options)}
        flags["--shutdown-timeout"] = str(_SHUTDOWN_SECONDS)
        environment = self._environment(plan, options)
        root = local_root(host, port)
        listening = {"--host": host, "--port": str(port)}
        serve = (self._home.program, "serve", model, *_words(flags | listening))
        nodes: tuple[NodeCommands, ...] = ()
        if options.nodes > 1:
            nodes, environment = across_nodes(serve, environment, plan.placement, options), {}
        argv: tuple[str, ...] = serve
        stop_argv: tuple[str, ...] = ()
        if self._home.image:
            argv, stop_argv = self._in_container(plan, options, model, flags, environment)
            environment = {}
        return LaunchSpec(
            engine=self.name,
            argv=() if nodes else argv,
            host=host,
            port=port,
            base_url=f"{root}/v1",
            readiness_url=f"{root}/health",
            served_model=plan.adapters[0].name if plan.adapters else plan.model_tag,
            environment=environment,
            secrets=_secrets(options),
            api_key=options.api_key,
            memory_urls=(f"{root}/metrics",),
            activity_url=f"{root}/metrics",
            nodes=nodes,
            stop_argv=stop_argv,
            start_deadline_seconds=start_deadline_seconds(
                plan.artefact.total_bytes,
                set_up_seconds=_SET_UP_SECONDS,
                fetched=options.weights is None,
            ),
            stop_grace_seconds=_STOP_GRACE_SECONDS,
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Nothing is left to do: the server answers once its weights are loaded."""

    def read_progress(self, log: str) -> str:
        """The step that its log tells of."""
        return vllm_log.read_progress(log)

    def read_memory(self, log: str, answers: Mapping[str, str]) -> tuple[MeasuredTerm, ...]:
        """What the profiling run reported: weights, KV cache (to the byte by the metrics), CUDA graphs."""
        return read_vllm_memory(log, answers.values())

    def read_version(self, log: str) -> str:
        """As it prints it when it starts."""
        return vllm_log.read_version(log)

    def deviations(
        self, spec: LaunchSpec, plan: Plan, log: str, answers: Mapping[str, str]
    ) -> tuple[str, ...]:
        """None: vLLM takes its command line or ends."""
        del spec, plan, log, answers
        return ()

    def release(self, spec: LaunchSpec) -> None:
        """Nothing was taken."""

    def read_activity(self, log: str, answer: str) -> Activity:  # noqa: ARG002  its metrics tell all
        """Requests and tokens from ``/metrics``."""
        return vllm_log.read_activity(answer)

    def _environment(self, plan: Plan, options: LaunchOptions) -> dict[str, str]:
        environment = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        if options.hub_url:
            environment["HF_ENDPOINT"] = options.hub_url
        if not plan.placement.gpus:
            needed = plan.memory.component("kv_cache", "recurrent_state").expected_bytes
            environment["VLLM_CPU_KVCACHE_SPACE"] = str(cpu_cache_space_gib(needed))
        elif options.nodes == 1:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in plan.placement.gpus)
        return environment

    def _in_container(
        self,
        plan: Plan,
        options: LaunchOptions,
        model: str,
        flags: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The command that runs the image in the foreground, and the one that removes what is left of it."""
        name = f"stillroom-vllm-{options.port}"
        volumes = [f"{_CACHE_VOLUME}:{_CONTAINER_CACHE}"]
        paths = [Path(adapter.path) for adapter in plan.adapters]
        paths += [options.weights] if options.weights is not None else []
        # Under the same path inside, read-only, so that the arguments mean the same.
        volumes += [f"{path}:{path}:ro" for path in paths]
        inside = {key: value for key, value in environment.items() if key != "CUDA_VISIBLE_DEVICES"}
        argv = [self._home.container_tool, "run", "--rm", "--name", name, "--ipc", "host"]
        if plan.placement.gpus:
            argv += ["--gpus", '"device=' + ",".join(map(str, plan.placement.gpus)) + '"']
        argv += ["--publish", f"{options.host}:{options.port}:{_CONTAINER_PORT}"]
        argv += [word for volume in volumes for word in ("--volume", volume)]
        argv += [word for key, value in inside.items() for word in ("--env", f"{key}={value}")]
        # By name alone: the value comes from the environment and stands on no command line.
        argv += [word for key in _secrets(options) for word in ("--env", key)]
        argv += ["--entrypoint", "vllm", self._home.image, "serve", model, *_words(flags)]
        argv += ["--host", "0.0.0.0", "--port", str(_CONTAINER_PORT)]  # noqa: S104  within the container
        return tuple(argv), (self._home.container_tool, "rm", "--force", name)

    def _running(self, url: str) -> Availability:
        import httpx

        try:
            response = httpx.get(f"{url}/version", timeout=_PROBE_TIMEOUT_SECONDS, trust_env=False)
            version = str(response.json()["version"])
        except (httpx.TransportError, ValueError, KeyError, TypeError):
            return Availability(
                installed=False,
                version="",
                detail=f"no vLLM answers at {shown_address(url)}",
                install_hint="start it there, or unset STILLROOM_VLLM_URL",
            )
        return Availability(
            installed=True,
            version=version,
            detail=f"a server answers at {shown_address(url)}",
            running_url=url,
        )


def _words(flags: Mapping[str, str]) -> list[str]:
    """Options and their values as words; an option without a value is a switch, one of several is split."""
    return [word for name, value in flags.items() for word in (name, *value.split("\n")) if word]


def _secrets(options: LaunchOptions) -> dict[str, str]:
    """VLLM reads both from its environment, where no list of processes shows them."""
    named = {"VLLM_API_KEY": options.api_key, "HF_TOKEN": options.hub_token}
    return {name: value for name, value in named.items() if value}


def _missing(program: str) -> str:
    if Path(program).is_file():
        return f"{program} is there and cannot be executed"
    if Path(program).name != program:
        return f"there is no program {program}"
    return f"no program {program!r} on the PATH"


def _hint(program: str) -> str:
    if program in _CONTAINER_TOOLS:
        return f"install {program}, or unset STILLROOM_VLLM_IMAGE"
    if Path(program).is_file():
        return f"chmod +x {program}"
    return _INSTALL_HINT


def _installed_version(program: Path) -> str:
    """By the metadata beside the program; empty where it lies elsewhere."""
    folder = program.resolve().parent.parent
    for found in sorted(folder.glob("lib/python*/site-packages/vllm-*.dist-info")):
        match = re.fullmatch(r"vllm-(?P<version>.+)\.dist-info", found.name)
        if match:
            return match["version"]
    return ""
