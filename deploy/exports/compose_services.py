"""What each engine's container needs, as the ``services``, ``configs`` and ``volumes`` of a Compose file.

Values in, values out. It does not write YAML, and it knows nothing of how the file is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.exports import container_images
from deploy.exports.compose_mounts import escaped, inside, mounts
from deploy.exports.secret_variables import HUB_TOKEN, needed
from deploy.exports.shell_script import ENDS_WITH_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from deploy.exports.compose_mounts import Mount
    from deploy.plan import Plan
    from deploy.spec import DerivedModel, LaunchSpec

Service = dict[str, Any]

# Within a container the GPUs that it was given are numbered from 0: the plan's own numbers would miss them.
_NUMBERED_OUTSIDE: Final = "CUDA_VISIBLE_DEVICES"

# PyTorch's processes and NCCL share memory there, and Docker gives 64 MiB by itself. It is a limit, and takes
# what is used. vLLM's documentation asks for this or for the host's IPC namespace, which isolates less.
_SHARED_MEMORY: Final = "8gb"

_OLLAMA_VOLUME: Final = "ollama"
_HUGGING_FACE_VOLUME: Final = "huggingface"
_MODELFILE: Final = "/Modelfile"

# `python -P -m deploy.engines.embedded_server`: what comes before the options.
_PYTHON_WORDS: Final = 4
# `vllm serve`.
_VLLM_WORDS: Final = 2


def services(spec: LaunchSpec, plan: Plan, *, weights: Path | None, image: str = "") -> dict[str, Any]:
    """Everything below the file's name.

    Args:
        spec: of an engine that listens on every address of its container.
        plan: which GPUs and adapters.
        weights: a file or folder of the machine; None where the engine fetches them.
        image: in place of the engine's own.

    Raises:
        WeightsError: the weights' name tells of more parts than there can be.
    """
    mounted = mounts(plan, weights)
    if spec.engine == "ollama":
        return _ollama(spec, plan, mounted, image or container_images.OLLAMA)
    if spec.engine == "vllm":
        usual = container_images.VLLM if plan.placement.gpus else container_images.VLLM_CPU
        return _vllm(spec, plan, mounted, image or usual)
    return {"services": {"embedded": _embedded(spec, plan, mounted, image or container_images.STILLROOM)}}


def _ollama(spec: LaunchSpec, plan: Plan, mounted: Sequence[Mount], image: str) -> dict[str, Any]:
    server = {
        "image": image,
        **_kept(spec),
        **_reached(spec),
        "volumes": [f"{_OLLAMA_VOLUME}:/root/.ollama"],
        **_gpus(plan),
        # The image has no HTTP client of another kind.
        "healthcheck": _healthcheck(spec, ["CMD", "ollama", "list"]),
    }
    found: dict[str, Any] = {"services": {"ollama": server}, "volumes": {_OLLAMA_VOLUME: None}}
    if spec.derived_model is not None:
        modelfile = escaped(inside(spec.derived_model.modelfile(), mounted))
        found["services"]["ollama-model"] = _ollama_model(spec, spec.derived_model, mounted, image)
        found["configs"] = {"modelfile": {"content": f"{modelfile}\n"}}
    return found


def _ollama_model(spec: LaunchSpec, derived: DerivedModel, mounted: Sequence[Mount], image: str) -> Service:
    """Gives the Modelfile to the server, which pulls what it lacks; then it ends."""
    quantize = ["--quantize", derived.quantize] if derived.quantize else []
    return {
        "image": image,
        "command": [escaped(word) for word in ("create", derived.name, *quantize, "-f", _MODELFILE)],
        "environment": {"OLLAMA_HOST": f"ollama:{spec.port}"},
        "configs": [{"source": "modelfile", "target": _MODELFILE}],
        # The client reads weights and adapters, and sends them to the server.
        **({"volumes": [mount.volume() for mount in mounted]} if mounted else {}),
        "depends_on": {"ollama": {"condition": "service_healthy"}},
        "healthcheck": {"disable": True},
    }


def _vllm(spec: LaunchSpec, plan: Plan, mounted: Sequence[Mount], image: str) -> dict[str, Any]:
    reached = _reached(spec)
    # By name alone it is taken from the environment of `docker compose`, or left out.
    reached["environment"][HUB_TOKEN] = None
    server = {
        "image": image,
        **_kept(spec),
        "entrypoint": list(spec.argv[:_VLLM_WORDS]),
        "command": _words(spec.argv[_VLLM_WORDS:], mounted),
        **reached,
        "volumes": [
            f"{_HUGGING_FACE_VOLUME}:/root/.cache/huggingface",
            *(mount.volume() for mount in mounted),
        ],
        "shm_size": _SHARED_MEMORY,
        **(_gpus(plan) or {"cap_add": ["SYS_NICE"]}),  # on a CPU it binds memory to NUMA nodes
        "healthcheck": _healthcheck(spec, _ask_with_python("python3", spec)),
    }
    return {"services": {"vllm": server}, "volumes": {_HUGGING_FACE_VOLUME: None}}


def _embedded(spec: LaunchSpec, plan: Plan, mounted: Sequence[Mount], image: str) -> Service:
    return {
        "image": image,
        # It is built here (docker/Dockerfile); a registry has at best another's of that name.
        "pull_policy": "never",
        "init": True,
        **_kept(spec),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "entrypoint": ["python", *spec.argv[1:_PYTHON_WORDS]],
        "command": _words((word for word in spec.argv[_PYTHON_WORDS:] if word != ENDS_WITH_PARENT), mounted),
        **_reached(spec),
        "volumes": [mount.volume() for mount in mounted],
        **_gpus(plan),
        "healthcheck": _healthcheck(spec, _ask_with_python("python", spec)),
    }


def _words(argv: Iterable[str], mounted: Sequence[Mount]) -> list[str]:
    return [escaped(inside(word, mounted)) for word in argv]


def _kept(spec: LaunchSpec) -> Service:
    """Started again after a crash or a reboot, and given the time to end that the engine needs."""
    grace = f"{round(spec.stop_grace_seconds)}s"
    return {"restart": "unless-stopped", "stop_signal": spec.stop_signal, "stop_grace_period": grace}


def _reached(spec: LaunchSpec) -> Service:
    """The environment, and the port on the machine's loopback."""
    environment: dict[str, str | None] = {
        name: escaped(value) for name, value in spec.environment.items() if name != _NUMBERED_OUTSIDE
    }
    for name, source in needed(spec).items():
        environment[name] = f"${{{source}:?is a secret: set it before}}"
    port = {
        "target": spec.port,
        "published": str(spec.port),
        "host_ip": "${PUBLISH_ADDRESS:-127.0.0.1}",
    }
    return {"environment": environment, "ports": [port]}


def _gpus(plan: Plan) -> Service:
    if not plan.placement.gpus:
        return {}
    numbers = [str(index) for index in plan.placement.gpus]
    device = {"driver": "nvidia", "device_ids": numbers, "capabilities": ["gpu"]}
    return {"deploy": {"resources": {"reservations": {"devices": [device]}}}}


def _healthcheck(spec: LaunchSpec, test: list[str]) -> Service:
    return {
        "test": test,
        "interval": "30s",
        "timeout": "10s",
        "retries": 3,
        # Failures before this are none: weights are fetched and loaded.
        "start_period": f"{round(spec.start_deadline_seconds)}s",
        "start_interval": "2s",
    }


def _ask_with_python(python: str, spec: LaunchSpec) -> list[str]:
    """A request that ignores a proxy, which Docker may have put into the container's environment."""
    path = spec.readiness_url.removeprefix(spec.base_url.removesuffix("/v1"))
    code = (
        "from urllib.request import ProxyHandler, build_opener; "
        f"build_opener(ProxyHandler({{}})).open('http://127.0.0.1:{spec.port}{path}', timeout=5)"
    )
    return ["CMD", python, "-c", code]
