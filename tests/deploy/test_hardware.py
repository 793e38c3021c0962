"""Reading the machine: parsers on recorded text, and the real machine that runs the tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deploy.cgroup import CgroupMemory
from deploy.hardware import (
    detect_gpus,
    detect_machine,
    limit_cores,
    limit_memory,
    nearest_existing,
    parse_cpu_name,
    parse_nvidia_smi,
)
from deploy.spec import GIB, MIB
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from pathlib import Path

TWO_GPUS = """\
0, NVIDIA GeForce RTX 4090, 24564, 24111, 550.54.14
1, NVIDIA H100 80GB HBM3, 81559, 80994, 550.54.14
"""


def _program(directory: Path, script: str) -> str:
    path = directory / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_gpus_are_read_from_what_nvidia_smi_prints() -> None:
    first, second = parse_nvidia_smi(TWO_GPUS)
    assert (first.index, first.name, first.driver) == (0, "NVIDIA GeForce RTX 4090", "550.54.14")
    assert (second.total_bytes, second.free_bytes) == (81559 * MIB, 80994 * MIB)


def test_a_gpu_without_memory_of_its_own_is_left_out() -> None:
    assert parse_nvidia_smi("0, NVIDIA GB10, [N/A], [N/A], 580.95.05\n") == ()


@pytest.mark.parametrize("line", ["0, NVIDIA T4, 15360", "0, NVIDIA T4, 15 GiB, 14 GiB, 550", "<html>"])
def test_an_answer_that_cannot_be_read_is_an_error_that_shows_it(line: str) -> None:
    with pytest.raises(EnvironmentUnfitError) as raised:
        parse_nvidia_smi(line)
    assert line in raised.value.message


def test_no_nvidia_smi_means_no_gpu(tmp_path: Path) -> None:
    assert detect_gpus(str(tmp_path / "nvidia-smi")) == ()


def test_a_failing_nvidia_smi_means_no_gpu(tmp_path: Path) -> None:
    failing = _program(tmp_path, "echo 'couldn'\\''t communicate with the NVIDIA driver'; exit 9")
    assert detect_gpus(failing) == ()


def test_a_working_nvidia_smi_is_asked_and_read(tmp_path: Path) -> None:
    answering = _program(tmp_path, "echo '0, NVIDIA L4, 23034, 22490, 535.129.03'")
    assert [gpu.name for gpu in detect_gpus(answering)] == ["NVIDIA L4"]


def test_a_working_nvidia_smi_with_an_unreadable_answer_is_not_hidden(tmp_path: Path) -> None:
    garbled = _program(tmp_path, "echo surprise")
    with pytest.raises(EnvironmentUnfitError, match="surprise"):
        detect_gpus(garbled)


def test_a_lower_cgroup_limit_replaces_physical_memory() -> None:
    limited = limit_memory(64 * GIB, 60 * GIB, CgroupMemory(limit_bytes=8 * GIB, used_bytes=3 * GIB))
    assert limited == (8 * GIB, 5 * GIB, "cgroup")


def test_memory_that_others_hold_counts_even_within_a_cgroup_limit() -> None:
    limited = limit_memory(64 * GIB, 2 * GIB, CgroupMemory(limit_bytes=8 * GIB, used_bytes=0))
    assert limited == (8 * GIB, 2 * GIB, "cgroup")


@pytest.mark.parametrize("cgroup", [None, CgroupMemory(limit_bytes=2**63 - 4096, used_bytes=5 * GIB)])
def test_no_limit_leaves_physical_memory(cgroup: CgroupMemory | None) -> None:
    assert limit_memory(64 * GIB, 60 * GIB, cgroup) == (64 * GIB, 60 * GIB, "physical")


@pytest.mark.parametrize(("quota_cpus", "cores"), [(None, 64), (2.5, 2), (0.5, 1), (128.0, 64)])
def test_a_quota_of_cpu_time_lowers_the_cores_to_whole_ones(quota_cpus: float | None, cores: int) -> None:
    assert limit_cores(64, quota_cpus) == cores


def test_the_processor_is_named_where_the_kernel_names_it() -> None:
    assert parse_cpu_name("processor\t: 0\nmodel name\t: AMD EPYC 7B13\n") == "AMD EPYC 7B13"
    assert parse_cpu_name("processor\t: 0\nBogoMIPS\t: 50.00\n") == ""


def test_disk_is_measured_at_the_nearest_parent_that_exists(tmp_path: Path) -> None:
    assert nearest_existing(tmp_path / "not" / "yet" / "here") == tmp_path


def test_this_machine_is_described(tmp_path: Path) -> None:
    machine = detect_machine(disk_path=tmp_path / "weights")
    assert machine.cpu_name
    assert 1 <= machine.cpu_cores <= (os.cpu_count() or 1)
    assert 0 < machine.memory_available_bytes <= machine.memory_total_bytes
    assert machine.disk_free_bytes > 0
    assert machine.python_version.startswith("3.")
