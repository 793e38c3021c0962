"""Residuals of earlier launches on a new estimate: what they correct, what they leave alone, and how far."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.calibration.corrections import RATIO_BOUNDS, Calibration, within_bounds
from deploy.calibration.observation import Observation, Setup
from deploy.calibration.summary import summarize
from deploy.spec import MIB, MemoryEstimate, MemoryTerm
from tests.deploy.observations import CPU_NAME, observed

if TYPE_CHECKING:
    from deploy.spec import EngineName

SETUP = Setup("embedded", "qwen2", "cpu", 1_000_000, "f16", (("cpu", CPU_NAME),))
WEIGHTS = MemoryTerm("weights", 1_000_000, 1_000_000, 1_000_500, "header", "cpu", "1,000,000 B of tensors")
KV_CACHE = MemoryTerm("kv_cache", 200_000, 200_000, 200_000, "formula", "cpu", "2 x 100,000 B")
COMPUTE = MemoryTerm("compute", 1000, 50_000, 55_000, "formula", "cpu", "50 x 1,000 B")
OVERHEAD = MemoryTerm("overhead", 40 * MIB, 72 * MIB, 128 * MIB, "measured once", "cpu", "72 MiB")
MEMORY = MemoryEstimate((WEIGHTS, KV_CACHE, COMPUTE, OVERHEAD))


def launches(component: str, predicted: int, *measured: int) -> tuple[Observation, ...]:
    """The same component in several launches, a minute apart."""
    return tuple(
        observed(component, predicted, size, observed_at=f"2026-11-26T10:{minute:02}:00+00:00")
        for minute, size in enumerate(measured)
    )


def corrected(name: str, *observations: Observation, setup: Setup = SETUP, installed: str = "") -> MemoryTerm:
    versions: dict[EngineName, str] = {setup.engine: installed} if installed else {}
    return Calibration(observations, versions).apply(MEMORY, setup).term(name)


def test_without_observations_an_estimate_stays_the_very_same() -> None:
    assert Calibration().apply(MEMORY, SETUP) is MEMORY
    of_another_engine = observed("compute", 50_000, 60_000, engine="ollama")
    assert Calibration((of_another_engine,)).apply(MEMORY, SETUP) is MEMORY


@pytest.mark.parametrize("name", ["weights", "kv_cache", "compute"])
def test_a_component_is_multiplied_by_measured_over_predicted(name: str) -> None:
    term = MEMORY.term(name)
    after = corrected(name, observed(name, 1000, 1100))

    assert after.expected_bytes == round(term.expected_bytes * 1.1)
    assert after.formula_bytes == term.expected_bytes


def test_overhead_is_moved_by_a_difference_and_not_in_proportion() -> None:
    after = corrected("overhead", observed("overhead", 100 * MIB, 88 * MIB))

    assert after.expected_bytes == 60 * MIB
    assert after.correction is not None
    assert after.correction.added_bytes == -12 * MIB


def test_a_corrected_term_says_where_the_correction_is_from() -> None:
    after = corrected("compute", *launches("compute", 50_000, 50_500, 50_650, 50_700))

    assert after.source == (
        "formula × 1.013, from 3 launches of embedded 1.0 on a processor, last 2026-11-26"
    )
    assert after.arithmetic == "(50 x 1,000 B) x 1.013"


def test_the_printed_calculation_comes_to_the_expected_value() -> None:
    after = corrected("compute", observed("compute", 70_001, 71_003))
    factor = re.fullmatch(r"\(50 x 1,000 B\) x ([\d.]+)", after.arithmetic)

    assert factor is not None
    assert after.expected_bytes == round(50 * 1000 * float(factor[1]))
    overhead = corrected("overhead", observed("overhead", 72 * MIB, 72 * MIB + 1234))
    assert overhead.arithmetic == "72 MiB + 1,234 B"
    assert overhead.expected_bytes == 72 * MIB + 1234


def test_a_calculation_that_ends_in_its_result_does_not_keep_it() -> None:
    ends = replace(COMPUTE, arithmetic="50 x 1,000 B = 50,000 bytes")
    calibration = Calibration((observed("compute", 1000, 1100),))
    after = calibration.apply(MemoryEstimate((ends,)), SETUP).term("compute")

    assert after.arithmetic == "(50 x 1,000 B) x 1.1"


def test_what_differs_only_by_the_rounding_of_print_is_confirmed_and_not_changed() -> None:
    after = corrected("compute", observed("compute", 50_000, 50_400, rounding_bytes=500))

    assert after.expected_bytes == 50_000
    assert after.source == "formula, confirmed by 1 launch of embedded 1.0 on a processor, last 2026-11-26"
    assert after.arithmetic == COMPUTE.arithmetic


def test_the_median_counts_so_that_one_odd_launch_changes_nothing() -> None:
    after = corrected("compute", *launches("compute", 1000, 1100, 1900, 1100))

    assert after.expected_bytes == 55_000


def test_only_the_newest_launches_count() -> None:
    old_driver, new_driver = [1500] * 8, [1100] * 5
    after = corrected("compute", *launches("compute", 1000, *old_driver, *new_driver))

    assert after.expected_bytes == 55_000
    assert after.correction is not None
    assert after.correction.launches == 5


def test_two_equal_gpus_of_one_launch_are_one_launch() -> None:
    after = corrected("compute", observed("compute", 1000, 1100), observed("compute", 1000, 1102))

    assert after.correction is not None
    assert after.correction.launches == 1


@pytest.mark.parametrize(
    ("component", "predicted", "measured"),
    [
        ("weights", 1000, 1500),
        ("kv_cache", 1000, 4000),
        ("compute", 1000, 2100),
        ("compute", 1000, 100),
        ("overhead", 72 * MIB, 900 * MIB),
        ("overhead", 72 * MIB, 3 * MIB),
    ],
)
def test_a_mad_measurement_is_said_and_not_applied(component: str, predicted: int, measured: int) -> None:
    term = MEMORY.term(component)
    after = corrected(component, observed(component, predicted, measured))

    assert (after.low_bytes, after.expected_bytes, after.high_bytes) == (
        term.low_bytes,
        term.expected_bytes,
        term.high_bytes,
    )
    assert after.correction is None
    assert after.source.endswith("out of bounds, and not applied")


def test_a_mad_measurement_among_sane_ones_is_left_out_and_said() -> None:
    after = corrected("compute", *launches("compute", 1000, 1100, 9000, 1100))

    assert after.expected_bytes == 55_000
    assert after.source.endswith(
        "from 2 launches of embedded 1.0 on a processor, last 2026-11-26; 1 more out of bounds"
    )


def test_repacked_copies_that_a_processor_does_not_need_are_taken_back() -> None:
    repacked = MemoryTerm("weights_repacked", 500, 500, 900, "repack.cpp", "cpu", "500 B")
    memory = MemoryEstimate((WEIGHTS, repacked))
    after = Calibration((observed("weights_repacked", 500, 0),)).apply(memory, SETUP)

    assert after.term("weights_repacked").expected_bytes == 0


DIFFERENT = {
    "engine": {"engine": "ollama"},
    "version": {"engine_version": "2.0"},
    "device": {"device": "another processor"},
    "layout": {"layout": "1 gpu + cpu"},
    "architecture": {"architecture": "llama"},
}


@pytest.mark.parametrize("difference", DIFFERENT)
@pytest.mark.parametrize("component", ["weights", "kv_cache", "compute", "overhead"])
def test_nothing_transfers_to_another_key(component: str, difference: str) -> None:
    one = observed(component, 72 * MIB, 73 * MIB, **DIFFERENT[difference])

    assert corrected(component, one, installed="1.0") == MEMORY.term(component)


@pytest.mark.parametrize(
    ("component", "transfers"),
    [("weights", False), ("kv_cache", True), ("compute", True), ("overhead", True)],
)
def test_to_other_weights_of_an_architecture_all_but_weights_transfers(
    component: str, *, transfers: bool
) -> None:
    one = observed(component, 72 * MIB, 73 * MIB, weights_bytes=7, quantization="Q8_0")

    assert (corrected(component, one) != MEMORY.term(component)) is transfers


@pytest.mark.parametrize(
    ("component", "transfers"),
    [("weights", True), ("kv_cache", False), ("compute", False), ("overhead", True)],
)
def test_to_another_type_of_cache_what_holds_or_reads_it_does_not_transfer(
    component: str, *, transfers: bool
) -> None:
    one = observed(component, 72 * MIB, 73 * MIB, kv_cache_type="q8_0")

    assert (corrected(component, one) != MEMORY.term(component)) is transfers


def test_to_other_contexts_and_sequences_everything_transfers() -> None:
    for component in ("weights", "kv_cache", "compute", "overhead"):
        one = observed(component, 72 * MIB, 73 * MIB, context_tokens=131_072, concurrent_sequences=8)
        assert corrected(component, one) != MEMORY.term(component)


def test_overhead_that_weights_could_not_be_told_from_needs_the_same_weights() -> None:
    one = observed("overhead", 172 * MIB, 173 * MIB, covers=("weights", "overhead"), weights_bytes=7)

    assert corrected("overhead", one) == OVERHEAD
    assert corrected("overhead", replace(one, weights_bytes=1_000_000)) != OVERHEAD


def test_without_an_installed_version_the_newest_that_was_observed_counts() -> None:
    old = observed("compute", 1000, 1500, engine_version="1.0", observed_at="2026-11-20T10:00:00+00:00")
    new = observed("compute", 1000, 1100, engine_version="2.0")

    assert corrected("compute", old, new).expected_bytes == 55_000
    assert corrected("compute", old, new, installed="1.0").expected_bytes == 75_000


def test_a_build_behind_a_plus_sign_is_no_other_version() -> None:
    one = observed("compute", 1000, 1100, engine_version="0.32.0")

    assert corrected("compute", one, installed="0.32.0+cpu").expected_bytes == 55_000


def test_vllms_cache_is_its_setting_and_is_never_corrected() -> None:
    setup = replace(SETUP, engine="vllm")
    one = observed("kv_cache", 1000, 1100, engine="vllm")

    assert corrected("kv_cache", one, setup=setup) == KV_CACHE


def test_of_several_overheads_the_largest_carries_the_difference() -> None:
    small, large = replace(OVERHEAD, expected_bytes=50 * MIB, source="graphs"), OVERHEAD
    memory = MemoryEstimate((small, large))
    after = Calibration((observed("overhead", 122 * MIB, 130 * MIB),)).apply(memory, SETUP)

    assert after.expected_bytes == memory.expected_bytes + 8 * MIB
    assert after.terms[0] is small


def test_few_launches_only_widen_an_interval() -> None:
    after = corrected("compute", *launches("compute", 1000, 1200, 1200))

    assert after.low_bytes == COMPUTE.low_bytes
    assert after.high_bytes == round(55_000 * 1.2)


def test_launches_that_agree_narrow_it_to_what_they_saw() -> None:
    after = corrected("compute", *launches("compute", 1000, 1195, 1200, 1205))

    assert (after.low_bytes, after.expected_bytes, after.high_bytes) == (59_250, 60_000, 60_750)


def test_what_an_engine_may_grow_to_stays_in_an_interval_of_overhead() -> None:
    after = corrected("overhead", *launches("overhead", 72 * MIB, 60 * MIB, 61 * MIB, 60 * MIB))

    assert (after.low_bytes, after.expected_bytes, after.high_bytes) == (52 * MIB, 60 * MIB, 128 * MIB)


def test_launches_that_disagree_do_not() -> None:
    after = corrected("compute", *launches("compute", 1000, 1000, 1200, 1400))

    assert after.low_bytes == COMPUTE.low_bytes
    assert after.high_bytes >= COMPUTE.high_bytes


def test_a_device_is_found_by_the_name_that_it_is_kept_under() -> None:
    setup = replace(SETUP, layout="1 gpu", devices=(("gpu:0", "RTX 4090"), ("cpu", CPU_NAME)))
    memory = MemoryEstimate((replace(OVERHEAD, device="gpu:0"),))
    one = observed("overhead", 72 * MIB, 80 * MIB, device="RTX 4090", layout="1 gpu")

    assert Calibration((one,)).apply(memory, setup).expected_bytes == 80 * MIB


SIZES = st.integers(min_value=0, max_value=2**45)
COMPONENTS = st.sampled_from([*RATIO_BOUNDS, "overhead"])


@st.composite
def terms(draw: st.DrawFn) -> MemoryTerm:
    low, expected, high = sorted(draw(st.tuples(SIZES, SIZES, SIZES)))
    return MemoryTerm(draw(COMPONENTS), low, expected, high, "formula", "cpu", "a calculation")


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    minute = draw(st.integers(0, 59))
    return observed(
        draw(COMPONENTS),
        draw(st.integers(min_value=1, max_value=2**45)),
        draw(SIZES),
        rounding_bytes=draw(st.integers(0, 10_000)),
        observed_at=f"2026-11-26T10:{minute:02}:00+00:00",
    )


@given(st.lists(terms(), max_size=6), st.lists(observations(), max_size=20))
def test_whatever_was_measured_an_interval_stays_in_order_and_within_bounds(
    before: list[MemoryTerm], seen: list[Observation]
) -> None:
    after = Calibration(tuple(seen)).apply(MemoryEstimate(tuple(before)), SETUP)

    for old, new in zip(before, after.terms, strict=True):
        assert 0 <= new.low_bytes <= new.expected_bytes <= new.high_bytes
        assert new.formula_bytes == old.expected_bytes
        assert (new.name, new.device) == (old.name, old.device)
        if old.name in RATIO_BOUNDS:
            least, most = RATIO_BOUNDS[old.name]
            assert old.expected_bytes * least - 1 <= new.expected_bytes <= old.expected_bytes * most + 1


@given(st.integers(min_value=1000, max_value=2**45), st.floats(min_value=0.55, max_value=1.95))
def test_a_second_launch_of_the_same_finds_its_prediction_true(formula_bytes: int, truth: float) -> None:
    measured_bytes = round(formula_bytes * truth)
    term = MemoryTerm("compute", 0, formula_bytes, formula_bytes, "formula", "cpu")
    one = observed("compute", formula_bytes, measured_bytes)
    after = Calibration((one,)).apply(MemoryEstimate((term,)), SETUP).term("compute")

    # As closely as the factor is printed.
    assert abs(after.expected_bytes - measured_bytes) <= 0.00005 * formula_bytes + 1


@given(COMPONENTS, st.floats(min_value=0.9, max_value=1.2), st.integers(2, 6))
def test_launch_after_launch_the_prediction_stays_where_it_came_to(
    name: str, truth: float, count: int
) -> None:
    formula_bytes = 72 * MIB
    term = MemoryTerm(name, 0, formula_bytes, formula_bytes, "formula", "cpu")
    seen: tuple[Observation, ...] = ()
    predicted = []
    for minute in range(count):
        after = Calibration(seen).apply(MemoryEstimate((term,)), SETUP).term(name)
        predicted.append(after.expected_bytes)
        one = observed(name, after.formula_bytes, round(formula_bytes * truth))
        seen += (replace(one, observed_at=f"2026-11-26T10:{minute:02}:00+00:00"),)

    assert predicted[0] == formula_bytes
    assert len(set(predicted[1:])) == 1


def test_a_summary_says_of_each_component_what_is_applied_and_to_what() -> None:
    seen = (
        *launches("compute", 1000, 1100, 9000),
        observed("overhead", 72 * MIB, 60 * MIB),
        observed("weights", 1000, 1000),
        observed("kv_cache", 1000, 4000),
    )

    rows = {one.component: one for one in summarize(seen)}

    assert list(rows) == ["weights", "kv_cache", "compute", "overhead"]
    assert {name: row.applied for name, row in rows.items()} == {
        "weights": "confirmed",
        "kv_cache": "out of bounds",
        "compute": "x 1.1",
        "overhead": "- 12.0 MiB",
    }
    assert rows["weights"].scope == "a-model:1b Q4_K_M"
    assert rows["overhead"].scope == "any model"
    assert (rows["compute"].launches, rows["compute"].refused) == (1, 1)
    assert rows["compute"].place == "embedded 1.0 on a processor (cpu), qwen2"


def test_bounds_are_around_what_was_predicted() -> None:
    assert within_bounds(observed("overhead", 400 * MIB, 800 * MIB))
    assert not within_bounds(observed("overhead", 400 * MIB, 801 * MIB))
    assert within_bounds(observed("overhead", 72 * MIB, 328 * MIB))
    assert not within_bounds(observed("overhead", 72 * MIB, 17 * MIB))
