"""What decides between options that fit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest
from deploy.planning.planner import PlanReport, catalog_subjects, plan, require_pick
from deploy.planning.ranking import context_room, rank, usefulness
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, Gpu, Machine, Workload

if TYPE_CHECKING:
    from deploy.plan import Preference

CATALOG = load_catalog()
CARD = Gpu(0, "a GPU", 24 * GIB, 24 * GIB, bandwidth_bytes_per_s=1e12, compute_capability=8.9)
MACHINE = Machine("a processor", 8, 64 * GIB, 64 * GIB, "physical", 1000 * GIB, (CARD,))


def preferring(preference: Preference) -> PlanReport:
    return plan(MACHINE, PlanRequest(prefer=preference), catalog_subjects(CATALOG))


def sensible(report: PlanReport) -> list[float]:
    """Speeds of what may be picked: no demonstration, four bits at least."""
    return [
        option.tokens_per_s
        for option in report.options
        if option.fits and not option.subject.bundled and option.quality.nominal_bits >= 4
    ]


def test_the_fastest_is_picked_where_speed_is_preferred() -> None:
    report = preferring("speed")

    assert report.shown.tokens_per_s == max(sensible(report))
    assert "the fastest that fits" in require_pick(report).reason


def test_the_roomiest_is_picked_where_context_is_preferred() -> None:
    report = preferring("context")

    rooms = [
        context_room(option, report.request)
        for option in report.options
        if option.fits and not option.subject.bundled and option.quality.nominal_bits >= 4
    ]
    assert context_room(report.shown, report.request) == max(rooms)
    assert "room for the longest context" in require_pick(report).reason


def test_the_most_able_is_picked_by_default() -> None:
    report = preferring("quality")

    assert "the best of ability and speed that fits" in require_pick(report).reason
    assert report.shown.subject.tag == "deepseek-r1:32b"


def machine(*gpus_gib: float, bandwidth: float = 1e12) -> Machine:
    cards = tuple(
        Gpu(index, "a GPU", int(size * GIB), int(size * GIB), bandwidth_bytes_per_s=bandwidth)
        for index, size in enumerate(gpus_gib)
    )
    return Machine("a processor", 8, 32 * GIB, 32 * GIB, "physical", 1000 * GIB, cards)


@pytest.mark.parametrize("users", [1, 8])
def test_a_gpu_of_any_size_never_makes_the_pick_less_useful(users: int) -> None:
    request = PlanRequest(Workload(4096, users))

    def best(*gpus_gib: float) -> float:
        return usefulness(plan(machine(*gpus_gib), request, catalog_subjects(CATALOG)).shown)

    found = [best(), *(best(size) for size in (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 80, 141))]
    # Half a point decides nothing, so that the pick may be that much less useful than the best.
    assert all(later >= earlier - 0.5 for earlier, later in pairwise(found))


def test_without_room_on_the_gpu_a_model_runs_on_the_cpu() -> None:
    seven = (from_catalog(CATALOG.find("deepseek-r1:7b")),)
    picked = require_pick(plan(machine(1), PlanRequest(engines=("ollama",)), seven, named=True))
    assert picked.device == "cpu"


def test_several_gpus_are_given_to_the_engine_that_lets_them_compute_together() -> None:
    seventy = (from_catalog(CATALOG.find("deepseek-r1:70b")),)
    picked = require_pick(plan(machine(24, 24, 24, 24), PlanRequest(), seventy, named=True))
    assert picked.engine == "vllm"
    assert "compute together" in picked.reason


def test_of_two_formats_that_lose_nothing_the_faster_is_picked() -> None:
    r1 = (from_catalog(CATALOG.find("deepseek-r1:671b")),)
    picked = require_pick(plan(machine(*[141] * 8, bandwidth=4.8e12), PlanRequest(), r1, named=True))
    assert picked.artefact.quantization == "FP8_BLOCK"


def test_preferences_order_the_same_options() -> None:
    every = [
        {(option.title, option.fits) for option in preferring(preference).options}
        for preference in ("quality", "speed", "context")
    ]
    assert every[0] == every[1] == every[2]


@pytest.mark.parametrize("preference", ["quality", "speed", "context"])
def test_the_order_is_total(preference: Preference) -> None:
    report = preferring(preference)

    keys = [rank(option, report.request) for option in report.options]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_room_for_context_is_never_more_than_the_model_was_trained_for() -> None:
    report = preferring("context")

    for option in report.options:
        assert 0 <= context_room(option, report.request) <= option.loaded.architecture.max_context_tokens


@pytest.mark.parametrize(("users", "engine"), [(1, "ollama"), (8, "vllm")])
def test_the_engine_is_explained(users: int, engine: str) -> None:
    subject = from_catalog(CATALOG.find("deepseek-r1:7b"))

    picked = require_pick(plan(MACHINE, PlanRequest(Workload(4096, users)), (subject,), named=True))

    assert picked.engine == engine
    assert ("it batches 8 at once" if users > 1 else "the simplest for so few at once") in picked.reason


def test_one_engine_that_was_asked_for_is_said_to_be_so() -> None:
    subject = from_catalog(CATALOG.find("deepseek-r1:7b"))

    report = plan(MACHINE, PlanRequest(engines=("vllm",)), (subject,), named=True)

    assert "vllm as asked" in require_pick(report).reason
