"""What is said of a machine that one does not sit at, as it was typed; nothing is understood yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Words:
    """What each thing that can be said of a machine is called where it is said, for messages."""

    gpus: str = "--gpu"
    gpu_count: str = "--gpus"
    gpu_memory: str = "--vram"
    memory: str = "--ram"
    cores: str = "--cores"
    bandwidth: str = "--bandwidth"


@dataclass(frozen=True, slots=True)
class MachineFlags:
    """What was said of a machine, as it was typed; empty for what was not.

    Attributes:
        gpus: names, each with or without a count before it: ``RTX 4090``, ``2x RTX 4090``; ``none`` for none.
        gpu_count: how many of the one GPU that is named, or that is there.
        gpu_memory: memory of each GPU: ``24GiB``.
        memory: main memory.
        bandwidth: memory bandwidth of each GPU, or of the main memory where there is no GPU.
        words: what these are called where they were said; flags, unless a file says them.
    """

    gpus: Sequence[str] = ()
    gpu_count: int = 0
    gpu_memory: str = ""
    memory: str = ""
    cores: int = 0
    bandwidth: str = ""
    words: Words = Words()

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(
            self.gpus or self.gpu_count or self.gpu_memory or self.memory or self.cores or self.bandwidth
        )
