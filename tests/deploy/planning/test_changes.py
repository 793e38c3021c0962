"""What would make an option fit: the nearest change of a rejection, the smallest three of a report."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.hardware.sizes import parse_size
from deploy.plan import Change, PlanRequest
from deploy.planning.options import Weigher
from deploy.planning.planner import PlanReport, catalog_subjects, plan, require_pick
from deploy.planning.subject import from_catalog
from deploy.spec import ENGINE_NAMES, GIB, Machine, Workload
from stillroom.errors import NothingFitsError
from tests.deploy.planning.conftest import CATALOG, machine, of_kind, planned, rejection

if TYPE_CHECKING:
    from deploy.planning.options import PlanOption
    from deploy.planning.subject import Subject
    from deploy.spec import EngineName


def change(report: PlanReport, quantization: str = "Q4_K_M", engine: EngineName = "ollama") -> Change:
    found = rejection(report, quantization, engine).change
    assert found is not None
    return found


def follow(where: Machine, found: Change, asked: PlanRequest) -> PlanReport:
    """Plan again as the change's options say, the rest as before."""
    words = found.options.split()
    model = words[0]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    workload = Workload(
        int(options.get("--context", asked.workload.context_tokens)),
        int(options.get("--users", asked.workload.concurrent_sequences)),
    )
    engines: tuple[Any, ...] = (options["--engine"],) if "--engine" in options else asked.engines
    limit = options.get("--max-memory", "").removesuffix("GiB")
    reserve = parse_size(options["--reserve"]) if "--reserve" in options else asked.reserved_bytes
    request = replace(
        asked,
        workload=workload,
        engines=engines,
        quantization=options.get("--quant", asked.quantization),
        kv_cache_type=options.get("--kv-cache", asked.kv_cache_type),
        minimum_tokens_per_s=float(options["--min-speed"])
        if "--min-speed" in options
        else asked.minimum_tokens_per_s,
        most_memory_bytes=int(limit) * GIB if limit else asked.most_memory_bytes,
        reserved_bytes=0 if "--reserve" in found.without else reserve,
        license="" if "--license" in found.without else asked.license,
        languages=() if "--languages" in found.without else asked.languages,
    )
    return plan(where, request, (from_catalog(CATALOG.find(model)),), named=True)


def test_a_cache_that_is_a_little_too_large_is_halved_first() -> None:
    report = planned(machine(24, ram_gib=3), "deepseek-r1:32b", Workload(24_576), quantization="Q4_K_M")

    nearest = change(report)

    assert nearest.kind == "kv_cache"
    assert nearest.options == "deepseek-r1:32b --quant Q4_K_M --engine ollama --kv-cache q8_0"


def test_fewer_tokens_are_named_in_whole_blocks() -> None:
    asked: dict[str, Any] = {"engines": ("ollama",), "quantization": "Q4_K_M", "kv_cache_type": "q4_0"}
    report = planned(machine(24, ram_gib=3), "deepseek-r1:32b", Workload(100_000), **asked)

    shorter = next(found for found in report.changes if found.kind == "context")
    tokens = int(shorter.options.rsplit(maxsplit=1)[-1])

    assert 2048 <= tokens < 100_000
    assert tokens % 256 == 0


def test_fewer_at_once_are_named_where_many_share_a_cache() -> None:
    asked: dict[str, Any] = {"engines": ("ollama",), "quantization": "Q4_K_M", "kv_cache_type": "q4_0"}
    report = planned(machine(12, ram_gib=3), "deepseek-r1:14b", Workload(2048, 64), **asked)

    fewer = next(found for found in report.changes if found.kind == "users")

    assert 1 <= int(fewer.options.rsplit(maxsplit=1)[-1]) < 64


def test_a_lower_quantization_is_named_where_weights_are_too_large() -> None:
    report = planned(machine(24), "deepseek-r1:32b", engines=("ollama",))

    nearest = change(report, "Q8_0")

    assert nearest.kind == "quantization"
    name = nearest.description.removesuffix(" instead of Q8_0")
    assert name in {option.quantization for option in report.options if option.fits}


