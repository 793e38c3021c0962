"""A plan over several machines with the same GPUs: tensor parallel within each, pipeline stages between.

Pure. Tensor parallel ranks talk to each other twice a layer, pipeline stages once a stage: only the latter do
well over a network (vLLM's page "Parallelism and Scaling" says the same).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.memory_model.vllm_support import tensor_parallel_problem
from deploy.plan import Rejection
from deploy.planning.planner import as_plan
from deploy.serving import Placement
from stillroom.errors import NothingFitsError, PlanError

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.planning.options import Weigher
    from deploy.planning.subject import Subject


def over_machines(plan: Plan, weigher: Weigher, subject: Subject, *, nodes: int) -> Plan:
    """The plan with every GPU of all machines in use.

    Args:
        plan: of vLLM, as if one machine had all the GPUs.
        weigher: for that machine.
        subject: the planned model.
        nodes: how many machines there really are, those of the first with the lowest indices.

    Raises:
        PlanError: the GPUs cannot be divided among the machines, or there are more stages than layers.
        NothingFitsError: a share does not fit its GPU.
    """
    gpus = tuple(sorted(gpu.index for gpu in weigher.machine.gpus))
    each, left_over = divmod(len(gpus), nodes)
    if not each or left_over:
        enough = nodes * max(1, math.ceil(len(gpus) / nodes))
        raise PlanError(
            f"{len(gpus)} GPUs cannot be divided among {nodes} machines, the same number in each",
            hint=f"--gpus {enough}, those of all machines together",
        )
    settled = replace(weigher, request=replace(weigher.request, workload=plan.workload), named=True)
    architecture = subject.shape(plan.artefact.quantization, "vllm")
    size = max(
        ranks
        for ranks in range(1, each + 1)
        if not each % ranks and (ranks == 1 or not tensor_parallel_problem(architecture, ranks))
    )
    stages = len(gpus) // size
    if stages > architecture.layer_count:
        raise PlanError(
            f"{plan.model_tag} has {architecture.layer_count} layers, and {len(gpus)} GPUs with a tensor "
            f"parallel size of {size} would need {stages} stages",
            hint="use fewer GPUs: --gpus",
        )
    option = settled.at(
        subject,
        plan.artefact.quantization,
        "vllm",
        serving=plan.serving,
        placement=Placement(gpus, tensor_parallel=size, pipeline_parallel=stages),
    )
    if isinstance(option.outcome, Rejection):
        raise NothingFitsError(f"over {nodes} machines {option.outcome.reason}", hint="use more GPUs: --gpus")
    words = f"tensor parallel over {size} GPUs of a machine, {stages} pipeline stages over {nodes} machines"
    return replace(as_plan(option, settled.request, named=True), reason=words)
