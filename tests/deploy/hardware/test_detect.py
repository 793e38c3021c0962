"""This machine: processor, memory, and how fast the memory is read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.hardware.bandwidth import cached_bandwidth, measure_bandwidth, remember_bandwidth
from deploy.hardware.cgroup import CgroupMemory
from deploy.hardware.cpu import Memory, cpu_name, limit_cores, limit_memory, parse_cpu_name, wsl_notes
from deploy.hardware.detect import detect_machine, nearest_existing
from deploy.spec import GIB
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from pathlib import Path


def test_this_machine_is_described(tmp_path: Path) -> None:
    machine = detect_machine(disk_path=tmp_path / "weights")
    assert machine.cpu_name
    assert 1 <= machine.cpu_cores <= (os.cpu_count() or 1)
    assert 0 < machine.memory_available_bytes <= machine.memory_total_bytes
    assert machine.disk_free_bytes > 0
    assert machine.python_version.startswith("3.")
    assert not machine.described


def test_looking_at_a_machine_again_without_a_gpu_starts_no_program(tmp_path: Path) -> None:
    started: list[object] = []
    looking = False

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if looking and event in {"subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork"}:
            started.append(arguments)

    sys.addaudithook(note)  # for as long as this process lives, so it listens to this test alone
    detect_machine(disk_path=tmp_path)
    looking = True
    machine = detect_machine(disk_path=tmp_path)
    looking = False
    if machine.gpus:
        pytest.skip("a driver's own program may be asked")
    assert started == []


def test_a_lower_cgroup_limit_replaces_physical_memory() -> None:
    limited = limit_memory(64 * GIB, 60 * GIB, CgroupMemory(limit_bytes=8 * GIB, used_bytes=3 * GIB))
    assert limited == Memory(8 * GIB, 5 * GIB, "cgroup")


def test_memory_that_others_hold_counts_even_within_a_cgroup_limit() -> None:
    limited = limit_memory(64 * GIB, 2 * GIB, CgroupMemory(limit_bytes=8 * GIB, used_bytes=0))
    assert limited == Memory(8 * GIB, 2 * GIB, "cgroup")


@pytest.mark.parametrize("cgroup", [None, CgroupMemory(limit_bytes=2**63 - 4096, used_bytes=5 * GIB)])
def test_no_limit_leaves_physical_memory(cgroup: CgroupMemory | None) -> None:
    assert limit_memory(64 * GIB, 60 * GIB, cgroup) == Memory(64 * GIB, 60 * GIB, "physical")


@pytest.mark.parametrize(("quota_cpus", "cores"), [(None, 64), (2.5, 2), (0.5, 1), (128.0, 64)])
def test_a_quota_of_cpu_time_lowers_the_cores_to_whole_ones(quota_cpus: float | None, cores: int) -> None:
    assert limit_cores(64, quota_cpus) == cores


def test_the_processor_is_named_where_the_kernel_names_it() -> None:
    assert parse_cpu_name("processor\t: 0\nmodel name\t: AMD EPYC 7B13\n") == "AMD EPYC 7B13"
    assert parse_cpu_name("processor\t: 0\nBogoMIPS\t: 50.00\n") == ""


def test_a_board_is_named_by_its_device_tree_where_its_processor_is_not(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\n")
    tree = tmp_path / "sys/firmware/devicetree/base"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(b"NVIDIA Jetson AGX Orin Developer Kit\0")
    assert cpu_name(tmp_path) == "NVIDIA Jetson AGX Orin Developer Kit"


def _kernel(root: Path, version: str) -> Path:
    (root / "proc").mkdir()
    (root / "proc/version").write_text(version)
    return root


def test_windows_share_of_the_memory_is_noted_under_wsl(tmp_path: Path) -> None:
    root = _kernel(tmp_path, "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1)")
    memory, gpu = wsl_notes(root)
    assert ".wslconfig" in memory
    assert "/dev/dxg is missing" in gpu
    (root / "dev").mkdir()
    (root / "dev/dxg").touch()
    assert "Windows driver" in wsl_notes(root)[1]


def test_plain_linux_has_nothing_to_note(tmp_path: Path) -> None:
    assert wsl_notes(_kernel(tmp_path, "Linux version 6.8.0-49-generic (buildd@lcy02)")) == ()


def test_disk_is_measured_at_the_nearest_parent_that_exists(tmp_path: Path) -> None:
    assert nearest_existing(tmp_path / "not" / "yet" / "here") == tmp_path


def test_memory_is_read_at_the_speed_of_memory() -> None:
    measured = measure_bandwidth(1, seconds=0.05)
    assert 0.5e9 < measured < 3000e9


def test_a_measured_bandwidth_is_found_again_for_the_same_processor_only(tmp_path: Path) -> None:
    assert cached_bandwidth(tmp_path, "A CPU", 8) == 0
    remember_bandwidth(tmp_path / "new", "A CPU", 8, 42e9)
    remember_bandwidth(tmp_path / "new", "Another", 4, 21e9)
    assert cached_bandwidth(tmp_path / "new", "A CPU", 8) == 42e9
    assert cached_bandwidth(tmp_path / "new", "A CPU", 4) == 0


def test_a_remembered_bandwidth_is_part_of_the_machine(tmp_path: Path) -> None:
    machine = detect_machine(disk_path=tmp_path, cache_dir=tmp_path)
    assert machine.memory_bandwidth_bytes_per_s == 0
    remember_bandwidth(tmp_path, machine.cpu_name, machine.cpu_cores, 33e9)
    assert detect_machine(disk_path=tmp_path, cache_dir=tmp_path).memory_bandwidth_bytes_per_s == 33e9


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"A CPU, 8 cores": "fast"}', '{"A CPU, 8 cores": -1}'])
def test_a_damaged_file_of_bandwidths_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory-bandwidth.json").write_text(text)
    assert cached_bandwidth(tmp_path, "A CPU", 8) == 0


def test_a_bandwidth_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentUnfitError, match="cannot be written"):
        remember_bandwidth(tmp_path / "file", "A CPU", 8, 1e9)
