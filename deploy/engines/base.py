"""What every engine can be asked, as a protocol, and the values that it answers with.

An engine turns a plan into data (``LaunchSpec``) and reads its own log; ``deploy.launching.launch`` is the
one module that acts on the data. Nothing here knows a particular engine, starts a process or opens a socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import EngineName, LaunchSpec

# Where a URL names no port.
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an engine can be used on this machine.

    Attributes:
        installed: its program or package is here, or a server of its kind answers.
        version: as the engine reports it; empty where it cannot be told without starting it.
        detail: where it was found, or what is missing.
        install_hint: the command that brings it; empty where ``installed``.
        running_url: the root of a server that answers already and can be attached to; empty where none does.
    """

    installed: bool
    version: str
    detail: str
    install_hint: str = ""
    running_url: str = ""


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What a launch needs beside the plan; each engine takes what it knows of.

    Attributes:
        port: a concrete port, never 0.
        weights: the file or folder with the weights; None where the engine fetches them by name.
        host: the address to listen on; loopback unless a person asked for more.
        threads: CPU threads that compute, for engines that ask.
        api_key: what requests must carry as a bearer token; None for none. Never printed.
        hub_url: where weights are fetched from by name; empty for Hugging Face itself.
        hub_token: for gated weights. Never printed.
        files_dir: where files that belong to the launch are written; None writes none.
        quantize: what Ollama turns 16-bit weights into while it imports them; empty for nothing.
        keep_alive: how long Ollama keeps an idle model, as it writes durations; ``-1`` for ever.
        prefix_caching: vLLM and llama.cpp keep the computed start of a prompt for the next one.
        exact_kv_cache: vLLM gets the cache's size in bytes instead of a fraction of the GPU's memory.
        nodes: machines that serve the model together, the same GPUs in each; vLLM only.
        node_launcher: what joins them: vLLM's own ``--nnodes``, or a Ray cluster.
        head_address: of the first of these machines, as the others reach it.
    """

    port: int
    weights: Path | None = None
    host: str = "127.0.0.1"
    threads: int = 1
    api_key: str | None = field(default=None, repr=False)
    hub_url: str = ""
    hub_token: str | None = field(default=None, repr=False)
    files_dir: Path | None = None
    quantize: str = ""
    keep_alive: str = "-1"
    prefix_caching: bool = True
    exact_kv_cache: bool = False
    nodes: int = 1
    node_launcher: Literal["nnodes", "ray"] = "nnodes"
    head_address: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredTerm:
    """One component of memory as the engine itself reported it, in bytes.

    Attributes:
        name: as in the plan's estimate where both have it: ``weights``, ``kv_cache``, ``compute``;
            ``buffers`` where the engine told all of these only together.
        source: the words of the log that say so.
        device: ``cpu`` or ``gpu:N``, N as the engine numbers the GPUs that it sees; empty where it does not
            tell.
        rounding_bytes: the most that the printed figure may be off, because it was rounded.
    """

    name: str
    measured_bytes: int
    source: str
    device: str = ""
    rounding_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What an engine did since it started, and does now, as it counts itself; None where it does not tell.

    Attributes:
        requests: finished.
        requests_running: now, queued ones too.
        prompt_tokens: read.
        output_tokens: written.
        output_tokens_per_s: of one sequence while it was written, averaged as the engine averages.
    """

    requests: int | None = None
    requests_running: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_per_s: float | None = None


class Engine(Protocol):
    """A program that serves a model behind an OpenAI-compatible endpoint."""

    @property
    def name(self) -> EngineName:
        """The engine's name in plans, settings and commands."""

    def availability(self) -> Availability:
        """Whether it can be used here; looks at files, asks a program for its version, starts no server."""

    def require(self, program: str) -> None:
        """Return if the engine can be started here by that program, the first word of its command.

        Raises:
            MissingExtraError: it is a Python package of ours that is not installed.
            EngineUnavailableError: its program is not installed.
        """

    def launch_spec(self, plan: Plan, options: LaunchOptions) -> LaunchSpec:
        """The plan as a command line, an environment and files. Pure.

        Raises:
            EngineError: this engine cannot serve this plan.
        """

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Do what is left once the server answers and before the model can: fetch or derive it.

        Raises:
            EngineError: the server refused.
        """

    def read_progress(self, log: str) -> str:
        """What a starting engine does now, by the end of its log, as the end of a sentence; empty if unknown.

        Example:
            >>> from deploy.engines import engine
            >>> engine("vllm").read_progress("Loading safetensors checkpoint shards:  50% Completed | 1/2")
            'loads weights, 50 %'
        """

    def read_memory(self, log: str, answers: Mapping[str, str]) -> tuple[MeasuredTerm, ...]:
        """The memory that the engine reported; empty where it says nothing.

        Args:
            log: what it wrote since its start.
            answers: what the specification's ``memory_urls`` answered, by URL.
        """

    def deviations(
        self, spec: LaunchSpec, plan: Plan, log: str, answers: Mapping[str, str]
    ) -> tuple[str, ...]:
        """What it serves otherwise than planned: sentences with the figure seen and the figure planned.

        Args:
            spec: what was started or attached to.
            plan: what it should be.
            log: what it wrote since its start.
            answers: as for ``read_memory``.
        """

    def release(self, spec: LaunchSpec) -> None:
        """Give back what ``prepare`` took of a server that was attached to; nothing for one of ours.

        Raises:
            EngineError: the server would not.
        """

    def read_version(self, log: str) -> str:
        """The version that wrote the log; empty where it does not say."""

    def read_activity(self, log: str, answer: str) -> Activity:
        """What it did since its start, from its log and what ``activity_url`` answered (empty for none)."""


def attached(spec: LaunchSpec, *, url: str) -> LaunchSpec:
    """The same without a process: for a server at ``url`` that somebody else started and keeps.

    Args:
        spec: what would start such a server here.
        url: the server's root, for example ``https://gpu-box:11434``: its scheme and path are kept.

    Example:
        >>> if running_url := Ollama().availability().running_url:  # doctest: +SKIP
        ...     spec = attached(Ollama().launch_spec(plan, …), url=running_url)
    """
    root, own_root = url.rstrip("/"), spec.base_url.removesuffix("/v1")
    parts = urlsplit(root)
    return replace(
        spec,
        argv=(),
        environment={},
        secrets={},
        files={},
        nodes=(),
        stop_argv=(),
        host=parts.hostname or spec.host,
        port=parts.port or _DEFAULT_PORTS.get(parts.scheme, spec.port),
        base_url=f"{root}/v1",
        readiness_url=root + spec.readiness_url.removeprefix(own_root),
        memory_urls=tuple(root + url.removeprefix(own_root) for url in spec.memory_urls),
        activity_url=spec.activity_url and root + spec.activity_url.removeprefix(own_root),
    )
