"""The embedded engine: llama.cpp through ``xllamacpp``, in a child process of ours.

Makes the command line of ``deploy.engines.embedded_server``. It does not start it, and it does not know
where the weights came from.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from deploy.engines.base import Activity, Availability, MeasuredTerm
from deploy.engines.deadline import start_deadline_seconds
from deploy.engines.embedded_server import API_KEY_VARIABLE
from deploy.engines.llama_log import finished_requests, read_llama_cpp_memory, read_llama_cpp_progress
from deploy.engines.prometheus import metric_sums
from deploy.loopback import local_root
from deploy.spec import EngineName, LaunchSpec
from stillroom.errors import EngineError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan, PlannedAdapter

_PACKAGE: Final = "xllamacpp"
_PURPOSE: Final = "run the embedded engine"

# Python's start, the model's set-up and a first answer.
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

    def require(self, program: str) -> None:  # noqa: ARG002  it is the Python that runs this
        """Return if ``xllamacpp`` can be imported.

        Raises:
            MissingExtraError: it is not installed.
        """
        if importlib.util.find_spec(_PACKAGE) is None:
            raise MissingExtraError(_PACKAGE, extra="embedded", purpose=_PURPOSE)

    def launch_spec(self, plan: Plan, options: LaunchOptions) -> LaunchSpec:
        """The command that serves a GGUF file.

        Raises:
            EngineError: no weights file was given, or an adapter is not in llama.cpp's format.
        """
        if options.weights is None:
            raise EngineError(
                f"the embedded engine needs a GGUF file of {plan.model_tag}, and none was given",
                hint=f"stillroom models pull {plan.model_tag}",
            )
        arguments: dict[str, object] = {
            "--model": options.weights,
            "--alias": plan.model_tag,
            "--host": options.host,
            "--port": options.port,
            "--context": plan.workload.context_tokens,
            "--parallel": plan.workload.concurrent_sequences,
            "--threads": options.threads,
            "--gpu-layers": plan.placement.layers_on_gpus(),
            "--ubatch": plan.serving.micro_batch_tokens,
        }
        if plan.serving.kv_cache_type != _KV_CACHE_TYPE:
            arguments["--cache-type-k"] = arguments["--cache-type-v"] = plan.serving.kv_cache_type
        flags = [str(part) for pair in arguments.items() for part in pair]
        flags += [word for adapter in plan.adapters for word in ("--lora", _gguf_adapter(adapter))]
        flags += [] if options.prefix_caching else ["--no-prefix-caching"]
        root = local_root(options.host, options.port)
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
            host=options.host,
            port=options.port,
            base_url=f"{root}/v1",
            readiness_url=f"{root}/health",
            served_model=plan.model_tag,
            # OpenMP's workers spin between tokens unless told to sleep: on a shared machine that is
            # a whole core taken from everybody else.
            environment={
                "OMP_WAIT_POLICY": "passive",
                "PYTHONUNBUFFERED": "1",
                # By itself ggml attaches a debugger to what fails, for seconds, and buries its own message.
                "GGML_NO_BACKTRACE": "1",
            },
            secrets={API_KEY_VARIABLE: options.api_key} if options.api_key else {},
            api_key=options.api_key,
            activity_url=f"{root}/metrics",
            start_deadline_seconds=start_deadline_seconds(
                plan.artefact.total_bytes, set_up_seconds=_SET_UP_SECONDS
            ),
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Nothing is left to do: the server answers once its weights are loaded."""

    def read_progress(self, log: str) -> str:
        """The step that llama.cpp's log tells of."""
        return read_llama_cpp_progress(log)

    def read_memory(self, log: str, answers: Mapping[str, str]) -> tuple[MeasuredTerm, ...]:  # noqa: ARG002
        """llama.cpp's buffer sizes."""
        return read_llama_cpp_memory(log)

    def deviations(
        self, spec: LaunchSpec, plan: Plan, log: str, answers: Mapping[str, str]
    ) -> tuple[str, ...]:
        """None: llama.cpp takes its command line or ends."""
        del spec, plan, log, answers
        return ()

    def release(self, spec: LaunchSpec) -> None:
        """Nothing was taken."""

    def read_version(self, log: str) -> str:  # noqa: ARG002  a child of ours runs what is installed
        """The version of the package."""
        return self.availability().version

    def read_activity(self, log: str, answer: str) -> Activity:
        """Finished requests from the log, everything else from ``/metrics``."""
        sums = metric_sums(answer)
        if not sums:
            return Activity(requests=finished_requests(log))
        return Activity(
            requests=finished_requests(log),
            requests_running=round(
                sums.get("llamacpp:requests_processing", 0) + sums.get("llamacpp:requests_deferred", 0)
            ),
            prompt_tokens=round(sums.get("llamacpp:prompt_tokens_total", 0)),
            output_tokens=round(sums.get("llamacpp:tokens_predicted_total", 0)),
            output_tokens_per_s=_rate(sums),
        )


def _rate(sums: Mapping[str, float]) -> float | None:
    """Over all that was written; the server's own gauge begins anew whenever it is read."""
    seconds = sums.get("llamacpp:tokens_predicted_seconds_total", 0.0)
    return sums.get("llamacpp:tokens_predicted_total", 0.0) / seconds if seconds else None


def _gguf_adapter(adapter: PlannedAdapter) -> str:
    """The adapter's file in llama.cpp's own format.

    Raises:
        EngineError: there is none in its folder.
    """
    found = sorted(Path(adapter.path).glob("*.gguf"))
    if not found:
        raise EngineError(
            f"llama.cpp takes LoRA adapters as GGUF, and there is no .gguf file in {adapter.path}",
            hint=f"convert_lora_to_gguf.py {adapter.path}  # of llama.cpp's sources",
        )
    return str(found[0])
