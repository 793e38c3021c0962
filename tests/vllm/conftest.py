"""The real vLLM on the CPU, from the environment that `make vllm` makes, serving the bundled model.

A start takes about a minute of two cores, so the tests share servers and few of them start their own.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

from deploy.catalog import load_catalog
from deploy.engines import EngineHomes, engine
from deploy.engines.base import LaunchOptions
from deploy.engines.vllm import VllmHome
from deploy.hardware.detect import detect_machine
from deploy.plan import PlanRequest
from deploy.planning.opening import Opener
from deploy.planning.options import Weigher
from deploy.planning.planner import as_plan
from deploy.ports import free_port
from deploy.serving import Placement, Serving
from deploy.spec import Workload
from deploy.supervision.supervise import status
from deploy.weights import pull_bundled
from tests.vllm.smollm2_folder import smollm2_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.supervision.deployment import Deployment

PROGRAM = Path(__file__).resolve().parents[2] / ".venv-vllm" / "bin" / "vllm"
# What vLLM calls the processes behind the one that answers HTTP.
CHILDREN = {"VLLM::EngineCore", "VLLM::Worker"}
HOMES = EngineHomes(vllm=VllmHome(program=str(PROGRAM)))
API_KEY = "a key made up for tests"
CONTEXT_TOKENS = 2048
TOOL_PARSER = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")


@pytest.fixture(scope="session", autouse=True)
def _vllm_on_its_own() -> Iterator[None]:
    """The environment is there, and no model hub is asked."""
    assert PROGRAM.is_file(), f"there is no {PROGRAM}; try: make vllm"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def folder() -> Path:
    """The bundled model in Hugging Face's layout, in the cache that the program itself uses."""
    cache = platformdirs.user_cache_path("stillroom")
    return smollm2_folder(pull_bundled(cache_dir=cache, on_progress=lambda _: None))


@dataclass(frozen=True)
class Job:
    """A plan for vLLM on this CPU and the command line that it becomes."""

    plan: Plan
    spec: LaunchSpec


@pytest.fixture(scope="session")
def job(folder: Path) -> Callable[[], Job]:
    """What serves the model with a context of 2048 tokens, each time on another port."""

    def make() -> Job:
        plan = plan_for(folder, Workload(CONTEXT_TOKENS, concurrent_sequences=2))
        options = LaunchOptions(port=free_port(), weights=folder, threads=2, api_key=API_KEY)
        spec = engine("vllm", HOMES).launch_spec(plan, options)
        # The model has no tool calling of its own; with a parser the server takes requests with tools.
        return Job(plan, replace(spec, argv=(*spec.argv, *TOOL_PARSER)))

    return make


def plan_for(folder: Path, workload: Workload) -> Plan:
    """A plan for the CPU; the planner's own pick puts vLLM on GPUs only."""
    # The folder is read where it is: neither the hub nor Ollama is asked.
    subject, quantization = Opener(load_catalog(), hub_url="", token=None, ollama_url="").open(
        str(folder), None
    )
    assert quantization is not None
    request = PlanRequest(workload, engines=("vllm",))
    # Compiling the model would take another minute of each start.
    serving = Serving(cuda_graphs=False)
    weigher = Weigher(detect_machine(disk_path=folder), request, named=True)
    option = weigher.at(subject, quantization, "vllm", serving=serving, placement=Placement())
    return as_plan(option, request, named=True)


def with_cache(plan: Plan, cache_bytes: int) -> Plan:
    """The plan as it would be if its KV cache had been predicted to take so many bytes."""
    terms = tuple(
        replace(term, low_bytes=cache_bytes, expected_bytes=cache_bytes, high_bytes=cache_bytes)
        if term.name == "kv_cache"
        else term
        for term in plan.memory.terms
    )
    return replace(plan, memory=replace(plan.memory, terms=terms))


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def running(state_dir: Path) -> Deployment:
    """The deployment there, once it runs."""

    def runs() -> bool:
        found = status(state_dir)
        return found is not None and found.state == "running"

    assert wait_until(runs)
    found = status(state_dir)
    assert found is not None
    return found


def group_of(deployment: Deployment) -> int:
    """The process group of its engine."""
    assert deployment.engine_process is not None
    return deployment.engine_process.pid


def processes_of(group: int) -> list[str]:
    """The names of all living processes of a process group."""
    import psutil

    found: list[str] = []
    for process in psutil.process_iter(["name", "status"]):
        try:
            member = os.getpgid(process.pid) == group
        except ProcessLookupError:
            continue
        if member and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["name"])
    return found
