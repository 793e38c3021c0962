"""The Ollama engine: `ollama serve` where none runs, or a server that runs already.

Ollama always gets an explicit context, through a derived model: its default is 4096 tokens below 24 GiB of
video memory, and it cuts longer prompts without saying so. The derived model is made through the server's
API, which also reaches a server whose program is in a container. This module does not know how a process is
started or watched.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from deploy.engines.base import Activity, Availability, MeasuredTerm
from deploy.engines.deadline import start_deadline_seconds
from deploy.engines.llama_log import read_llama_cpp_memory, read_llama_cpp_progress
from deploy.ports import accepts_connections
from deploy.spec import DerivedModel, EngineName, LaunchSpec
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ollama import Client

    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan
    from deploy.serving import Serving

DEFAULT_URL: Final = "http://127.0.0.1:11434"
_INSTALL_HINT: Final = "install it from https://ollama.com/download, or: stillroom up --engine embedded"
_PROBE_TIMEOUT_SECONDS: Final = 1.0
_HTTP_PORT: Final = 80

# Its own start and a first answer; what it pulls before has no deadline, only progress.
_SET_UP_SECONDS: Final = 120.0

# What the short tags of Ollama's library hold, `deepseek-r1:7b` among them.
_LIBRARY_QUANTIZATION: Final = "Q4_K_M"

# One a request, when the llama.cpp inside begins with its prompt.
_TAKEN: Final = re.compile(r"slot .*\| new prompt, n_ctx_slot")

# What Ollama stores keys and values in unless it is told otherwise.
_KV_CACHE_TYPE: Final = "f16"


class Ollama:
    """A server of Ollama.

    Args:
        url: where a server that runs already is looked for.
    """

    name: ClassVar[EngineName] = "ollama"

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._url = url.rstrip("/")

    def availability(self) -> Availability:
        """By the program on the PATH, and by a server that answers ``GET /api/version``."""
        program = shutil.which("ollama")
        version = self._running_version()
        if version is not None:
            return Availability(
                installed=True,
                version=version,
                detail=f"a server answers at {self._url}",
                running_url=self._url,
            )
        if program is not None:
            return Availability(installed=True, version="", detail=program)
        return Availability(
            installed=False,
            version="",
            detail=f"no program 'ollama' on the PATH, and nothing answers at {self._url}",
            install_hint=_INSTALL_HINT,
        )

    def require(self, program: str) -> None:
        """Return if the program is there.

        Raises:
            EngineUnavailableError: it is not.
        """
        if shutil.which(program) is None:
            raise EngineUnavailableError(f"no program {program!r} on the PATH", hint=_INSTALL_HINT)

    def launch_spec(self, plan: Plan, options: LaunchOptions) -> LaunchSpec:
        """`ollama serve`, and the derived model that carries the planned context.

        Raises:
            EngineError: the library's tag holds another quantization than the plan's.
        """
        host, port = options.host, options.port
        context_tokens = plan.workload.context_tokens
        served_model = f"stillroom-{re.sub(r'[^A-Za-z0-9.-]+', '-', plan.model_tag)}:ctx{context_tokens}"
        return LaunchSpec(
            engine=self.name,
            argv=("ollama", "serve"),
            host=host,
            port=port,
            base_url=f"http://{host}:{port}/v1",
            readiness_url=f"http://{host}:{port}/api/version",
            served_model=served_model,
            environment={
                "OLLAMA_HOST": f"{host}:{port}",
                "OLLAMA_CONTEXT_LENGTH": str(context_tokens),
                "OLLAMA_NUM_PARALLEL": str(plan.workload.concurrent_sequences),
                # The plan has room for one model, kept for as long as the server lives.
                "OLLAMA_MAX_LOADED_MODELS": "1",
                "OLLAMA_KEEP_ALIVE": "-1",
                # It calls out at its start otherwise.
                "OLLAMA_NO_CLOUD": "1",
                **_kv_cache_environment(plan.serving),
            },
            derived_model=DerivedModel(
                name=served_model, base=_base(plan, options.weights), parameters=_parameters(plan)
            ),
            memory_urls=(f"http://{host}:{port}/api/ps",),
            start_deadline_seconds=start_deadline_seconds(
                plan.artefact.total_bytes, set_up_seconds=_SET_UP_SECONDS
            ),
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Pull the base model where it is missing, and make the derived one.

        Raises:
            EngineError: the server refused, or could not reach its library.
        """
        if spec.derived_model is None:
            return
        import httpx
        import ollama

        client = ollama.Client(host=spec.readiness_url.removesuffix("/api/version"), trust_env=False)
        try:
            _create(client, spec.derived_model, on_progress)
        except (ollama.ResponseError, ConnectionError, httpx.TransportError) as error:
            raise EngineError(
                f"Ollama could not make {spec.derived_model.name} from {spec.derived_model.base}: {error}",
                hint=f"ollama pull {spec.derived_model.base}",
            ) from error

    def read_progress(self, log: str) -> str:
        """The step that the llama.cpp inside tells of."""
        return read_llama_cpp_progress(log)

    def read_memory(self, log: str, answers: Mapping[str, str]) -> tuple[MeasuredTerm, ...]:  # noqa: ARG002
        """The buffer sizes of the llama.cpp inside."""
        return read_llama_cpp_memory(log)

    def read_activity(self, log: str, answer: str) -> Activity:  # noqa: ARG002  it has no counters
        """Requests that reached the model, by its log."""
        return Activity(requests=len(_TAKEN.findall(log)) if log else None)

    def _running_version(self) -> str | None:
        address = urlsplit(self._url)
        # Asked first without HTTP: where nothing listens, a plan need not wait for httpx to load.
        if not accepts_connections(address.hostname or "", address.port or _HTTP_PORT):
            return None
        import httpx

        try:
            response = httpx.get(f"{self._url}/api/version", timeout=_PROBE_TIMEOUT_SECONDS, trust_env=False)
            return str(response.json()["version"])
        except (httpx.TransportError, ValueError, KeyError, TypeError):
            # Nothing listens, or what listens is not Ollama.
            return None


