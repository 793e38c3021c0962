"""A running engine measured: its GPUs as the driver tells, numbered as the plan numbers them."""

from __future__ import annotations

import os

import pytest

from deploy.engines.base import MeasuredTerm
from deploy.measurement import GpuUse, Measurement
from deploy.measuring import as_planned, gpu_use, measure_processes
from deploy.spec import MIB
from tests.deploy.hardware.nvml import Device, Process, fake_nvml, h100, pynvml, rtx_4090

OURS = {41, 42}


def card(uuid: str, *processes: Process) -> Device:
    device = rtx_4090(uuid, free_mib=10_000)
    device.processes = list(processes)
    return device


def test_what_the_engines_own_processes_hold_is_told_apart_from_strangers() -> None:
    nvml = fake_nvml(card("GPU-a", Process(41, 5000 * MIB), Process(42, 300 * MIB), Process(9, 2000 * MIB)))

    assert gpu_use(nvml, OURS) == (GpuUse("gpu:0", 5300 * MIB, 14_564 * MIB),)


def test_a_gpu_that_none_of_ours_uses_has_no_figure_of_its_own() -> None:
    nvml = fake_nvml(card("GPU-a", Process(9, 2000 * MIB)), card("GPU-b", Process(41, 700 * MIB)))

    assert [use.own_bytes for use in gpu_use(nvml, OURS)] == [None, 700 * MIB]


def test_where_the_driver_does_not_tell_how_much_a_process_holds_nothing_is_made_up() -> None:
    # Under WSL; and in a container the driver knows other numbers of processes.
    assert gpu_use(fake_nvml(card("GPU-a", Process(41, None))), OURS)[0].own_bytes is None


def test_gpus_are_numbered_as_the_plan_numbers_those_that_are_visible() -> None:
    nvml = fake_nvml(card("GPU-a"), card("GPU-b", Process(41, 700 * MIB)))

    assert gpu_use(nvml, OURS, visible="1,0")[0] == GpuUse("gpu:0", 700 * MIB, 14_564 * MIB)


def test_a_gpu_without_memory_of_its_own_is_part_of_the_main_memory() -> None:
    shared = Device("NVIDIA GB10", "GPU-s", pynvml.NVML_ERROR_NOT_SUPPORTED, (12, 1))

    assert [use.device for use in gpu_use(fake_nvml(shared, h100()), OURS)] == ["gpu:1"]


def test_an_engine_that_sees_some_gpus_numbers_them_from_zero_and_the_plan_does_not() -> None:
    terms = tuple(MeasuredTerm("weights", 1, "log", device) for device in ("gpu:0", "gpu:1", "cpu"))

    assert [term.device for term in as_planned(terms, "3,1")] == ["gpu:3", "gpu:1", "cpu"]
    assert as_planned(terms, "") == terms


def test_a_process_is_measured_with_the_terms_that_it_is_given() -> None:
    term = MeasuredTerm("weights", 5, "log", "gpu:0")

    measured = measure_processes(os.getpid(), (term,), environment={"CUDA_VISIBLE_DEVICES": "2"})

    assert measured.terms[0].device == "gpu:2"
    assert measured.total_bytes("cpu") == (measured.held_bytes or measured.rss_bytes)
    assert measured.rss_bytes > 0


@pytest.mark.parametrize(
    ("measured", "total_bytes"),
    [
        (Measurement(300, 100, 200, (), held_bytes=280), 280),
        (Measurement(300, None, None, ()), 300),
        (Measurement(0, None, None, ()), None),
    ],
)
def test_the_total_of_main_memory_is_what_is_held_or_else_resident(
    measured: Measurement, total_bytes: int | None
) -> None:
    assert measured.total_bytes("cpu") == total_bytes
    assert measured.total_bytes("gpu:0") is None
