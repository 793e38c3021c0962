"""The speed of reading a prompt: near what was measured, and moving the way that it must."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.plan import SpeedEstimate, Unknown
from deploy.serving import Placement
from deploy.spec import EngineName, Machine, Workload
from deploy.speed import prefill_speed
from deploy.speed.prefill import prompt_flops
from tests.deploy.speed.conftest import MEASURED, card, machine, measured_here, row_name, shape, stored, whole


def prefill(
    name: str = "Llama-8B",
    *,
    tokens: int = 512,
    on: Machine | None = None,
    placement: Placement | None = None,
    engine: EngineName = "ollama",
) -> SpeedEstimate | Unknown:
    architecture = shape(name)
    return prefill_speed(
        architecture,
        stored(architecture, "BF16" if engine == "vllm" else "Q4_K_M", engine),
        Workload(tokens),
        placement or whole(architecture),
        machine=on or machine(card("RTX 4090")),
        engine=engine,
    )


@pytest.mark.parametrize("row", measured_here("prefill"), ids=row_name)
def test_reading_a_prompt_on_a_server_chip_is_predicted_within_a_quarter(row: dict[str, Any]) -> None:
    speed = prefill(row["model"], tokens=row["prompt_tokens"], on=machine(card(row["gpu"])))
    assert isinstance(speed, SpeedEstimate)
    assert speed.expected_tokens_per_s == pytest.approx(row["tokens_per_s"], rel=0.25)


def test_a_prompt_s_layers_in_main_memory_cross_the_bus_on_nvidia_s_cards_if_it_is_long_enough() -> None:
    placement = Placement((0,), (17,))
    on = machine(card("RTX 4090"), cores=8)
    short, long = (prefill(tokens=tokens, placement=placement, on=on) for tokens in (31, 512))
    assert isinstance(short, SpeedEstimate)
    assert isinstance(long, SpeedEstimate)
    assert "over the bus" in long.arithmetic
    assert "over the bus" not in short.arithmetic
    assert long.expected_tokens_per_s > 10 * short.expected_tokens_per_s


@pytest.mark.parametrize("row", MEASURED["prefill"], ids=row_name)
def test_measured_prompt_speeds_lie_within_the_interval(row: dict[str, Any]) -> None:
    placement = Placement((0,), (row["gpu_layers"],)) if "gpu_layers" in row else None
    speed = prefill(
        row["model"],
        tokens=row["prompt_tokens"],
        placement=placement,
        on=machine(card(row["gpu"]), cores=16 if placement else 8),
    )
    assert isinstance(speed, SpeedEstimate)
    assert speed.low_tokens_per_s <= row["tokens_per_s"] <= speed.high_tokens_per_s


def test_two_shared_server_cores_read_prompts_as_fast_as_they_were_seen_to() -> None:
    speed = prefill("R1-Qwen-1.5B", tokens=256, placement=Placement(), on=machine(cores=2))
    assert isinstance(speed, SpeedEstimate)
    assert speed.expected_tokens_per_s == pytest.approx(19, rel=0.1)


def test_a_prompts_operations_are_two_a_parameter_and_token_and_attention() -> None:
    architecture = shape("Llama-8B")
    multiplied = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
    attention = 32 * 2 * 8192 * 4096 * 32 * 256
    assert prompt_flops(architecture, 8192) == pytest.approx(2 * multiplied * 8192 + attention, rel=1e-3)


def test_a_gpu_whose_peak_was_not_verified_has_no_prompt_speed() -> None:
    speed = prefill(on=machine(card("RTX 3090")))
    assert isinstance(speed, Unknown)
    assert "RTX 3090" in speed.reason


def test_ranks_share_a_prompt() -> None:
    two = machine(card("RTX 4090"), card("RTX 4090", 1))
    alone = prefill(engine="vllm", placement=Placement((0,)))
    both = prefill(engine="vllm", placement=Placement((0, 1), tensor_parallel=2), on=two)
    assert isinstance(alone, SpeedEstimate)
    assert isinstance(both, SpeedEstimate)
    assert both.expected_tokens_per_s == pytest.approx(2 * alone.expected_tokens_per_s)


def test_layers_in_main_memory_slow_a_prompt_down() -> None:
    all_there = prefill()
    half = prefill(placement=Placement((0,), (17,)))
    assert isinstance(all_there, SpeedEstimate)
    assert isinstance(half, SpeedEstimate)
    assert half.expected_tokens_per_s < all_there.expected_tokens_per_s / 3