def _parameters(plan: Plan) -> dict[str, int]:
    """The derived model's parameters: the context, and a GPU's layers where it does not get them all."""
    parameters = {"num_ctx": plan.workload.context_tokens}
    on_gpus = plan.placement.layers_on_gpus()
    if 0 < on_gpus <= plan.layer_count:
        parameters["num_gpu"] = on_gpus
    return parameters


def _kv_cache_environment(serving: Serving) -> dict[str, str]:
    """A quantized cache needs flash attention, which Ollama takes by itself only where it trusts it."""
    if serving.kv_cache_type == _KV_CACHE_TYPE:
        return {}
    return {"OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_KV_CACHE_TYPE": serving.kv_cache_type}


def _base(plan: Plan, weights: Path | None) -> str:
    if weights is not None:
        return str(weights)
    if plan.weights_name:
        return plan.weights_name
    if plan.artefact.quantization != _LIBRARY_QUANTIZATION:
        raise EngineError(
            f"Ollama's tag {plan.model_tag} holds {_LIBRARY_QUANTIZATION}, and the plan is for "
            f"{plan.artefact.quantization}: a GGUF file of that quantization is needed",
            hint=f"stillroom models pull {plan.model_tag} --quant {plan.artefact.quantization}",
        )
    return plan.model_tag


def _create(client: Client, derived: DerivedModel, on_progress: Callable[[str], None]) -> None:
    base = Path(derived.base)
    if base.is_absolute():
        on_progress(f"giving {base.name} to Ollama")
        digest = client.create_blob(base)
        client.create(derived.name, files={base.name: digest}, parameters=dict(derived.parameters))
        return
    _pull_if_missing(client, derived.base, on_progress)
    client.create(derived.name, from_=derived.base, parameters=dict(derived.parameters))


def _pull_if_missing(client: Client, tag: str, on_progress: Callable[[str], None]) -> None:
    if any(model.model == tag for model in client.list().models):
        return
    last = ""
    for progress in client.pull(tag, stream=True):
        status = progress.status or ""
        if status != last:
            on_progress(f"ollama pull {tag}: {status}")
            last = status
