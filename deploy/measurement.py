"""What a running engine really takes, to be put beside what was planned.

Two sources that answer different questions: the operating system's resident set (what the machine lost) and
the engine's own figures (which component took it). It predicts nothing and judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.engines.base import MeasuredTerm

# proc_pid_status(5): these lines are in kB of 1024 bytes, whatever the letter case says.
_STATUS_UNIT_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """Memory of an engine and its children, in bytes.

    Attributes:
        rss_bytes: resident set, summed over the processes; pages that they share are counted for each.
        file_backed_bytes: the part that maps files, such as weights: the system can drop and re-read it.
            None where the system does not tell (outside Linux).
        anonymous_bytes: the part that only these processes hold: KV cache, compute buffers. None likewise.
        terms: the components that the engine reported itself.
    """

    rss_bytes: int
    file_backed_bytes: int | None
    anonymous_bytes: int | None
    terms: tuple[MeasuredTerm, ...]


def measure_processes(pid: int, terms: tuple[MeasuredTerm, ...]) -> Measurement:
    """Measure the process and all its children now; zeros where it has ended."""
    import psutil

    try:
        leader = psutil.Process(pid)
        family = [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    rss_bytes = 0
    split: list[tuple[int, int] | None] = []
    for member in family:
        try:
            rss_bytes += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        split.append(_linux_split(member.pid))
    known = [pair for pair in split if pair is not None]
    complete = bool(known) and len(known) == len(split)
    return Measurement(
        rss_bytes=rss_bytes,
        file_backed_bytes=sum(pair[0] for pair in known) if complete else None,
        anonymous_bytes=sum(pair[1] for pair in known) if complete else None,
        terms=terms,
    )


def _linux_split(pid: int) -> tuple[int, int] | None:
    """File-backed and anonymous resident bytes of one process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
    if not {"RssFile", "RssAnon"} <= fields.keys():
        return None
    file_backed, anonymous = (int(fields[key].split()[0]) for key in ("RssFile", "RssAnon"))
    return file_backed * _STATUS_UNIT_BYTES, anonymous * _STATUS_UNIT_BYTES
