"""The limits of the control group that this process runs in, on memory and CPU time: a container's, on Linux.

Parsing is pure; the functions named ``read_…`` read a few small files. They know nothing of the machine, and
on systems without control groups they find nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """A limit and what counts against it.

    Attributes:
        used_bytes: usage without file cache that the kernel drops when memory gets scarce.
    """

    limit_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a version of control groups names things."""

    hierarchy: str
    limit: str
    usage: str
    reclaimable: str


_V2 = _Layout("", "memory.max", "memory.current", "inactive_file")
_V1 = _Layout("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def read_cgroup_memory(*, membership: Path = _MEMBERSHIP, root: Path = _ROOT) -> CgroupMemory | None:
    """The tightest limit on this process, from its own group up to the root; None where there is none.

    Version 1 knows no limit as a number near 2**63: the caller compares with the physical memory.
    """
    groups = _groups(membership)
    found = [
        memory
        for layout in (_V2, _V1)
        if layout.hierarchy in groups
        for directory in _upwards(root / layout.hierarchy, groups[layout.hierarchy])
        if (memory := _read_group(directory, layout)) is not None
    ]
    return min(found, key=lambda memory: memory.limit_bytes - memory.used_bytes, default=None)


def read_cgroup_cpus(*, membership: Path = _MEMBERSHIP, root: Path = _ROOT) -> float | None:
    """How many CPUs' time this process gets, by the tightest quota up to the root; None where there is none.

    A container started with ``--cpus=2`` sees every core of its host and is stopped for the rest of each
    period once it has used that much: threads beyond it only wait for each other.
    """
    groups = _groups(membership)
    quotas = [
        cpus
        for hierarchy in ("", "cpu")
        if hierarchy in groups
        for directory in _upwards(root / hierarchy, groups[hierarchy])
        if (cpus := _read_quota(directory)) is not None
    ]
    return min(quotas, default=None)


def parse_quota(quota: str, period: str) -> float | None:
    """Microseconds of CPU time a period as a number of CPUs; None for ``max`` or version 1's -1.

    Example:
        >>> parse_quota("150000", "100000")
        1.5
    """
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def parse_membership(text: str) -> dict[str, PurePosixPath]:
    """``/proc/self/cgroup``: the group's path by controller; version 2's is under the empty name.

    Example:
        >>> parse_membership("4:memory:/docker/7f")
        {'memory': PurePosixPath('/docker/7f')}
    """
    groups: dict[str, PurePosixPath] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            groups[controller] = PurePosixPath(path)
    return groups


def parse_limit(text: str) -> int | None:
    """A limit file: bytes, or None for ``max``."""
    value = text.strip()
    return int(value) if value.isdigit() else None


def parse_reclaimable(text: str, name: str) -> int:
    """The bytes of one line of ``memory.stat``; 0 where it is missing."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _groups(membership: Path) -> dict[str, PurePosixPath]:
    try:
        return parse_membership(membership.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return {}


def _read_quota(directory: Path) -> float | None:
    try:
        quota, period = (directory / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (directory / "cpu.cfs_quota_us").read_text().strip()
            period = (directory / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return parse_quota(quota, period)


def _upwards(mount: Path, group: PurePosixPath) -> list[Path]:
    """The group's directory and those above it; inside a container only the mount itself may exist."""
    parts = group.parts[1:]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _read_group(directory: Path, layout: _Layout) -> CgroupMemory | None:
    try:
        limit = parse_limit((directory / layout.limit).read_text())
        if limit is None:
            return None
        usage = int((directory / layout.usage).read_text())
        reclaimable = parse_reclaimable((directory / "memory.stat").read_text(), layout.reclaimable)
    except OSError:
        return None
    return CgroupMemory(limit_bytes=limit, used_bytes=max(0, usage - reclaimable))