def test_an_engine_without_a_gpu_is_told_the_engine_that_can() -> None:
    report = planned(machine(), "deepseek-r1:7b")

    found = rejection(report, "FP8", "vllm")

    assert found.term == "engine"
    assert found.change is not None
    assert found.change.kind == "engine"


def test_what_is_too_slow_is_told_the_speed_that_it_has() -> None:
    report = planned(machine(), "deepseek-r1:14b", minimum_tokens_per_s=1000.0, engines=("embedded",))

    slower = next(found for found in report.changes if found.kind == "speed")
    accepted = float(slower.options.rsplit(maxsplit=1)[-1])
    assert 0 < accepted <= max(option.tokens_per_s for option in report.options)


def test_a_licence_that_nothing_has_is_told_to_be_left_out() -> None:
    report = planned(machine(24), "deepseek-r1:7b", license="GPL-3.0")

    assert report.changes[0].without == "--license"
    assert "--license" not in report.changes[0].options


def test_a_change_that_is_not_enough_is_named_with_what_else_it_takes() -> None:
    report = planned(machine(4, ram_gib=4), "deepseek-r1:70b", license="GPL-3.0")

    assert all(found.description.startswith("without --license, and ") for found in report.changes)
    assert all(re.search(r"\d GiB more ", found.description) for found in report.changes)


def test_a_context_beyond_the_models_own_is_told_one_that_fits() -> None:
    report = planned(machine(24), "deepseek-r1:14b", Workload(200_000), quantization="Q4_K_M")

    nearest = report.changes[0]

    assert nearest.kind == "context"
    tokens = int(nearest.options.rsplit(maxsplit=1)[-1])
    assert tokens <= 131_072


# Two GPUs of 24 GiB and as much main memory, less what a desktop and a system take.
TWO_GPUS = machine(23.5, 23.5, ram_gib=40.8)


def test_a_smaller_cache_is_named_first_where_layers_that_spilled_make_it_slow() -> None:
    asked: dict[str, Any] = {"quantization": "Q4_K_M", "engines": ("ollama",)}
    report = planned(TWO_GPUS, "deepseek-r1:70b", Workload(8192, 4), **asked)

    assert {found.term for found in report.rejections} == {"speed"}
    assert report.changes[0].options == "deepseek-r1:70b --quant Q4_K_M --engine ollama --kv-cache q8_0"


def test_a_cache_of_four_bits_is_named_where_eight_are_not_enough() -> None:
    asked: dict[str, Any] = {"quantization": "Q4_K_M", "engines": ("ollama",)}
    long = planned(TWO_GPUS, "deepseek-r1:70b", Workload(65_536), **asked)
    shorter = planned(TWO_GPUS, "deepseek-r1:70b", Workload(8192, 4), **asked)

    assert long.changes[0].options == "deepseek-r1:70b --quant Q4_K_M --engine ollama --kv-cache q4_0"
    assert of_kind(long, "kv_cache").effort > of_kind(shorter, "kv_cache").effort


def test_a_cache_smaller_than_what_is_missing_is_still_worth_making_smaller() -> None:
    report = planned(TWO_GPUS, "gpt-oss:120b", Workload(65_536, 2), engines=("ollama",))

    (found,) = report.rejections
    cache = report.shown.memory.component("kv_cache").expected_bytes
    assert cache < found.short_bytes
    assert "--users 1" in of_kind(report, "users").options
    tokens = int(of_kind(report, "context").options.rsplit(maxsplit=1)[-1])
    assert 32_768 <= tokens < 65_536


def test_the_most_users_that_fit_are_named() -> None:
    report = planned(TWO_GPUS, "gpt-oss:120b", Workload(8192, 32), engines=("ollama",))

    fewer = int(of_kind(report, "users").options.rsplit(maxsplit=1)[-1])

    def picked(users: int) -> bool:
        return planned(TWO_GPUS, "gpt-oss:120b", Workload(8192, users), engines=("ollama",)).pick is not None

    assert picked(fewer)
    assert not picked(fewer + 1)


