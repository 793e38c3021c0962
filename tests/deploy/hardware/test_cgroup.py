"""Container limits, from files laid out as Linux lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.hardware.cgroup import CgroupMemory, parse_limit, read_cgroup_cpus, read_cgroup_memory

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3


def _membership(directory: Path, text: str) -> Path:
    path = directory / "self_cgroup"
    path.write_text(text)
    return path


def _v2_group(directory: Path, *, limit: str, used: int, inactive: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "memory.max").write_text(f"{limit}\n")
    (directory / "memory.current").write_text(f"{used}\n")
    (directory / "memory.stat").write_text(f"anon 1\nfile 2\ninactive_file {inactive}\n")


def test_version_2_limit_counts_usage_without_droppable_file_cache(tmp_path: Path) -> None:
    _v2_group(tmp_path / "cg", limit=str(4 * GIB), used=3 * GIB, inactive=2 * GIB)
    membership = _membership(tmp_path, "0::/\n")
    memory = read_cgroup_memory(membership=membership, root=tmp_path / "cg")
    assert memory == CgroupMemory(limit_bytes=4 * GIB, used_bytes=1 * GIB)


def test_the_tightest_limit_on_the_way_up_binds(tmp_path: Path) -> None:
    _v2_group(tmp_path / "cg/user.slice", limit=str(2 * GIB), used=0, inactive=0)
    _v2_group(tmp_path / "cg/user.slice/app.scope", limit="max", used=0, inactive=0)
    membership = _membership(tmp_path, "0::/user.slice/app.scope\n")
    memory = read_cgroup_memory(membership=membership, root=tmp_path / "cg")
    assert memory == CgroupMemory(limit_bytes=2 * GIB, used_bytes=0)


def test_version_1_limit_is_read_from_the_memory_hierarchy(tmp_path: Path) -> None:
    mount = tmp_path / "cg/memory"
    mount.mkdir(parents=True)
    (mount / "memory.limit_in_bytes").write_text(str(6 * GIB))
    (mount / "memory.usage_in_bytes").write_text(str(2 * GIB))
    (mount / "memory.stat").write_text(f"inactive_file 5\ntotal_inactive_file {GIB}\n")
    # Inside a container the path of the host is not mounted; the mount itself is the container's group.
    membership = _membership(tmp_path, "5:cpu,cpuacct:/docker/7f\n4:memory:/docker/7f\n0::/\n")
    memory = read_cgroup_memory(membership=membership, root=tmp_path / "cg")
    assert memory == CgroupMemory(limit_bytes=6 * GIB, used_bytes=1 * GIB)


def test_max_is_no_limit() -> None:
    assert parse_limit("max\n") is None


def test_a_system_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert read_cgroup_memory(membership=tmp_path / "missing", root=tmp_path) is None


def test_version_2_quota_is_read_as_cpus_and_the_tightest_binds(tmp_path: Path) -> None:
    group = tmp_path / "cg/user.slice/app.scope"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("max 100000\n")
    (group.parent / "cpu.max").write_text("250000 100000\n")
    membership = _membership(tmp_path, "0::/user.slice/app.scope\n")
    assert read_cgroup_cpus(membership=membership, root=tmp_path / "cg") == 2.5


def test_version_1_quota_is_read_from_the_cpu_hierarchy(tmp_path: Path) -> None:
    mount = tmp_path / "cg/cpu"
    mount.mkdir(parents=True)
    (mount / "cpu.cfs_quota_us").write_text("400000\n")
    (mount / "cpu.cfs_period_us").write_text("100000\n")
    membership = _membership(tmp_path, "5:cpu,cpuacct:/docker/7f\n")
    assert read_cgroup_cpus(membership=membership, root=tmp_path / "cg") == 4


def test_without_a_quota_every_core_counts(tmp_path: Path) -> None:
    mount = tmp_path / "cg/cpu"
    mount.mkdir(parents=True)
    (mount / "cpu.cfs_quota_us").write_text("-1\n")
    (mount / "cpu.cfs_period_us").write_text("100000\n")
    membership = _membership(tmp_path, "5:cpu,cpuacct:/\n")
    assert read_cgroup_cpus(membership=membership, root=tmp_path / "cg") is None
    assert read_cgroup_cpus(membership=tmp_path / "missing", root=tmp_path) is None
