"""Intel GPUs with memory of their own on Linux, from sysfs.

The kernel has no settled place for the size of their memory: xe writes it for each tile, some builds of i915
for the card, and otherwise the window on the PCI bus is as large as the memory where resizing is on. What is
in use is not told: free memory is the total less a reserve. Integrated GPUs are not reported.
"""

from __future__ import annotations

from pathlib import Path

from deploy.hardware.drm import Card, list_cards, read_number, read_text
from deploy.hardware.gpu_facts import facts_for
from deploy.hardware.nvidia import FoundGpus
from deploy.spec import GIB, MIB, Gpu

_VENDOR = "8086"
# PCI devices of Intel's own cards, from the kernel's include/drm/intel/pciids.h.
_NAMES = {
    "56a0": "Intel Arc A770",
    "56a1": "Intel Arc A750",
    "56a5": "Intel Arc A380",
    "56c0": "Intel Data Center GPU Flex 170",
    "e20b": "Intel Arc B580",
    "e20c": "Intel Arc B570",
}
# A desktop's windows and the driver's own buffers; the kernel does not tell what is in use.
_RESERVED_BYTES = 512 * MIB
# The window of a card whose size is not resized has 256 MiB and says nothing of the memory.
_SMALLEST_CARD_BYTES = 2 * GIB
_MEMORY_WINDOW = 2  # PCI base address register 2 holds local memory


def read_intel(root: Path = Path("/")) -> FoundGpus:
    """The Intel GPUs that have memory of their own; a note for a card whose memory is not told."""
    gpus: list[Gpu] = []
    notes: list[str] = []
    for card in list_cards(root):
        if card.vendor != _VENDOR:
            continue
        total = _total_bytes(card)
        if total:
            gpus.append(_gpu(card, total, index=len(gpus)))
        elif card.device in _NAMES:
            notes.append(f"the memory of the {_NAMES[card.device]} is not told by its driver: add --vram")
    return FoundGpus(tuple(gpus), tuple(notes))


def parse_window(resource: str, number: int) -> int:
    """The size of one address window in the text of a PCI device's ``resource`` file.

    Example:
        >>> parse_window("0x6000000000 0x63ffffffff 0x14220c", 0) // 2**30
        16
    """
    lines = resource.splitlines()
    if number >= len(lines):
        return 0
    try:
        start, end, _ = (int(field, 16) for field in lines[number].split())
    except ValueError:
        return 0
    return end - start + 1 if end > start else 0


def _total_bytes(card: Card) -> int:
    device = card.directory / "device"
    tiles = [
        *device.glob("tile*/physical_vram_size_bytes"),
        *device.glob("tile*/memory/physical_vram_size_bytes"),
    ]
    told = sum(read_number(path) for path in tiles)
    told = (
        told or read_number(card.directory / "lmem_total_bytes") or read_number(device / "lmem_total_bytes")
    )
    if told or card.device not in _NAMES:
        return told
    window = parse_window(read_text(device / "resource"), _MEMORY_WINDOW)
    return window if window >= _SMALLEST_CARD_BYTES else 0


def _gpu(card: Card, total: int, *, index: int) -> Gpu:
    name = _NAMES.get(card.device, f"Intel GPU {card.device}")
    available = read_number(card.directory / "lmem_avail_bytes")
    facts = facts_for(name, total_bytes=total)
    return Gpu(
        index=index,
        name=name,
        total_bytes=total,
        free_bytes=available or max(0, total - _RESERVED_BYTES),
        driver=(card.directory / "device/driver").resolve().name,
        vendor="intel",
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s if facts else 0.0,
        source="sysfs",
    )