def test_a_whole_catalog_is_not_weighed_again_for_every_smaller_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weighed: list[str] = []
    weigh = Weigher.weigh

    def counted(weigher: Weigher, subject: Subject, quantization: str, engine: EngineName) -> PlanOption:
        weighed.append(quantization)
        return weigh(weigher, subject, quantization, engine)

    monkeypatch.setattr(Weigher, "weigh", counted)

    report = plan(machine(8), PlanRequest(), catalog_subjects(CATALOG))

    assert len(weighed) < 1.1 * len(report.options)


def test_the_least_more_memory_that_must_be_allowed_is_named() -> None:
    report = planned(machine(24), "deepseek-r1:7b", most_memory_bytes=GIB)

    allowed = [
        int(found.description.split()[0]) for found in report.changes if "allowed" in found.description
    ]
    least = min(option.memory.expected_bytes for option in report.options)

    assert allowed[0] == -(-least // GIB)
    assert allowed == sorted(allowed)


def test_the_least_speed_that_must_be_given_up_is_named() -> None:
    report = planned(machine(24), "deepseek-r1:7b", minimum_tokens_per_s=1000.0)

    accepted = [
        float(found.options.rsplit(maxsplit=1)[-1]) for found in report.changes if found.kind == "speed"
    ]
    fastest = max(option.tokens_per_s for option in report.options)

    assert 0.9 * fastest < accepted[0] <= fastest
    assert accepted == sorted(accepted, reverse=True)


def test_where_nothing_else_is_known_more_allowed_memory_is_named_with_the_speed_it_leads_to() -> None:
    subject = from_catalog(CATALOG.find("deepseek-r1:32b"))
    request = PlanRequest(
        engines=("ollama",), quantization="Q8_0", minimum_tokens_per_s=500.0, most_memory_bytes=GIB
    )

    report = plan(machine(48), request, (subject,), named=True)

    nearest = report.changes[0]
    assert re.fullmatch(r"\d+ GiB allowed, and accepting \d+ tokens/s", nearest.description)
    assert follow(machine(48), nearest, request).pick is not None


@pytest.mark.parametrize(("trained", "told"), [(1, 0), (255, 0), (256, 256), (300, 300)])
def test_less_context_than_may_be_asked_for_is_never_suggested(trained: int, told: int) -> None:
    subject = from_catalog(CATALOG.find("deepseek-r1:7b"))
    short = replace(subject, architecture=replace(subject.architecture, max_context_tokens=trained))

    report = plan(machine(24), PlanRequest(), (short,), named=True, others=catalog_subjects(CATALOG))

    contexts = [re.search(r"--context (\d+)", found.options) for found in report.changes]
    assert {int(found[1]) for found in contexts if found} == ({told} if told else set())
    assert report.changes


def test_a_reserve_that_leaves_no_room_is_halved_until_there_is() -> None:
    report = planned(machine(24), "deepseek-r1:7b", engines=("vllm",), reserved_bytes=30 * GIB)

    nearest = report.changes[0]

    assert nearest.options.endswith(" --reserve 15GiB")
    assert follow(machine(24), nearest, report.request).pick is not None


def test_a_reserve_too_small_to_halve_is_told_to_be_left_out() -> None:
    asked: dict[str, Any] = {"engines": ("vllm",), "quantization": "AWQ"}
    roomy = planned(machine(24), "deepseek-r1:7b", **asked)
    needed = roomy.shown.memory.on("gpu:0").expected_bytes
    just = machine(needed / GIB + 0.3)

    report = planned(just, "deepseek-r1:7b", **asked, reserved_bytes=GIB // 3)
    told = next(found for found in report.changes if found.without == "--reserve")

    assert report.pick is None
    assert "--reserve" not in told.options
    assert follow(just, told, report.request).pick is not None


def test_two_wishes_that_nothing_meets_are_both_told_to_be_left_out() -> None:
    report = planned(machine(24), "deepseek-r1:7b", license="GPL-3.0", languages=("xx",))

    nearest = report.changes[0]

    assert nearest.without.split() == ["--license", "--languages"]
    assert follow(machine(24), nearest, report.request).pick is not None


def test_no_option_is_typed_with_two_values() -> None:
    report = planned(machine(12), "deepseek-r1:14b", Workload(400_000, 8), license="GPL-3.0")

    for found in report.changes:
        flags = re.findall(r"--[\w-]+", found.options)
        assert len(flags) == len(set(flags)), found.options


SCARCE: tuple[tuple[Machine, str, Workload, dict[str, Any]], ...] = (
    (machine(24), "deepseek-r1:70b", Workload(32_768), {"quantization": "Q8_0"}),
    (machine(8), "deepseek-r1:14b", Workload(65_536, 4), {"engines": ("ollama",)}),
    (machine(24), "deepseek-r1:7b", Workload(), {"languages": ("de",)}),
    (machine(24), "deepseek-r1:7b", Workload(), {"license": "GPL-3.0"}),
    (machine(24), "deepseek-r1:7b", Workload(200_000), {}),
    (machine(24), "deepseek-r1:14b", Workload(), {"most_memory_bytes": 5 * GIB, "quantization": "Q8_0"}),
    (machine(24), "deepseek-r1:32b", Workload(8192, 64), {"minimum_tokens_per_s": 20.0}),
    (machine(24), "deepseek-r1:7b", Workload(), {"quantization": "AWQ", "kv_cache_type": "q8_0"}),
    (machine(), "deepseek-r1:32b", Workload(), {"minimum_tokens_per_s": 10.0}),
    (TWO_GPUS, "deepseek-r1:70b", Workload(8192, 4), {"engines": ("ollama",), "quantization": "Q4_K_M"}),
    (TWO_GPUS, "gpt-oss:120b", Workload(65_536, 2), {}),
    (machine(24), "deepseek-r1:7b", Workload(), {"minimum_tokens_per_s": 1000.0}),
    (machine(24), "deepseek-r1:7b", Workload(), {"most_memory_bytes": GIB}),
    (machine(24), "deepseek-r1:7b", Workload(), {"engines": ("vllm",), "reserved_bytes": 30 * GIB}),
)


@pytest.mark.parametrize(("where", "model", "workload", "asked"), SCARCE)
def test_every_change_with_a_command_makes_it_fit(
    where: Machine, model: str, workload: Workload, asked: dict[str, Any]
) -> None:
    report = planned(where, model, workload, **asked)
    assert report.pick is None

    for found in {found.options: found for found in report.changes if found.options}.values():
        assert follow(where, found, report.request).pick is not None, found


@pytest.mark.parametrize(("where", "model", "workload", "asked"), SCARCE)
def test_where_nothing_fits_three_changes_are_named_the_smallest_first(
    where: Machine, model: str, workload: Workload, asked: dict[str, Any]
) -> None:
    report = planned(where, model, workload, **asked)

    assert len(report.changes) == 3
    assert len({found.description for found in report.changes}) == 3
    efforts = [found.effort for found in report.changes]
    assert efforts == sorted(efforts)
    with pytest.raises(NothingFitsError) as raised:
        require_pick(report)
    typed = next((found.options for found in report.changes if found.options), "")
    assert raised.value.hint == (f"stillroom plan {typed}" if typed else "stillroom doctor")


@pytest.mark.parametrize("engines", [ENGINE_NAMES, ("ollama",), ("vllm",), ("embedded",)])
def test_every_rejection_has_a_change(engines: tuple[EngineName, ...]) -> None:
    report = plan(machine(12), PlanRequest(engines=engines), catalog_subjects(CATALOG))

    assert report.rejections
    assert all(found.change is not None and found.change.effort > 0 for found in report.rejections)
