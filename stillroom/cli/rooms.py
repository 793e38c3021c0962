"""Puts the rooms together from the settings: paths, library, endpoint, toolbox.

Everything here is opened when it is first used, and imported then; commands say what they want and
never how it is made. Nothing below the command line reads a setting.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stillroom.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import typer

    from agents.mcp_servers.approvals import Approvals
    from agents.mcp_servers.config import McpConfig
    from agents.mcp_servers.servers import Ask, McpServers
    from agents.memory.conversations import Conversations
    from agents.running.limits import Limits
    from agents.running.recorder import Recorder
    from agents.running.trace_events import TraceEvent
    from agents.toolbox import Access, Services
    from agents.tools import Tool
    from deploy.calibration.corrections import Calibration
    from deploy.calibration.observation import Observation
    from deploy.endpoint import Endpoint
    from deploy.engines import EngineHomes
    from deploy.measurement import Measurement
    from deploy.spec import EngineName, Machine, Workload
    from deploy.supervision.deployment import Deployment
    from rag.embedders import Embedder
    from rag.embedders.options import EmbedderOptions
    from rag.library import Library
    from rag.retrieval.options import Expansion, RetrievalOptions, Stage
    from rag.retrieval.reranker import Reranker
    from rag.store.chroma_server import ChromaServer
    from rag.store.filters import Filter
    from stillroom.cli.recording import Recording
    from stillroom.settings import Settings


@dataclass(frozen=True)
class Rooms:
    """What the commands work with, made from one reading of the settings.

    Args:
        settings: read once by ``open_rooms``.
    """

    settings: Settings
    _opened: list[Library | Recording] = field(default_factory=list, repr=False)
    _opening: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def library_dir(self) -> Path:
        """The folder of the library that the settings name."""
        return self.settings.data_dir / "libraries" / self.settings.library

    @property
    def logs_dir(self) -> Path:
        """Where engines' logs go."""
        return self.settings.state_dir / "logs"

    @property
    def workload(self) -> Workload:
        """The context and the sequences that the settings ask for."""
        from deploy.spec import Workload

        return Workload(self.settings.context_tokens, self.settings.concurrent_sequences)

    @property
    def engines(self) -> tuple[EngineName, ...]:
        """The engines to plan for: the one set, or all."""
        from deploy.spec import ENGINE_NAMES

        return ENGINE_NAMES if self.settings.engine == "auto" else (self.settings.engine,)

    @property
    def engine_homes(self) -> EngineHomes:
        """Where the engines are that the settings name."""
        from deploy.engines import EngineHomes
        from deploy.engines.vllm import VllmHome

        settings = self.settings
        vllm = VllmHome(
            url=settings.vllm_url,
            image=settings.vllm_image,
            container_tool=settings.container_tool,
            program=settings.vllm_program,
        )
        return EngineHomes(ollama_url=settings.ollama_url, vllm=vllm)

    @property
    def library(self) -> Library:
        """The library, opened once, whichever thread asks first; ``close`` closes it.

        Raises:
            LibraryError: it is damaged, or was made with another embedder.
            MissingExtraError: the embedder's package is not installed.
        """
        with self._opening:
            return self._library

    @cached_property
    def _library(self) -> Library:
        return self.open_library()

    def open_library(self, *, for_rebuild: bool = False) -> Library:
        """Open the library; with ``for_rebuild`` also one that another embedder has indexed."""
        from rag.library import Library

        library = Library.open(
            self.library_dir,
            embedder=self.embedder(),
            for_rebuild=for_rebuild,
            chroma=self.chroma,
        )
        self._opened.append(library)
        return library

    def retrieval_options(
        self, *, stage: Stage = "hybrid", expansion: Expansion | None = None, only: Filter | None = None
    ) -> RetrievalOptions:
        """How to search, as the settings and a command's options say.

        Raises:
            MissingExtraError: the reranker's package is not installed.
            LibraryError: the reranker cannot be loaded.
        """
        from rag.retrieval.options import RetrievalOptions
        from rag.store.filters import Filter

        settings = self.settings
        return RetrievalOptions(
            stage=stage,
            fusion=settings.retrieval_fusion,
            dense_weight=settings.retrieval_dense_weight,
            only=only or Filter(),
            reranker=self.reranker,
            reranked=settings.reranker_passages,
            expansion=expansion,
            endpoint=self.endpoint() if expansion else None,
        )

    @cached_property
    def reranker(self) -> Reranker | None:
        """What judges the first passages again, if the settings name it; loaded once.

        Raises:
            MissingExtraError: its package is not installed.
            LibraryError: it cannot be loaded.
        """
        if not self.settings.reranker:
            return None
        from rag.retrieval.reranker import open_reranker

        return open_reranker(self.settings.reranker, device=self.settings.reranker_device)

    def embedder(self) -> Embedder:
        """What turns text into vectors, as the settings name it.

        Raises:
            MissingExtraError: its package is not installed.
        """
        from rag.embedders import open_embedder

        return open_embedder(
            self.settings.embedder, cache_dir=self.settings.cache_dir, options=self._embedder_options()
        )

    def _embedder_options(self) -> EmbedderOptions:
        from rag.embedders import OLLAMA_PREFIX
        from rag.embedders.options import EmbedderOptions

        settings = self.settings
        key = settings.embedder_api_key
        ollama = settings.ollama_url if settings.embedder.startswith(OLLAMA_PREFIX) else ""
        return EmbedderOptions(
            url=settings.embedder_url or ollama,
            api_key=key.get_secret_value() if key else None,
            device=settings.embedder_device,
            backend=settings.embedder_backend,
            batch_size=settings.embedder_batch_size,
            query_prompt=settings.embedder_query_prompt,
            document_prompt=settings.embedder_document_prompt,
        )

    @property
    def chroma(self) -> ChromaServer | None:
        """The Chroma server that holds the vectors, if the settings name one."""
        from rag.store.chroma_server import ChromaServer

        token = self.settings.chroma_token
        if not self.settings.chroma_url:
            return None
        return ChromaServer(self.settings.chroma_url, token.get_secret_value() if token else None)

    def machine(self) -> Machine:
        """What this machine has now."""
        from deploy.hardware.detect import detect_machine

        settings = self.settings
        return detect_machine(
            disk_path=settings.data_dir, cache_dir=settings.cache_dir, visible_gpus=settings.visible_gpus
        )

    def measured_machine(self) -> Machine:
        """The same, its memory bandwidth measured where it was not yet: a third of a second, once.

        Raises:
            EnvironmentUnfitError: the figure cannot be kept.
        """
        from deploy.hardware.bandwidth import measure_bandwidth, remember_bandwidth

        machine = self.machine()
        if machine.memory_bandwidth_bytes_per_s:
            return machine
        measured = measure_bandwidth(machine.cpu_cores)
        remember_bandwidth(self.settings.cache_dir, machine.cpu_name, machine.cpu_cores, measured)
        return replace(machine, memory_bandwidth_bytes_per_s=measured)

    def calibration(self, machine: Machine) -> Calibration:
        """What earlier launches measured, for plans on that machine.

        Where nothing was ever measured it costs one look at a folder.

        Raises:
            EngineError: the file is damaged.
            EnvironmentUnfitError: it cannot be read.
        """
        from deploy.calibration.corrections import UNCALIBRATED, Calibration
        from deploy.calibration.file import read_observations

        observations = read_observations(self.settings.state_dir)
        if not observations:
            return UNCALIBRATED
        from deploy.hardware.gpu_facts import common_names

        return Calibration(observations, self._installed(machine, observations), common_names(machine.gpus))

    def _installed(self, machine: Machine, observations: tuple[Observation, ...]) -> dict[EngineName, str]:
        """The versions of the engines that were observed; what is installed elsewhere is not known."""
        if machine.described:
            return {}
        from deploy.engines import engines

        seen = {one.engine for one in observations}
        found = {
            one.name: one.availability().version for one in engines(self.engine_homes) if one.name in seen
        }
        return {name: version for name, version in found.items() if version}

    def agent_limits(self) -> Limits:
        """What ends a run of the agent that does not end itself."""
        from agents.running.limits import Limits

        settings = self.settings
        return Limits(
            steps=settings.agent_max_steps,
            tool_calls=settings.agent_max_tool_calls,
            tokens=settings.agent_max_tokens,
            seconds=settings.agent_max_seconds,
        )

    def endpoint(self) -> Endpoint | None:
        """The endpoint that the settings name, else the one that ``stillroom up`` started, else None.

        Raises:
            ModelError: the one that the settings name cannot be asked what it can do.
            SettingsError: they do not name its model.
        """
        if self.settings.endpoint_url:
            return self.named_endpoint()
        from deploy.supervision.supervise import current_endpoint

        return current_endpoint(self.settings.state_dir)

    def called(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint as the agent calls tools there, by ``agent_calling``."""
        from agents.calling.way import called_by

        return called_by(endpoint, self.settings.agent_calling)

    def named_endpoint(self, *, anew: bool = False) -> Endpoint:
        """The endpoint that the settings name, with what its server can do: asked at first use, and kept.

        Args:
            anew: ask although that is kept.

        Raises:
            ModelError: nobody answers there, the key is wrong, or the model is not there.
            SettingsError: the model's name is not set.
        """
        from deploy.endpoint import Capabilities, Endpoint
        from deploy.probing.probe import probed
        from deploy.probing.second_look import served_models
        from stillroom.errors import SettingsError

        settings = self.settings
        if not settings.endpoint_model:
            served = ", ".join(served_models(settings.endpoint_url, self._endpoint_key()))
            raise SettingsError(
                f"endpoint_url is {settings.endpoint_url}, but endpoint_model, its model's name, is empty"
                + (f"; that server has {served}" if served else ""),
                hint="STILLROOM_ENDPOINT_MODEL=NAME, or endpoint_model in stillroom.toml",
            )
        named = Endpoint(
            base_url=settings.endpoint_url,
            model=settings.endpoint_model,
            engine=settings.endpoint_engine,
            context_tokens=settings.context_tokens,
            capabilities=Capabilities(languages=tuple(settings.endpoint_languages.split(","))),
            api_key=self._endpoint_key(),
        )
        return probed(named, cache_dir=settings.cache_dir, anew=anew)

    def _endpoint_key(self) -> str | None:
        key = self.settings.endpoint_api_key
        return key.get_secret_value() if key else None

    def services(self) -> Services:
        """What the toolbox works on, each part opened when a tool first needs it."""
        from agents.toolbox import Services
        from deploy.catalog import load_catalog

        return Services(
            library=lambda: self.library,
            endpoint=self.endpoint,
            calling=self.settings.agent_calling,
            machine=self.machine,
            catalog=load_catalog,
            workload=self.workload,
            calibration=self.calibration,
            retrieval=self.retrieval_options,
            deployment=self._deployment,
            measured=self._measured,
            recorder=self.recorder,
        ).for_threads()  # an agent's calls that only read run side by side

    def _deployment(self) -> Deployment | None:
        from deploy.supervision.supervise import status

        return status(self.settings.state_dir)

    def _measured(self, deployment: Deployment) -> Measurement | None:
        from deploy.supervision.supervise import measure

        return measure(deployment, visible_gpus=self.settings.visible_gpus)

    @property
    def access(self) -> Access:
        """What of the world beyond the library the settings let tools reach."""
        from agents.toolbox import Access

        settings = self.settings
        return Access(settings.agent_file_roots, web=settings.agent_web, python=settings.agent_python)

    def toolbox(self, others: Sequence[Tool] = ()) -> tuple[Tool, ...]:
        """All tools that the settings allow, for one conversation: what is too long is kept to read on in.

        Args:
            others: further tools, such as other programs' servers'.
        """
        from agents.toolbox import paged, toolbox

        return paged((*toolbox(self.services(), self.access), *others))

    def mcp_config(self) -> McpConfig:
        """The MCP servers that are configured; starts none.

        Raises:
            SettingsError: a file cannot be read or is no JSON.
        """
        from agents.mcp_servers.config import read_config
        from stillroom.settings import mcp_config_paths, process_environment

        return read_config(
            mcp_config_paths(self.settings),
            environment=process_environment(),
            home=Path.home(),
            workspace=Path.cwd(),
        )

    def mcp_approvals(self) -> Approvals:
        """Which of them a person has approved."""
        from agents.mcp_servers.approvals import Approvals

        return Approvals(self.settings.state_dir / "mcp-approvals.json")

    def mcp_servers(self, *, ask: Ask | None = None, only: Collection[str] | None = None) -> McpServers:
        """The configured servers, to be entered: ``tools()`` starts those that are approved.

        Args:
            ask: asks a person about what is not approved; None where nobody can be asked.
            only: names of the servers that are wanted; None for all.

        Raises:
            SettingsError: a file cannot be read or is no JSON.
        """
        from agents.mcp_servers.servers import McpServers
        from stillroom.settings import process_environment

        return McpServers(self.mcp_config(), self.mcp_approvals(), process_environment(), ask=ask, only=only)

    def conversations(self) -> Conversations:
        """The agent's conversations that are kept; opens nothing."""
        from agents.memory.conversations import Conversations

        return Conversations(self.settings.state_dir / "conversations.sqlite3")

    def with_library(self, name: str) -> Rooms:
        """The same rooms with another library; both are closed with these."""
        return Rooms(self.settings.model_copy(update={"library": name}), self._opened)

    def recorder(
        self,
        *,
        trace_file: Path | None = None,
        on_trace: Callable[[TraceEvent], None] | None = None,
        secrets: Iterable[str] = (),
    ) -> Recorder | None:
        """What keeps a record of the agent's runs, one at a time; None where nobody wants one.

        Args:
            trace_file: is appended to; the one that the settings name if not given.
            on_trace: is given each event, such as to print it.
            secrets: that the settings do not have, such as values that MCP servers are given.

        Raises:
            EnvironmentUnfitError: the trace file cannot be written.
        """
        return self._recording.recorder(trace_file or self.settings.agent_trace_file, on_trace, secrets)

    @cached_property
    def _recording(self) -> Recording:
        from stillroom.cli.recording import Recording
        from stillroom.settings import process_environment

        recording = Recording(process_environment(), secrets=self._secrets, tell=Output().note)
        self._opened.append(recording)
        return recording

    def _secrets(self) -> tuple[str, ...]:
        """What must not be written down: secret settings, and whatever MCP servers are given."""
        from stillroom.errors import SettingsError
        from stillroom.settings import secret_values

        secrets = secret_values(self.settings)
        try:
            given = [server.secrets for server in self.mcp_config().servers]
        except SettingsError:  # no server is given anything then
            return secrets
        return (*secrets, *(value for one in given for value in (*one.certain, *one.possible)))

    def close(self) -> None:
        """Close what was opened; safe to call twice."""
        while self._opened:
            self._opened.pop().close()


def open_rooms(context: typer.Context, **options: object) -> Rooms:
    """Read the settings, with a command's own options over them, and make the rooms.

    The rooms are closed when the command ends.

    Raises:
        SettingsError: a setting is unknown or bad.
    """
    from stillroom.settings import load_settings

    rooms = Rooms(load_settings(options, config=context.obj))
    context.call_on_close(rooms.close)
    return rooms
