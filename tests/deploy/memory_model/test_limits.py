"""The largest context and the most sequences that fit."""

from __future__ import annotations

import pytest

from deploy.architectures.shape import Architecture, Attention, FeedForward, Layer
from deploy.memory_model.limits import fits, largest_context, most_sequences, short_devices
from deploy.memory_model.vllm import vllm_memory
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.serving import Placement, Serving
from deploy.spec import GIB, Gpu, Machine, MemoryEstimate, MemoryTerm, Workload


def linear(workload: Workload) -> MemoryEstimate:
    """1000 bytes, and one for each token of each sequence."""
    cache = workload.context_tokens * workload.concurrent_sequences
    return MemoryEstimate(
        (
            MemoryTerm("weights", 1000, 1000, 1100, "", "gpu:0"),
            MemoryTerm("kv_cache", cache, cache, cache, "", "gpu:0"),
            MemoryTerm("overhead", 10, 20, 30, "", "cpu"),
        )
    )


def test_the_largest_context_is_a_multiple_of_256() -> None:
    assert largest_context(linear, {"gpu:0": 1000 + 1023, "cpu": 20}, Workload()) == 768
    assert largest_context(linear, {"gpu:0": 1000 + 1024, "cpu": 20}, Workload()) == 1024


def test_sequences_share_the_room_for_contexts() -> None:
    budgets = {"gpu:0": 1000 + 4096, "cpu": 20}
    assert largest_context(linear, budgets, Workload(1, concurrent_sequences=4)) == 1024


def test_no_context_is_longer_than_the_model_was_trained_for() -> None:
    assert largest_context(linear, {"gpu:0": GIB, "cpu": GIB}, Workload(), most_tokens=131_072) == 131_072
    assert largest_context(linear, {"gpu:0": GIB, "cpu": GIB}, Workload(), most_tokens=1000) == 768


def test_a_search_without_a_limit_ends() -> None:
    assert largest_context(linear, {"gpu:0": 10**12, "cpu": GIB}, Workload()) == 16 * 1024 * 1024


def test_nothing_fits_where_one_step_does_not() -> None:
    assert largest_context(linear, {"gpu:0": 1255, "cpu": 20}, Workload()) == 0
    assert most_sequences(linear, {"gpu:0": 1000, "cpu": 20}, Workload(100)) == 0


def test_every_device_must_have_room() -> None:
    assert largest_context(linear, {"gpu:0": GIB, "cpu": 19}, Workload()) == 0
    assert largest_context(linear, {"gpu:0": GIB}, Workload()) == 0
    assert short_devices(linear(Workload(1000)), {"gpu:0": 1500}) == {"gpu:0": 500, "cpu": 20}


def test_the_upper_bound_is_asked_for_by_name() -> None:
    budgets = {"gpu:0": 1000 + 256, "cpu": 30}
    assert largest_context(linear, budgets, Workload()) == 256
    assert largest_context(linear, budgets, Workload(), bound="high") == 0


@pytest.mark.parametrize("room", [0, 99, 100, 101, 199, 200, 1234, 100_000])
def test_the_most_sequences_are_what_division_gives(room: int) -> None:
    found = most_sequences(linear, {"gpu:0": 1000 + room, "cpu": 20}, Workload(100), most=500)
    assert found == min(500, room // 100)


def test_what_was_found_fits_and_one_more_does_not() -> None:
    layer = Layer(Attention(32, 8, 128, 128), FeedForward(14_336))
    llama = Architecture("llama", 4096, 128_256, (layer,) * 32, max_context_tokens=131_072)
    checkpoint = compute_checkpoint(llama, "FP8")
    card = Gpu(0, "NVIDIA GeForce RTX 4090", 24 * GIB, 23 * GIB, compute_capability=8.9)
    machine = Machine("workstation", 16, 64 * GIB, 60 * GIB, "physical", 500 * GIB, gpus=(card,))

    def estimate(workload: Workload) -> MemoryEstimate:
        return vllm_memory(llama, checkpoint, workload, Serving(), Placement((0,)), machine=machine)

    budgets = {"gpu:0": 23 * GIB, "cpu": 60 * GIB}
    context = largest_context(estimate, budgets, Workload(), most_tokens=131_072)
    assert 65_536 < context < 131_072
    assert fits(estimate(Workload(context)), budgets)
    assert not fits(estimate(Workload(context + 256)), budgets)
    sequences = most_sequences(estimate, budgets, Workload(8192))
    assert sequences == context // 8192 or abs(sequences - context // 8192) <= 1
    assert not fits(estimate(Workload(8192, sequences + 1)), budgets)
