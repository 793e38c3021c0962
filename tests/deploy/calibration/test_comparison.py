"""Predicted beside measured: each device's lines add up to its total, whatever the engine told."""

from __future__ import annotations

from deploy.calibration.comparison import ComparedTerm, compare
from deploy.engines.base import MeasuredTerm
from deploy.measurement import GpuUse, Measurement
from deploy.spec import Correction, MemoryEstimate, MemoryTerm

ON_CPU = MemoryEstimate(
    (
        MemoryTerm("weights", 1000, 1000, 1000, "file", "cpu"),
        MemoryTerm("weights_repacked", 0, 0, 0, "none", "cpu"),
        MemoryTerm("kv_cache", 400, 400, 400, "formula", "cpu"),
        MemoryTerm("compute", 10, 100, 120, "formula", "cpu"),
        MemoryTerm("overhead", 50, 70, 90, "measured once", "cpu"),
    )
)


def told(**sizes: int) -> tuple[MeasuredTerm, ...]:
    return tuple(MeasuredTerm(name, size, "log", "cpu") for name, size in sizes.items())


def measured(held_bytes: int, **sizes: int) -> Measurement:
    return Measurement(held_bytes, None, None, told(**sizes), held_bytes=held_bytes)


def by_name(lines: tuple[ComparedTerm, ...], device: str = "cpu") -> dict[str, ComparedTerm]:
    return {line.name: line for line in lines if line.device == device}


def test_overhead_is_what_no_component_accounts_for() -> None:
    lines = by_name(compare(ON_CPU, measured(1600, weights=1000, kv_cache=400, compute=110)))

    assert list(lines) == ["weights", "kv_cache", "compute", "overhead", "total"]
    assert lines["overhead"].measured_bytes == 90
    assert lines["total"].predicted_bytes == 1570
    assert lines["compute"].difference == 0.1


def test_both_columns_add_up_to_the_totals() -> None:
    lines = compare(ON_CPU, measured(1600, weights=1000, kv_cache=400, compute=110))

    *parts, total = lines
    assert sum(line.predicted_bytes for line in parts) == total.predicted_bytes
    assert sum(line.measured_bytes or 0 for line in parts) == total.measured_bytes


def test_what_an_engine_does_not_tell_apart_is_set_beside_the_rest_together() -> None:
    lines = by_name(compare(ON_CPU, measured(1600, weights=1000, kv_cache=400)))

    assert lines["overhead"].covers == ("compute", "overhead")
    assert (lines["overhead"].predicted_bytes, lines["overhead"].measured_bytes) == (170, 200)
    assert "compute" not in lines


def test_a_sum_of_buffers_is_set_beside_what_it_sums_up() -> None:
    lines = by_name(compare(ON_CPU, measured(1600, buffers=1520)))

    assert lines["buffers"].covers == ("weights", "kv_cache", "compute")
    assert lines["buffers"].predicted_bytes == 1500
    assert lines["overhead"].covers == ("overhead",)


def test_where_pages_are_missing_overhead_is_not_made_up() -> None:
    lines = by_name(compare(ON_CPU, measured(1200, weights=1000, kv_cache=400, compute=110)))

    assert lines["overhead"].measured_bytes is None
    assert lines["total"].measured_bytes == 1200


def test_each_device_has_lines_and_a_total_of_its_own() -> None:
    memory = MemoryEstimate(
        (
            MemoryTerm("weights", 900, 900, 900, "file", "gpu:0"),
            MemoryTerm("overhead", 50, 70, 90, "driver", "gpu:0"),
            MemoryTerm("weights", 100, 100, 100, "file", "cpu"),
            MemoryTerm("overhead", 40, 60, 80, "process", "cpu"),
        )
    )
    terms = (MeasuredTerm("weights", 905, "log", "gpu:0"), MeasuredTerm("weights", 100, "log", "cpu"))
    lines = compare(memory, Measurement(170, None, None, terms, gpus=(GpuUse("gpu:0", 1000, 3000),)))

    assert by_name(lines, "gpu:0")["overhead"].measured_bytes == 95
    assert by_name(lines, "gpu:0")["total"].measured_bytes == 1000
    assert by_name(lines)["overhead"].measured_bytes == 70


def test_a_gpu_whose_driver_tells_nothing_keeps_the_engines_own_figures() -> None:
    memory = MemoryEstimate(
        (
            MemoryTerm("weights", 900, 900, 900, "file", "gpu:0"),
            MemoryTerm("overhead", 50, 70, 90, "driver", "gpu:0"),
        )
    )
    lines = compare(memory, Measurement(170, None, None, (MeasuredTerm("weights", 905, "log", "gpu:0"),)))

    assert [(line.name, line.measured_bytes) for line in lines] == [
        ("weights", 905),
        ("overhead", None),
        ("total", None),
    ]


def test_cuda_graphs_are_told_and_are_part_of_overhead() -> None:
    memory = MemoryEstimate(
        (
            MemoryTerm("weights", 900, 900, 900, "file", "gpu:0"),
            MemoryTerm("overhead", 30, 30, 30, "graphs", "gpu:0"),
            MemoryTerm("overhead", 50, 70, 90, "driver", "gpu:0"),
        )
    )
    terms = (MeasuredTerm("weights", 900, "log", "gpu:0"), MeasuredTerm("cuda_graphs", 25, "log", "gpu:0"))
    lines = compare(memory, Measurement(0, None, None, terms, gpus=(GpuUse("gpu:0", 1000, 3000),)))

    assert [(line.name, line.predicted_bytes, line.measured_bytes) for line in lines] == [
        ("weights", 900, 900),
        ("cuda_graphs", 0, 25),
        ("overhead", 100, 100),
        ("total", 1000, 1000),
    ]
    assert lines[1].difference is None


def test_the_formulas_own_value_is_kept_beside_a_corrected_prediction() -> None:
    corrected = MemoryTerm(
        "compute", 90, 130, 140, "formula", "cpu", correction=Correction(100, 1.3, 0, 1, "2026-11-26")
    )
    (line, _) = compare(MemoryEstimate((corrected,)), measured(0, compute=131))

    assert (line.predicted_bytes, line.formula_bytes) == (130, 100)
