"""The memory limit of the control group that this process runs in: a container's limit, on Linux.

Parsing is pure; ``read_cgroup_memory`` reads a few small files. It knows nothing of physical memory, and on
systems without control groups it finds nothing.
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
    try:
        groups = parse_membership(membership.read_text())
    except OSError:
        return None
    found = [
        memory
        for layout in (_V2, _V1)
        if layout.hierarchy in groups
        for directory in _upwards(root / layout.hierarchy, groups[layout.hierarchy])
        if (memory := _read_group(directory, layout)) is not None
    ]
    return min(found, key=lambda memory: memory.limit_bytes - memory.used_bytes, default=None)


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
