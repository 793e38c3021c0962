"""The embedded engine: llama.cpp through ``xllamacpp``, in a child process of ours.

Makes the command line of ``deploy.engines.embedded_server``. It does not start it, and it does not know
where the weights came from.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from typing import TYPE_CHECKING, ClassVar, Final

from deploy.engines.base import Availability, MeasuredTerm
from deploy.engines.llama_log import read_llama_cpp_memory
from deploy.spec import EngineName, LaunchSpec
from stillroom.errors import EngineError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Plan

_PACKAGE: Final = "xllamacpp"
_PURPOSE: Final = "run the embedded engine"

# A slow disk reads this much a second; the rest is Python's start, the model's set-up and a first answer.
_SLOW_DISK_BYTES_PER_SECOND: Final = 100_000_000
_SET_UP_SECONDS: Final = 60.0

# What llama.cpp stores keys and values in unless it is told otherwise.
_KV_CACHE_TYPE: Final = "f16"


class Embedded:
    """llama.cpp as a supervised child process that serves the OpenAI API on a loopback port."""

    name: ClassVar[EngineName] = "embedded"

    def availability(self) -> Availability:
        """Whether ``xllamacpp`` is installed, without importing it."""
        if importlib.util.find_spec(_PACKAGE) is None:
            return Availability(
                installed=False,
                version="",
                detail=f"the package {_PACKAGE!r} is not installed",
                install_hint="pip install 'stillroom[embedded]'",
            )
        version = importlib.metadata.version(_PACKAGE)
        return Availability(installed=True, version=version, detail=f"{_PACKAGE} {version}")

    def require(self) -> None:
        """Return if ``xllamacpp`` can be imported.

        Raises:
            MissingExtraError: it is not installed.
        """
        if importlib.util.find_spec(_PACKAGE) is None:
            raise MissingExtraError(_PACKAGE, extra="embedded", purpose=_PURPOSE)

    def launch_spec(
        self, plan: Plan, *, weights: Path | None, host: str, port: int, threads: int
    ) -> LaunchSpec:
        """The command that serves a GGUF file.

        Raises:
            EngineError: no weights file was given.
        """
        if weights is None:
            raise EngineError(
                f"the embedded engine needs a GGUF file of {plan.model_tag}, and none was given",
                hint=f"stillroom models pull {plan.model_tag}",
            )
        arguments: dict[str, object] = {
            "--model": weights,
            "--alias": plan.model_tag,
            "--host": host,
            "--port": port,
            "--context": plan.workload.context_tokens,
            "--parallel": plan.workload.concurrent_sequences,
            "--threads": threads,
            "--gpu-layers": plan.placement.layers_on_gpus(),
        }
        if plan.serving.kv_cache_type != _KV_CACHE_TYPE:
            arguments["--cache-type-k"] = arguments["--cache-type-v"] = plan.serving.kv_cache_type
        flags = [str(part) for pair in arguments.items() for part in pair]
        return LaunchSpec(
            engine=self.name,
            # -P: a folder named `deploy` where a person happens to work is not ours.
            argv=(
                sys.executable,
                "-P",
                "-m",
                "deploy.engines.embedded_server",
                *flags,
                "--stop-on-stdin-eof",
            ),
            host=host,
            port=port,
            base_url=f"http://{host}:{port}/v1",
            readiness_url=f"http://{host}:{port}/health",
            served_model=plan.model_tag,
            # OpenMP's workers spin between tokens unless told to sleep: on a shared machine that is
            # a whole core taken from everybody else.
            environment={"OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"},
            start_deadline_seconds=_SET_UP_SECONDS + plan.artefact.total_bytes / _SLOW_DISK_BYTES_PER_SECOND,
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Nothing is left to do: the server answers once its weights are loaded."""

    def read_memory(self, log: str) -> tuple[MeasuredTerm, ...]:
        """llama.cpp's buffer sizes."""
        return read_llama_cpp_memory(log)
