"""One model over several machines: which ranks stand together."""

from __future__ import annotations

import pytest

from deploy.catalog import load_catalog
from deploy.hardware.described import describe_machine
from deploy.hardware.machine_flags import MachineFlags
from deploy.plan import Plan, PlanRequest
from deploy.planning.nodes import over_machines
from deploy.planning.options import Weigher
from deploy.planning.planner import plan, require_pick
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, Machine
from stillroom.errors import PlanError


def planned(gpus: int, model: str, nodes: int) -> Plan:
    """A model for vLLM over the H100s of all machines together."""
    bare = Machine(
        cpu_name="a processor",
        cpu_cores=64,
        memory_total_bytes=1000 * GIB,
        memory_available_bytes=900 * GIB,
        memory_limited_by="physical",
        gpus=(),
        disk_free_bytes=5000 * GIB,
    )
    machine = describe_machine(bare, MachineFlags(gpus=("H100 80GB",), gpu_count=gpus, memory="900GiB"))
    subject = from_catalog(load_catalog().find(model))
    request = PlanRequest(engines=("vllm",))
    pick = require_pick(plan(machine, request, (subject,), named=True))
    return over_machines(pick, Weigher(machine, request, named=True), subject, nodes=nodes)


def test_tensor_parallelism_stays_within_a_machine_and_every_gpu_is_used() -> None:
    wide = planned(16, "deepseek-r1:70b", 2)

    assert wide.placement.tensor_parallel == 8
    assert wide.placement.pipeline_parallel == 2
    assert wide.placement.gpus == tuple(range(16))
    assert 0 < wide.gpu_memory_utilization <= 1
    assert {f"gpu:{index}" for index in range(16)} <= {term.device for term in wide.memory.terms}


def test_heads_that_do_not_divide_make_more_stages() -> None:
    # 28 heads of attention: 4 divides them, 8 does not.
    wide = planned(16, "deepseek-r1:7b", 2)

    assert wide.placement.tensor_parallel == 4
    assert wide.placement.pipeline_parallel == 4


def test_gpus_that_cannot_be_shared_evenly_are_refused_with_how_many_could_be() -> None:
    with pytest.raises(PlanError, match="16 GPUs cannot be divided among 3 machines") as caught:
        planned(16, "deepseek-r1:70b", 3)

    assert caught.value.hint.startswith("--gpus 18")


def test_more_stages_than_layers_are_refused() -> None:
    with pytest.raises(PlanError, match="has 28 layers, and 64 GPUs with a tensor parallel size of 2"):
        planned(64, "deepseek-r1:1.5b", 32)
