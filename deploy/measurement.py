"""What a running engine really takes, to be put beside what was planned.

Values from three sources that answer different questions: the operating system (what the machine's main
memory lost), NVIDIA's driver (what each GPU's lost) and the engine's own figures (which component took it).
Who asks them is ``deploy.measuring``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.serving import CPU

if TYPE_CHECKING:
    from deploy.engines.base import MeasuredTerm


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Memory of one GPU that is in use, in bytes.

    Attributes:
        device: ``gpu:N``, N as plans number GPUs.
        own_bytes: what the engine's processes hold; None where the driver does not tell (in a container
            whose process numbers are its own, under WSL).
        used_bytes: what all programs hold.
    """

    device: str
    own_bytes: int | None
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Memory of an engine and its children, in bytes.

    Attributes:
        rss_bytes: resident set, summed over the processes; pages that they share are counted for each.
        file_backed_bytes: the part that maps files, such as weights: the system can drop and re-read it.
            None where the system does not tell (outside Linux).
        anonymous_bytes: the part that only these processes hold: KV cache, compute buffers. None likewise.
        terms: the components that the engine reported itself.
        pss_bytes: as ``rss_bytes``, each page divided by how many processes map it, strangers among them.
        held_bytes: pages of main memory that any of the processes keeps, each counted once.
        gpus: the GPUs that the driver tells of.
    """

    rss_bytes: int
    file_backed_bytes: int | None
    anonymous_bytes: int | None
    terms: tuple[MeasuredTerm, ...]
    pss_bytes: int | None = None
    held_bytes: int | None = None
    gpus: tuple[GpuUse, ...] = ()

    def total_bytes(self, device: str) -> int | None:
        """What the engine takes of a device in all; None where nobody tells.

        Example:
            >>> Measurement(300, 100, 200, (), held_bytes=280).total_bytes("cpu")
            280
        """
        if device == CPU:
            return self.held_bytes or self.rss_bytes or None
        return next((gpu.own_bytes for gpu in self.gpus if gpu.device == device), None)
