"""What decides between options that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest
from deploy.planning.planner import PlanReport, catalog_subjects, plan, require_pick
from deploy.planning.ranking import context_room, rank
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

    assert "the most able that fits" in require_pick(report).reason
    assert report.shown.subject.tag == "deepseek-r1:32b"


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
