"""Speed as an interval: it holds what others measured, and it moves the way that it must."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from deploy.plan import SpeedEstimate, Unknown
from deploy.serving import Placement, Serving
from deploy.spec import EngineName, Machine, Workload
from deploy.speed import MINIMUM_TOKENS_PER_S, decode_speed
from deploy.speed.bytes_read import read_by_device, read_by_rank
from tests.deploy.speed.conftest import MEASURED, card, machine, measured_here, row_name, shape, stored, whole


def decode(
    name: str = "Llama-8B",
    *,
    quantization: str = "Q4_K_M",
    context: int = 8192,
    sequences: int = 1,
    placement: Placement | None = None,
    on: Machine | None = None,
    engine: EngineName = "ollama",
    serving: Serving | None = None,
) -> SpeedEstimate:
    architecture = shape(name)
    speed = decode_speed(
        architecture,
        stored(architecture, quantization, engine),
        Workload(context, sequences),
        serving or Serving(),
        placement or whole(architecture),
        machine=on or machine(card("RTX 4090")),
        engine=engine,
    )
    assert isinstance(speed, SpeedEstimate)
    assert 0 < speed.low_tokens_per_s <= speed.expected_tokens_per_s <= speed.high_tokens_per_s
    return speed


def measured_row(row: dict[str, Any]) -> tuple[float, SpeedEstimate]:
    """What was measured, and what is estimated for the same."""
    architecture, engine = shape(row["model"]), row["engine"]
    checkpoint = stored(architecture, row["quantization"], engine)
    if share := row.get("bf16_stored_as"):
        tensors = tuple(
            replace(t, stored_bytes=int(t.stored_bytes * share)) if t.kind == "BF16" else t
            for t in checkpoint.tensors
        )
        checkpoint = replace(checkpoint, tensors=tensors)
    gpus = [card(row["gpu"], index) for index in range(row.get("gpus", 1))]
    if "bandwidth_gb_per_s" in row:
        bandwidth = row["bandwidth_gb_per_s"] * 1e9
        capability = row["compute_capability"]
        gpus = [card(row["gpu"], bandwidth_bytes_per_s=bandwidth, compute_capability=capability)]
    workload = Workload(row["context_tokens"], row.get("sequences", 1))
    serving = Serving(row.get("kv_cache_type", "f16"))
    placement = Placement((0,)) if engine == "vllm" else whole(architecture, len(gpus))
    speed = decode_speed(
        architecture, checkpoint, workload, serving, placement, machine=machine(*gpus), engine=engine
    )
    assert isinstance(speed, SpeedEstimate)
    if "tokens_per_s" in row:
        return row["tokens_per_s"], speed
    weights = read_by_rank(architecture, checkpoint, workload, Serving(), 1).weights_bytes
    return row["share_of_peak"] * gpus[0].bandwidth_bytes_per_s / weights, speed


@pytest.mark.parametrize("row", MEASURED["decode"], ids=row_name)
def test_what_was_measured_lies_within_the_interval(row: dict[str, Any]) -> None:
    measured, speed = measured_row(row)
    assert speed.low_tokens_per_s <= measured <= speed.high_tokens_per_s


def test_the_expected_speed_is_near_what_was_measured() -> None:
    ratios = sorted(
        speed.expected_tokens_per_s / measured for measured, speed in map(measured_row, MEASURED["decode"])
    )
    assert 0.9 < ratios[len(ratios) // 2] < 1.1
    within = sum(0.75 < ratio < 1.33 for ratio in ratios) / len(ratios)
    assert within > 0.85


@pytest.mark.parametrize("row", measured_here("decode"), ids=row_name)
def test_decoding_on_a_server_chip_is_predicted_within_15_percent(row: dict[str, Any]) -> None:
    measured, speed = measured_row(row)
    assert speed.expected_tokens_per_s == pytest.approx(measured, rel=0.15)


def test_two_shared_server_cores_decode_as_fast_as_they_were_seen_to() -> None:
    for bandwidth in (0.0, 25e9):
        speed = decode(
            "R1-Qwen-1.5B", context=512, placement=Placement(), on=machine(cores=2, bandwidth=bandwidth)
        )
        assert speed.low_tokens_per_s < 14.4 < speed.high_tokens_per_s
        assert speed.expected_tokens_per_s == pytest.approx(14.4, rel=0.1)


def test_a_large_model_on_a_small_card_is_as_slow_as_it_was_seen_to_be() -> None:
    # A 32B on an RTX 5070 with a part of it in main memory reached 0.12 of the card's bandwidth.
    architecture = shape("Qwen3-32B")
    read = read_by_rank(
        architecture, stored(architecture, "Q4_K_M"), Workload(256), Serving(), 1
    ).weights_bytes
    placement = Placement((0,), (35,))
    speed = decode("Qwen3-32B", context=256, placement=placement, on=machine(card("RTX 5070"), cores=12))
    assert speed.low_tokens_per_s < 0.12 * 672e9 / read < speed.high_tokens_per_s


def test_a_token_reads_the_weights_without_the_embedding_and_its_past() -> None:
    architecture = shape("Llama-8B")
    checkpoint = stored(architecture, "Q4_K_M")
    read = read_by_device(architecture, checkpoint, Workload(8192), Serving(), whole(architecture))
    artefact = checkpoint.artefact
    assert list(read) == ["gpu:0"]
    assert read["gpu:0"].weights_bytes == artefact.total_bytes - artefact.cpu_resident_bytes
    assert read["gpu:0"].cache_bytes == 8192 * 131072


def test_a_tied_embedding_is_read_whole_as_the_output_projection() -> None:
    architecture = shape("Qwen3-1.7B")
    checkpoint = stored(architecture, "Q4_K_M")
    read = read_by_device(architecture, checkpoint, Workload(1), Serving(), whole(architecture))
    assert read["gpu:0"].weights_bytes == checkpoint.tensor_bytes


def test_of_experts_only_those_are_read_that_are_visited() -> None:
    architecture = shape("DeepSeek-V2-Lite")
    checkpoint = stored(architecture, "Q8_0")

    def weights(sequences: int) -> float:
        return read_by_rank(architecture, checkpoint, Workload(1, sequences), Serving(), 1).weights_bytes

    # 2.66 of 15.7 billion parameters are active, the embedding among neither.
    assert weights(1) / 1e9 == pytest.approx(2.45 * 34 / 32, rel=0.02)
    assert weights(1) < weights(8) < weights(64) < checkpoint.tensor_bytes


def test_a_sliding_window_is_all_of_the_past_that_its_layers_read() -> None:
    architecture = shape("gpt-oss-20B")
    checkpoint = stored(architecture, "MXFP4")

    def cache(tokens: int) -> float:
        return read_by_rank(architecture, checkpoint, Workload(tokens), Serving(), 1).cache_bytes

    assert cache(8192) == 12 * (8192 + 128) * 2 * 8 * 64 * 2


def test_latent_attention_is_read_whole_by_each_rank_and_heads_are_shared_out() -> None:
    llama, deepseek = shape("Llama-8B"), shape("DeepSeek-V2-Lite")
    for architecture, share in ((llama, 1 / 4), (deepseek, 1.0)):
        checkpoint = stored(architecture, "BF16", "vllm")
        one = read_by_rank(architecture, checkpoint, Workload(4096), Serving(), 1)
        four = read_by_rank(architecture, checkpoint, Workload(4096), Serving(), 4)
        assert four.weights_bytes == one.weights_bytes / 4
        assert four.cache_bytes == pytest.approx(one.cache_bytes * share)
    sixteen = read_by_rank(llama, stored(llama, "BF16", "vllm"), Workload(4096), Serving(), 16)
    assert sixteen.cache_bytes == pytest.approx(4096 * 131072 / 8)


def slower(first: SpeedEstimate, second: SpeedEstimate) -> bool:
    """Whether the first is slower than the second at every end."""
    return (
        first.low_tokens_per_s < second.low_tokens_per_s
        and first.expected_tokens_per_s < second.expected_tokens_per_s
        and first.high_tokens_per_s < second.high_tokens_per_s
    )


def test_a_longer_context_is_slower() -> None:
    speeds = [decode(context=context) for context in (512, 4096, 32768, 131072)]
    assert all(slower(later, earlier) for earlier, later in itertools.pairwise(speeds))


def test_more_sequences_slow_each_and_speed_up_all_in_llama_cpp_too() -> None:
    alone, four = decode(context=512), decode(context=512, sequences=4)
    assert slower(four, alone)
    assert 4 * four.expected_tokens_per_s > 1.5 * alone.expected_tokens_per_s
    assert "more sequences: 3" in four.arithmetic


def test_a_smaller_cache_type_is_faster() -> None:
    assert slower(decode(context=65536), decode(context=65536, serving=Serving(kv_cache_type="q4_0")))


def test_more_bits_a_weight_are_slower() -> None:
    speeds = [decode(quantization=name) for name in ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0", "F16")]
    assert all(slower(later, earlier) for earlier, later in itertools.pairwise(speeds))


@pytest.mark.parametrize("engine", ["ollama", "vllm"])
@pytest.mark.parametrize("vendor", ["nvidia", "amd", "intel", "apple"])
def test_more_bandwidth_is_never_slower(engine: EngineName, vendor: str) -> None:
    quantization = "AWQ" if engine == "vllm" else "Q4_K_M"
    placement = Placement((0,)) if engine == "vllm" else None
    speeds = [
        decode(
            quantization=quantization,
            engine=engine,
            placement=placement,
            on=machine(card("?", vendor=vendor, bandwidth_bytes_per_s=gigabytes * 1e9)),
        )
        for gigabytes in (50, 448, 1008, 1499, 1500, 1792, 3350, 8000)
    ]
    assert all(slower(earlier, later) for earlier, later in itertools.pairwise(speeds))


def test_each_layer_left_in_main_memory_is_slower() -> None:
    speeds = [
        decode(
            placement=Placement((0,), (count,)) if count else Placement(),
            on=machine(card("RTX 4090"), bandwidth=60e9),
        )
        for count in (33, 32, 20, 8, 1)
    ]
    assert all(slower(later, earlier) for earlier, later in itertools.pairwise(speeds))


def test_layers_over_two_gpus_take_turns_and_ranks_work_at_once() -> None:
    two = machine(card("RTX 4090"), card("RTX 4090", 1))
    one = decode("Llama-8B", quantization="F16")
    split = decode("Llama-8B", quantization="F16", placement=whole(shape("Llama-8B"), 2), on=two)
    assert 0.95 * one.expected_tokens_per_s < split.expected_tokens_per_s < one.expected_tokens_per_s
    alone = decode(quantization="BF16", engine="vllm", placement=Placement((0,)))
    ranks = decode(quantization="BF16", engine="vllm", placement=Placement((0, 1), tensor_parallel=2), on=two)
    assert 1.4 * alone.expected_tokens_per_s < ranks.expected_tokens_per_s < 2 * alone.expected_tokens_per_s
    assert "64 all-reduces" in ranks.arithmetic


def test_the_slowest_rank_sets_the_pace() -> None:
    placement = Placement((0, 1), tensor_parallel=2)
    mixed = machine(card("RTX 4090"), card("RTX 3060", 1))
    equal = machine(card("RTX 3060"), card("RTX 3060", 1))
    speeds = [decode(quantization="AWQ", engine="vllm", placement=placement, on=on) for on in (mixed, equal)]
    assert speeds[0].expected_tokens_per_s == speeds[1].expected_tokens_per_s


def test_more_sequences_slow_each_and_speed_up_all() -> None:
    alone = decode(quantization="AWQ", engine="vllm", placement=Placement((0,)), context=2048)
    many = decode(quantization="AWQ", engine="vllm", placement=Placement((0,)), context=2048, sequences=16)
    assert slower(many, alone)
    assert 16 * many.expected_tokens_per_s > 4 * alone.expected_tokens_per_s


def test_more_sequences_on_a_cpu_multiply_its_work() -> None:
    on = machine(cores=2, bandwidth=25e9)
    alone = decode("R1-Qwen-1.5B", context=512, placement=Placement(), on=on)
    four = decode("R1-Qwen-1.5B", context=512, placement=Placement(), on=on, sequences=4)
    assert four.expected_tokens_per_s < alone.expected_tokens_per_s / 3


def test_an_unmeasured_memory_makes_the_interval_wide_and_says_so() -> None:
    unmeasured = decode(placement=Placement(), on=machine(cores=16))
    measured = decode(placement=Placement(), on=machine(cores=16, bandwidth=45e9))
    assert unmeasured.high_tokens_per_s / unmeasured.low_tokens_per_s > 5
    assert measured.high_tokens_per_s / measured.low_tokens_per_s < 3
    assert "not measured" in unmeasured.source
    assert "45 GB/s" in measured.source


def test_the_arithmetic_comes_to_the_expected_speed() -> None:
    speed = decode(context=8192)
    # 1 / (gpu:0: (4.617 GB weights + 1.07 GB cache) / 739.5 GB/s + 32 layers x 30 us) = 1 / 8.66 ms
    by_hand = 1 / ((4.617 + 1.07) / 739.5 + 32 * 30e-6)
    assert "4.617 GB weights + 1.07 GB cache" in speed.arithmetic
    assert "/ 739.5 GB/s + 32 layers x 30 us" in speed.arithmetic
    assert speed.expected_tokens_per_s == pytest.approx(by_hand, rel=0.002)


def test_a_gpu_of_unknown_bandwidth_has_no_speed_and_the_reason_names_it() -> None:
    architecture = shape("Llama-8B")
    for on in (machine(card("Mystery 9000")), machine()):
        speed = decode_speed(
            architecture,
            stored(architecture, "Q4_K_M"),
            Workload(),
            Serving(),
            whole(architecture),
            machine=on,
            engine="ollama",
        )
        assert isinstance(speed, Unknown)
        assert "bandwidth" in speed.reason


def test_the_slowest_speed_that_is_planned_is_slow_reading() -> None:
    assert MINIMUM_TOKENS_PER_S == 4.0
