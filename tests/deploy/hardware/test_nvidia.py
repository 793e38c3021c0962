"""NVIDIA GPUs by NVML, from the answers and error codes that drivers were seen to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.hardware.gpu_facts import find_gpu
from deploy.hardware.nvidia import SystemMemory, driver_present, read_nvidia, select_visible
from deploy.hardware.nvidia_smi import parse_nvidia_smi, run_nvidia_smi
from deploy.spec import GIB, MIB, Gpu
from stillroom.errors import EnvironmentUnfitError
from tests.deploy.hardware.nvml import Device, Memory, Process, fake_nvml, h100, h200, pynvml, rtx_4090

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

MEMORY = SystemMemory(total_bytes=64 * GIB, available_bytes=60 * GIB)


def one(nvml: ModuleType) -> Gpu:
    (gpu,) = read_nvidia(nvml, MEMORY).gpus
    return gpu


def test_a_card_is_read_with_its_memory_driver_generation_and_bandwidth() -> None:
    gpu = one(fake_nvml(rtx_4090()))
    assert (gpu.name, gpu.driver, gpu.source) == ("NVIDIA GeForce RTX 4090", "550.54.14", "nvml")
    assert (gpu.total_bytes, gpu.free_bytes) == (24564 * MIB, 24077 * MIB)
    assert (gpu.compute_capability, gpu.bandwidth_bytes_per_s, gpu.fp16_flops) == (8.9, 1008e9, 165.2e12)
    assert not gpu.unified


def test_a_server_card_is_read_as_its_driver_was_seen_to_answer() -> None:
    gpu = one(fake_nvml(h200(), driver="580.159.04"))
    facts = find_gpu("NVIDIA H200")

    assert (gpu.name, gpu.driver, gpu.compute_capability) == ("NVIDIA H200", "580.159.04", 9.0)
    assert gpu.total_bytes == 143_771 * MIB == facts.total_bytes
    assert gpu.free_bytes == 150_109_880_320
    assert gpu.free_bytes == pytest.approx(facts.idle_free_bytes, abs=MIB)
    # What the name is known for is what bus and clock come to.
    assert gpu.bandwidth_bytes_per_s == 4800e9 == pytest.approx(6016 / 8 * 3201e6 * 2, rel=0.004)
    assert not gpu.unified


def test_several_cards_keep_the_drivers_order() -> None:
    gpus = read_nvidia(fake_nvml(rtx_4090(), h100()), MEMORY).gpus
    assert [(gpu.index, gpu.name) for gpu in gpus] == [
        (0, "NVIDIA GeForce RTX 4090"),
        (1, "NVIDIA H100 80GB HBM3"),
    ]


@pytest.mark.parametrize(
    ("bus_bits", "memory_mhz", "gigabytes_per_s"),
    [(384, 10501, 1008), (5120, 2619, 3352), (6016, 3201, 4814), (5120, 1593, 2039), (352, 5505, 484)],
)
def test_the_bandwidth_of_an_unknown_card_comes_from_its_bus_and_clock(
    bus_bits: int, memory_mhz: int, gigabytes_per_s: float
) -> None:
    memory = Memory(16 * GIB, 15 * GIB)
    unknown = Device("NVIDIA Something 1", "GPU-x", memory, bus_bits=bus_bits, memory_mhz=memory_mhz)
    assert one(fake_nvml(unknown)).bandwidth_bytes_per_s / 1e9 == pytest.approx(gigabytes_per_s, rel=0.002)


def test_a_laptops_card_has_its_own_bandwidth_and_not_the_desktops() -> None:
    laptop = Device(
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "GPU-l",
        Memory(16376 * MIB, 16000 * MIB),
        bus_bits=256,
        memory_mhz=9001,
    )
    gpu = one(fake_nvml(laptop))
    assert gpu.bandwidth_bytes_per_s == pytest.approx(576e9, rel=0.01)
    assert gpu.fp16_flops == 0


def test_a_gpu_without_memory_of_its_own_has_the_systems() -> None:
    spark = Device("NVIDIA GB10", "GPU-s", pynvml.NVML_ERROR_NOT_SUPPORTED, (12, 1))
    gpu = one(fake_nvml(spark, driver="580.95.05"))
    assert gpu.unified
    assert (gpu.total_bytes, gpu.free_bytes) == (64 * GIB, 60 * GIB)
    assert gpu.bandwidth_bytes_per_s == 273e9


def test_programs_that_hold_memory_are_listed_largest_first_and_once() -> None:
    card = rtx_4090(free_mib=15000)
    card.processes = [Process(41, 300 * MIB), Process(42, 8000 * MIB), Process(7, None)]
    processes = one(fake_nvml(card)).processes
    assert [(item.pid, item.name, item.used_bytes) for item in processes] == [
        (42, "program-42", 8000 * MIB),
        (41, "program-41", 300 * MIB),
        (7, "", 0),
    ]


def cut_a100() -> Device:
    instances = [
        Device("NVIDIA A100-SXM4-40GB MIG 1g.5gb", f"MIG-{place}", Memory(4864 * MIB, 4850 * MIB), (8, 0))
        for place in range(2)
    ]
    memory = Memory(40960 * MIB, 40000 * MIB)
    return Device("NVIDIA A100-SXM4-40GB", "GPU-m", memory, (8, 0), mig_mode=[1, 1], instances=instances)


def test_each_mig_instance_is_a_gpu_with_its_share() -> None:
    gpus = read_nvidia(fake_nvml(cut_a100()), MEMORY).gpus
    assert [gpu.name for gpu in gpus] == ["NVIDIA A100-SXM4-40GB MIG 1g.5gb"] * 2
    assert all(gpu.total_bytes == 4864 * MIB for gpu in gpus)
    assert gpus[0].bandwidth_bytes_per_s == pytest.approx(1555e9 / 8, rel=0.06)


def test_a_card_that_could_be_cut_and_is_not_stays_one_gpu() -> None:
    card = h100()
    card.mig_mode = [0, 0]
    assert one(fake_nvml(card)).total_bytes == 81559 * MIB


def test_a_mig_instance_can_be_chosen_by_its_name() -> None:
    found = read_nvidia(fake_nvml(rtx_4090(), cut_a100()), MEMORY, visible="MIG-1")
    assert [(gpu.index, gpu.name) for gpu in found.gpus] == [(0, "NVIDIA A100-SXM4-40GB MIG 1g.5gb")]


def test_hidden_gpus_are_left_out_and_the_rest_numbered_as_cuda_does() -> None:
    found = read_nvidia(fake_nvml(rtx_4090(), h100()), MEMORY, visible="1")
    assert [(gpu.index, gpu.name) for gpu in found.gpus] == [(0, "NVIDIA H100 80GB HBM3")]
    assert found.notes == ("CUDA_VISIBLE_DEVICES=1 leaves 1 of 2 GPUs",)


@pytest.mark.parametrize(
    ("visible", "left"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("0,9,1", [0]),
        ("0,0", [0]),
        ("GPU-bb", [1]),
        ("GPU-", []),
        ("NoDevFiles", []),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(visible: str | None, left: list[int]) -> None:
    assert select_visible(["GPU-aa", "GPU-bb", "GPU-cc"], visible) == left


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_means_no_gpu_and_nothing_to_say(code: int) -> None:
    found = read_nvidia(fake_nvml(init=code), MEMORY)
    assert (found.gpus, found.notes) == ((), ())


def test_a_driver_that_does_not_match_its_library_is_said() -> None:
    found = read_nvidia(fake_nvml(init=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH), MEMORY)
    assert found.gpus == ()
    assert "RM has detected an NVML/RM version mismatch" in found.notes[0]


def test_a_card_that_fell_off_the_bus_does_not_hide_the_others() -> None:
    lost = Device("NVIDIA L4", "GPU-z", pynvml.NVML_ERROR_GPU_IS_LOST)
    found = read_nvidia(fake_nvml(lost, rtx_4090()), MEMORY)
    assert [(gpu.index, gpu.name) for gpu in found.gpus] == [(0, "NVIDIA GeForce RTX 4090")]
    assert found.notes[0].startswith("NVIDIA GPU 0 cannot be read: GPU is lost")


def test_the_real_binding_finds_no_driver_where_there_is_none() -> None:
    if driver_present():
        pytest.skip("this machine has an NVIDIA driver")
    assert read_nvidia(pynvml, MEMORY).gpus == ()


def test_a_driver_is_seen_by_its_device_files(tmp_path: Path) -> None:
    assert not driver_present(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/dxg").touch()
    assert driver_present(tmp_path)


TWO = """\
GPU-aaaa, NVIDIA GeForce RTX 4090, 24564, 24111, 550.54.14
GPU-bbbb, NVIDIA H100 80GB HBM3, 81559, 80994, 550.54.14
"""


def test_gpus_are_read_from_what_nvidia_smi_prints() -> None:
    first, second = parse_nvidia_smi(TWO, MEMORY)
    assert (first.index, first.name, first.driver) == (0, "NVIDIA GeForce RTX 4090", "550.54.14")
    assert (second.total_bytes, second.free_bytes) == (81559 * MIB, 80994 * MIB)
    assert first.compute_capability == 8.9


def test_nvidia_smi_says_nothing_of_memory_that_is_the_systems() -> None:
    (gpu,) = parse_nvidia_smi("GPU-s, NVIDIA GB10, [N/A], [N/A], 580.95.05\n", MEMORY)
    assert (gpu.unified, gpu.total_bytes) == (True, 64 * GIB)


def test_hidden_gpus_are_left_out_of_nvidia_smi_too() -> None:
    assert [gpu.name for gpu in parse_nvidia_smi(TWO, MEMORY, visible="GPU-b")] == ["NVIDIA H100 80GB HBM3"]


@pytest.mark.parametrize(
    "line", ["GPU-a, NVIDIA T4, 15360", "GPU-a, NVIDIA T4, 15 GiB, 14 GiB, 550", "<html>"]
)
def test_an_answer_that_cannot_be_read_is_an_error_that_shows_it(line: str) -> None:
    with pytest.raises(EnvironmentUnfitError) as raised:
        parse_nvidia_smi(line, MEMORY)
    assert line in raised.value.message


def _program(directory: Path, script: str) -> str:
    path = directory / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_nvidia_smi_means_no_gpu(tmp_path: Path) -> None:
    assert run_nvidia_smi(MEMORY, executable=str(tmp_path / "nvidia-smi")).gpus == ()


def test_a_failing_nvidia_smi_is_said(tmp_path: Path) -> None:
    failing = _program(tmp_path, "echo 'could not communicate with the NVIDIA driver'; exit 9")
    found = run_nvidia_smi(MEMORY, executable=failing)
    assert found.gpus == ()
    assert found.notes == ("nvidia-smi failed: could not communicate with the NVIDIA driver",)


def test_a_working_nvidia_smi_is_asked_and_read(tmp_path: Path) -> None:
    answering = _program(tmp_path, "echo 'GPU-l, NVIDIA L4, 23034, 22490, 535.129.03'")
    assert [gpu.name for gpu in run_nvidia_smi(MEMORY, executable=answering).gpus] == ["NVIDIA L4"]
