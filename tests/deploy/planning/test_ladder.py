"""What is given up, in which order, where a plan ran out of memory: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.catalog import load_catalog
from deploy.hardware.described import describe_machine
from deploy.hardware.machine_flags import MachineFlags
from deploy.plan import Plan, PlanRequest
from deploy.planning.ladder import Ladder
from deploy.planning.options import Weigher
from deploy.planning.planner import catalog_subjects, plan, require_pick
from deploy.planning.subject import from_catalog
from deploy.serving import CPU
from deploy.spec import GIB, Machine, Workload

if TYPE_CHECKING:
    from deploy.planning.ladder import Rung
    from deploy.spec import EngineName


def machine(*gpus: str) -> Machine:
    """A machine with these GPUs and 64 GiB, four fifths of it free."""
    bare = Machine(
        cpu_name="a processor",
        cpu_cores=16,
        memory_total_bytes=64 * GIB,
        memory_available_bytes=52 * GIB,
        memory_limited_by="physical",
        gpus=(),
        disk_free_bytes=2000 * GIB,
    )
    return describe_machine(bare, MachineFlags(gpus=gpus))


def planned(
    where: Machine, name: str, engine: EngineName, workload: Workload, quantization: str | None = None
) -> tuple[Plan, Ladder]:
    """A plan that fits, and the ladder below it."""
    catalog = load_catalog()
    subject = from_catalog(catalog.find(name))
    request = PlanRequest(workload, engines=(engine,), quantization=quantization)
    pick = require_pick(plan(where, request, (subject,), named=True))
    everything = replace(request, quantization=None)
    return pick, Ladder(Weigher(where, everything, named=True), subject, catalog_subjects(catalog))


def walk(pick: Plan, ladder: Ladder) -> list[Rung]:
    """Every rung down to the last."""
    rungs: list[Rung] = []
    while (rung := ladder.below(rungs[-1].plan if rungs else pick)) is not None:
        rungs.append(rung)
        assert len(rungs) < 100
    return rungs


def in_order(kinds: list[str]) -> list[str]:
    return list(dict.fromkeys(kinds))


def test_vllm_gives_up_cache_type_then_context_then_sequences_then_batch_then_precision() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:1.5b", "vllm", Workload(16_384, 32), "BF16")

    rungs = walk(pick, replace(ladder, others=()))

    kinds = in_order([rung.kind for rung in rungs])
    order = ["kv_cache", "context", "users", "batch", "quantization"]
    assert kinds == [kind for kind in order if kind in kinds]
    assert {"kv_cache", "context", "users", "quantization"} <= set(kinds)
    assert rungs[0].plan.serving.kv_cache_type == "fp8"
    assert rungs[0].description == "a KV cache in fp8 instead of f16"
    assert all(rung.plan.reason.endswith("ran out of memory") for rung in rungs)


def test_what_was_given_up_stays_given_up_and_each_rung_takes_less() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:14b", "ollama", Workload(32_768, 2))
    last = pick

    for rung in walk(pick, replace(ladder, others=())):
        on_gpus = [step.memory.on("gpu:0").expected_bytes for step in (rung.plan, last)]
        assert on_gpus[0] < on_gpus[1]
        assert rung.plan.workload.context_tokens <= last.workload.context_tokens
        assert rung.plan.workload.concurrent_sequences <= last.workload.concurrent_sequences
        last = rung.plan


def test_llama_cpp_moves_layers_to_the_cpu_before_another_model_is_taken() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:14b", "ollama", Workload(4096, 1), "Q4_K_M")

    kinds = in_order([rung.kind for rung in walk(pick, ladder)])

    assert kinds.index("offload") < kinds.index("model")


def test_offloaded_layers_leave_the_gpu_and_are_counted_on_the_cpu() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:14b", "ollama", Workload(4096, 1), "Q4_K_M")
    without = frozenset({"kv_cache", "context", "users", "batch", "quantization"})

    rung = ladder.below(pick, without=without)

    assert rung is not None
    assert rung.kind == "offload"
    assert rung.plan.placement.layers_on_gpus() < pick.placement.layers_on_gpus()
    assert rung.plan.memory.on(CPU).expected_bytes > pick.memory.on(CPU).expected_bytes
    assert rung.plan.device == "gpu:0+cpu"


def test_vllm_takes_a_second_gpu_where_there_is_one() -> None:
    where = machine("RTX 4090", "RTX 4090")
    pick, ladder = planned(where, "deepseek-r1:7b", "vllm", Workload(8192, 1), "BF16")
    without = frozenset({"kv_cache", "context", "users", "batch", "quantization"})

    rung = ladder.below(pick, without=without)

    assert rung is not None
    assert rung.kind == "tensor_parallel"
    assert rung.plan.placement.tensor_parallel == 2
    assert len(rung.plan.placement.gpus) == 2
    assert 0 < rung.plan.gpu_memory_utilization <= 1


def test_the_engines_own_figure_is_the_next_context_in_whole_blocks() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:7b", "vllm", Workload(32_768, 1))

    rung = ladder.below(pick, fitting_context_tokens=9000)

    assert rung is not None
    # Half the bytes an element would hold 18,000 tokens: not what was asked for.
    assert rung.kind == "context"
    assert rung.plan.workload.context_tokens == 8960


def test_a_smaller_cache_type_comes_first_where_the_engines_figure_says_that_it_is_enough() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:7b", "vllm", Workload(32_768, 1))

    rung = ladder.below(pick, fitting_context_tokens=20_000)

    assert rung is not None
    assert rung.kind == "kv_cache"


def test_a_figure_below_any_useful_context_gives_up_something_else() -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:7b", "vllm", Workload(32_768, 2))

    rung = ladder.below(pick, fitting_context_tokens=512)

    assert rung is not None
    assert rung.kind != "context"


def test_the_least_context_is_not_given_up() -> None:
    pick, ladder = planned(machine(), "deepseek-r1:1.5b", "embedded", Workload(2048, 1))

    assert "context" not in {rung.kind for rung in walk(pick, ladder)}


def test_a_smaller_model_is_the_last_resort_and_gets_what_was_asked_for_first() -> None:
    pick, ladder = planned(machine(), "deepseek-r1:14b", "embedded", Workload(32_768, 1))

    last = walk(pick, ladder)

    smaller = next(rung for rung in last if rung.kind == "model")
    assert smaller.plan.model_tag != "deepseek-r1:14b"
    assert smaller.plan.workload == Workload(32_768, 1)
    assert not smaller.plan.model_id.startswith("HuggingFaceTB")


@pytest.mark.parametrize("engine", ["ollama", "embedded", "vllm"])
def test_a_ladder_has_an_end(engine: EngineName) -> None:
    pick, ladder = planned(machine("RTX 4090"), "deepseek-r1:7b", engine, Workload(131_072, 1))

    rungs = walk(pick, replace(ladder, others=()))

    assert ladder.below(rungs[-1].plan, without=frozenset({"model"})) is None
