"""Puts the rooms together from the settings: endpoint, library, toolbox, conversations.

Everything here is opened when it is first used, and imported then; commands say what they want and
never how it is made. Nothing below the command line reads a setting.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stillroom.cli.library_rooms import LibraryRooms
from stillroom.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import typer

    from agents.mcp_servers.approvals import Approvals
    from agents.mcp_servers.commands import Commands
    from agents.mcp_servers.config import McpConfig
    from agents.mcp_servers.servers import Ask, McpServers
    from agents.memory.conversations import Conversations
    from agents.running.limits import Limits
    from agents.running.recorder import Recorder
    from agents.running.trace_events import TraceEvent
    from agents.toolbox import Access, Services
    from agents.tools import Tool
    from deploy.endpoint import Endpoint
    from mcp_server.jobs.runner import JobRunner
    from mcp_server.jobs.store import JobStore
    from stillroom.cli.recording import Recording

# What an ingest needs of the secrets: it opens encrypted documents, asks an embedder, and writes vectors.
_OF_AN_INGEST: Final = frozenset(
    {
        "chroma_token",
        "chroma_url",
        "document_passwords",
        "embedder_api_key",
        "embedder_url",
        "hub_url",
        "ollama_url",
    }
)


@dataclass(frozen=True)
class Rooms(LibraryRooms):
    """What the commands work with, made from one reading of the settings.

    Args:
        named_mcp_config: what was said with ``--mcp-config``, for hints to say again.
    """

    named_mcp_config: Path | None = None

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

    def called(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint as the agent calls tools there, by ``agent_calling``."""
        from agents.calling.way import called_by

        return called_by(endpoint, self.settings.agent_calling)

    def services(self) -> Services:
        """What the toolbox works on, each part opened when a tool first needs it."""
        from agents.services import Services
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
            library_name=self.settings.library,
        ).for_threads()  # an agent's calls that only read run side by side

    @property
    def access(self) -> Access:
        """What of the world beyond the library the settings let tools reach."""
        from agents.toolkit.access import Access

        settings = self.settings
        return Access(settings.agent_file_roots, web=settings.agent_web, python=settings.agent_python)

    def job_store(self) -> JobStore:
        """The jobs of all MCP servers with this state directory; opens nothing."""
        from mcp_server.jobs.store import JobStore

        return JobStore(self.settings.state_dir / "jobs.sqlite3")

    def jobs(self, services: Services) -> JobRunner:
        """Does the MCP server's long work on the services; opens and starts nothing."""
        from mcp_server.job_kinds import AT_ONCE, job_kinds
        from mcp_server.jobs.runner import JobRunner
        from stillroom.handed_settings import as_environment

        settings = self.settings
        kinds = job_kinds(
            services,
            self.access,
            # Safely: a folder in which an IDE starts us may have modules of the same names.
            ingest_command=(sys.executable, "-P", "-m", "stillroom", "ingest"),
            ingest_environment=as_environment(settings, secrets=_OF_AN_INGEST),
            agent_limits=self.agent_limits(),
        )
        return JobRunner(
            self.job_store(),
            kinds,
            library=str(self.library_dir.absolute()),
            at_once=AT_ONCE,
            patience_seconds=settings.mcp_patience_seconds,
        )

    @property
    def ingest_roots(self) -> Sequence[Path] | None:
        """Below which MCP clients may have files ingested; None where nobody said.

        Raises:
            SettingsError: one is no absolute path of a folder that exists.
        """
        from mcp_server.jobs.folders import existing_roots

        return existing_roots(self.settings.mcp_ingest_roots) or None

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
            commands=self.mcp_commands,
        )

    @property
    def mcp_commands(self) -> Commands:
        """The commands that hints about MCP servers name."""
        from agents.mcp_servers.commands import Commands

        return Commands(self.named_mcp_config)

    def mcp_approvals(self) -> Approvals:
        """Which of them a person has approved."""
        from agents.mcp_servers.approvals import Approvals

        return Approvals(self.settings.state_dir / "mcp-approvals.json")

    def mcp_servers(
        self, *, ask: Ask | None = None, only: Collection[str] | None = None, patient: bool = False
    ) -> McpServers:
        """The configured servers, to be entered: ``tools()`` starts those that are approved.

        Args:
            ask: asks a person about what is not approved; None where nobody can be asked.
            only: names of the servers that are wanted; None for all.
            patient: ``tools()`` waits for them as long as they may start.

        Raises:
            SettingsError: a file cannot be read or is no JSON.
        """
        from agents.mcp_servers.servers import PATIENCE_SECONDS, START_SECONDS, McpServers
        from stillroom.settings import process_environment

        return McpServers(
            self.mcp_config(),
            self.mcp_approvals(),
            process_environment(),
            ask=ask,
            only=only,
            patience_seconds=START_SECONDS if patient else PATIENCE_SECONDS,
        )

    def conversations(self) -> Conversations:
        """The agent's conversations that are kept; opens nothing."""
        from agents.memory.conversations import Conversations

        return Conversations(self.settings.state_dir / "conversations.sqlite3")

    def with_library(self, name: str) -> Rooms:
        """The same rooms with another library; both are closed with these."""
        settings = self.settings.model_copy(update={"library": name})
        return Rooms(settings, self._opened, named_mcp_config=self.named_mcp_config)

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

    named = options.get("mcp_config")
    rooms = Rooms(
        load_settings(options, config=context.obj),
        named_mcp_config=named if isinstance(named, Path) else None,
    )
    context.call_on_close(rooms.close)
    return rooms
