"""Where layers go, on machines of every kind; the estimates here are made of round numbers."""

from __future__ import annotations

import pytest

from deploy.planning.placements import place_layers, place_ranks, split_layers
from deploy.serving import Placement
from deploy.spec import MemoryEstimate, MemoryTerm

LAYERS = 10
PER_LAYER, PER_GPU, OUTPUT, ON_CPU = 100, 50, 150, 30


def estimate(placement: Placement) -> MemoryEstimate:
    """Ten layers of 100, an output projection of 150, 50 on each GPU for buffers, 30 on the CPU."""
    terms, placed = [term("overhead", ON_CPU, "cpu")], 0
    for index, count in zip(placement.gpus, placement.gpu_layers, strict=True):
        placed += count
        has_output = placed == LAYERS + 1
        size = PER_GPU + PER_LAYER * (count - has_output) + OUTPUT * has_output
        terms.append(term("weights", size, f"gpu:{index}"))
    on_cpu = (LAYERS + 1 - placed) * PER_LAYER + (OUTPUT - PER_LAYER if placed < LAYERS + 1 else 0)
    return MemoryEstimate((*terms, term("weights", on_cpu, "cpu")))


def term(name: str, size: int, device: str) -> MemoryTerm:
    return MemoryTerm(name, size, size, size, "made up", device=device)


def sliced(placement: Placement) -> MemoryEstimate:
    """A model of 1,000, sliced evenly over the ranks, 50 on each for buffers."""
    return MemoryEstimate(
        tuple(
            term("weights", PER_GPU + 1000 // len(placement.gpus), f"gpu:{index}") for index in placement.gpus
        )
    )


def test_the_roomiest_gpu_takes_everything_where_it_can() -> None:
    placed = place_layers(estimate, LAYERS, {"gpu:0": 1300, "gpu:1": 1200, "cpu": 100})
    assert placed.fits
    assert placed.placement == Placement(gpus=(0,), gpu_layers=(11,))


def test_two_gpus_share_what_one_cannot_hold() -> None:
    placed = place_layers(estimate, LAYERS, {"gpu:0": 800, "gpu:1": 700, "cpu": 100})
    assert placed.fits
    assert placed.placement.gpus == (0, 1)
    assert placed.placement.layers_on_gpus() == LAYERS + 1


def test_a_large_output_projection_does_not_spoil_a_split_that_exists() -> None:
    # In proportion the second GPU would get four with the output projection: 500 where 460 are.
    placed = place_layers(estimate, LAYERS, {"gpu:0": 850, "gpu:1": 460, "cpu": 100})
    assert placed.fits
    assert placed.placement.gpu_layers == (8, 3)


def test_what_the_gpu_cannot_hold_stays_on_the_cpu() -> None:
    placed = place_layers(estimate, LAYERS, {"gpu:0": 560, "cpu": 2000})
    assert placed.fits
    assert placed.placement == Placement(gpus=(0,), gpu_layers=(5,))


def test_what_neither_holds_is_shown_whole_on_the_gpu() -> None:
    placed = place_layers(estimate, LAYERS, {"gpu:0": 560, "cpu": 200})
    assert not placed.fits
    assert placed.placement == Placement(gpus=(0,), gpu_layers=(11,))


def test_without_a_gpu_all_of_it_is_on_the_cpu() -> None:
    placed = place_layers(estimate, LAYERS, {"cpu": 2000})
    assert placed.fits
    assert placed.placement == Placement()


@pytest.mark.parametrize(
    ("budget", "ranks", "stages"), [(1100, 1, 1), (600, 2, 1), (310, 4, 1), (300, 4, 1), (100, 4, 1)]
)
def test_vllm_gets_the_fewest_ranks_that_fit(budget: int, ranks: int, stages: int) -> None:
    budgets = {f"gpu:{index}": budget for index in range(4)}
    placed = place_ranks(sliced, layer_count=LAYERS, budgets=budgets, splits=lambda _: True)
    assert placed.fits == (budget >= 300)
    assert (placed.placement.tensor_parallel, placed.placement.pipeline_parallel) == (ranks, stages)


def test_vllm_stages_what_it_cannot_slice() -> None:
    budgets = {f"gpu:{index}": 600 for index in range(3)}
    placed = place_ranks(sliced, layer_count=LAYERS, budgets=budgets, splits=lambda _: False)
    assert placed.placement == Placement(gpus=(0, 1, 2), tensor_parallel=1, pipeline_parallel=3)
    assert placed.fits


def test_vllm_takes_the_gpus_with_most_room() -> None:
    budgets = {"gpu:0": 100, "gpu:1": 1100, "gpu:2": 200, "cpu": 0}
    placed = place_ranks(sliced, layer_count=LAYERS, budgets=budgets, splits=lambda _: True)
    assert placed.placement.gpus == (1,)


@pytest.mark.parametrize(
    ("layers", "room", "split"),
    [(29, (24, 12), (19, 10)), (10, (1, 1, 1), (4, 3, 3)), (5, (0, 0), (5, 0)), (7, (9,), (7,))],
)
def test_layers_are_split_in_proportion_to_room(
    layers: int, room: tuple[int, ...], split: tuple[int, ...]
) -> None:
    assert split_layers(layers, room) == split
