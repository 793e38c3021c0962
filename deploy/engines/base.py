"""What every engine can be asked, as a protocol, and the values that it answers with.

An engine turns a plan into data (``LaunchSpec``) and reads its own log; ``deploy.launch`` is the one module
that acts on the data. Nothing here knows a particular engine, starts a process or opens a socket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
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
class MeasuredTerm:
    """One component of memory as the engine itself reported it, in bytes.

    Attributes:
        name: as in the plan's estimate where both have it: ``weights``, ``kv_cache``, ``compute``.
        source: the words of the log that say so.
    """

    name: str
    measured_bytes: int
    source: str


class Engine(Protocol):
    """A program that serves a model behind an OpenAI-compatible endpoint."""

    @property
    def name(self) -> EngineName:
        """The engine's name in plans, settings and commands."""

    def availability(self) -> Availability:
        """Whether it can be used here; looks at files and, at most, at a loopback port."""

    def require(self) -> None:
        """Return if the engine can be started here.

        Raises:
            MissingExtraError: it is a Python package of ours that is not installed.
            EngineUnavailableError: its program is not on the PATH.
        """

    def launch_spec(
        self, plan: Plan, *, weights: Path | None, host: str, port: int, threads: int
    ) -> LaunchSpec:
        """The plan as a command line, an environment and files. Pure.

        Args:
            plan: what to serve.
            weights: the file or directory with the weights; None where the engine fetches them by name.
            host: the address to listen on; loopback unless a person asked for more.
            port: a concrete port, never 0.
            threads: CPU threads that compute, for engines that ask.

        Raises:
            EngineError: this engine cannot serve this plan.
        """

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Do what is left once the server answers and before the model can: fetch or derive it.

        Raises:
            EngineError: the server refused.
        """

    def read_memory(self, log: str) -> tuple[MeasuredTerm, ...]:
        """The memory that the engine reported in its log; empty where the log says nothing."""


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
        files={},
        host=parts.hostname or spec.host,
        port=parts.port or _DEFAULT_PORTS.get(parts.scheme, spec.port),
        base_url=f"{root}/v1",
        readiness_url=root + spec.readiness_url.removeprefix(own_root),
    )
