"""What a process and its children keep in main memory, as the operating system accounts for it.

Pages that several processes map are the trap: summed resident sets count them once for each, and PSS counts
only a part of what strangers map too, such as weights that another engine has open. So a third figure, what
the family *holds*: anonymous memory by PSS, and each mapped file's pages once. It knows no engine and no
component.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psutil import Process

# /proc/PID/status and smaps_rollup count in kB of 1024 bytes, whatever the letter case says: proc(5).
_UNIT_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class FamilyMemory:
    """Main memory of some processes together, in bytes; None where the system does not tell (outside Linux).

    Attributes:
        pids: of the processes that still ran.
        rss_bytes: resident sets, summed; pages that they share are counted for each.
        pss_bytes: the same with each page divided by how many processes map it, strangers among them.
        held_bytes: pages that any of them keeps in memory, each once.
        file_backed_bytes: the part of ``rss_bytes`` that maps files, such as weights: the system can drop it
            and read it again.
        anonymous_bytes: the part that only these processes hold: KV cache, compute buffers.
    """

    pids: tuple[int, ...]
    rss_bytes: int
    pss_bytes: int | None
    held_bytes: int | None
    file_backed_bytes: int | None
    anonymous_bytes: int | None


def family_memory(pid: int) -> FamilyMemory:
    """Measure the process and all its children now; zeros where it has ended.

    Example:
        >>> import os
        >>> family_memory(os.getpid()).rss_bytes > 0
        True
    """
    import psutil

    try:
        leader = psutil.Process(pid)
        members = [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        members = []
    measured: list[tuple[int, int]] = []
    for member in members:
        try:
            measured.append((member.pid, member.memory_info().rss))
        except psutil.NoSuchProcess:
            continue
    pids = tuple(member for member, _ in measured)
    status = _sums(pids, "status")
    rollup = _sums(pids, "smaps_rollup")
    files = _file_pages(member for member in members if member.pid in pids) if rollup else None
    anonymous = rollup.get("Pss_Anon")
    return FamilyMemory(
        pids=pids,
        rss_bytes=sum(rss for _, rss in measured),
        pss_bytes=rollup.get("Pss"),
        held_bytes=None if files is None or anonymous is None else anonymous + files,
        file_backed_bytes=status.get("RssFile"),
        anonymous_bytes=status.get("RssAnon"),
    )


def _sums(pids: Iterable[int], name: str) -> dict[str, int]:
    """Each size in ``/proc/PID/name`` in bytes, summed over the processes; empty where one cannot be read."""
    sums: dict[str, int] = {}
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
        except OSError:
            return {}
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if value.endswith(" kB"):
                sums[key] = sums.get(key, 0) + int(value.split()[0]) * _UNIT_BYTES
    return sums


def _file_pages(members: Iterable[Process]) -> int | None:
    """Pages of mapped files and of shared memory: of each file as many as the one with most of them has."""
    if sys.platform != "linux":
        return None
    import psutil

    most: dict[str, int] = {}
    for member in members:
        try:
            mappings = member.memory_maps(grouped=True)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        for mapping in mappings:
            if mapping.path.startswith("/"):
                # Pages that were written to are the process's own, and count as anonymous.
                pages = mapping.rss - mapping.anonymous
                most[mapping.path] = max(most.get(mapping.path, 0), pages)
    return sum(most.values())
