"""AMD GPUs on Linux, from what the kernel's amdgpu driver writes into sysfs.

It needs no ROCm. It does not know whether an engine with ROCm or Vulkan is installed.
"""

from __future__ import annotations

from pathlib import Path

from deploy.hardware.drm import Card, list_cards, read_number, read_text
from deploy.hardware.gpu_facts import facts_for
from deploy.hardware.nvidia import FoundGpus
from deploy.spec import GIB, Gpu

_VENDOR = "1002"
# PCI device and revision, from libdrm's amdgpu.ids. A card of another revision is named by its device alone.
_NAMES = {
    ("73a5", "c0"): "AMD Radeon RX 6950 XT",
    ("73af", "c0"): "AMD Radeon RX 6900 XT",
    ("73bf", "c0"): "AMD Radeon RX 6900 XT",
    ("73bf", "c1"): "AMD Radeon RX 6800 XT",
    ("73bf", "c3"): "AMD Radeon RX 6800",
    ("7408", "00"): "AMD Instinct MI250X",
    ("740c", "01"): "AMD Instinct MI250X",
    ("740f", "02"): "AMD Instinct MI210",
    ("7448", "00"): "AMD Radeon Pro W7900",
    ("744c", "c8"): "AMD Radeon RX 7900 XTX",
    ("744c", "cc"): "AMD Radeon RX 7900 XT",
    ("744c", "ce"): "AMD Radeon RX 7900 GRE",
    ("745e", "cc"): "AMD Radeon Pro W7800",
    ("747e", "c8"): "AMD Radeon RX 7800 XT",
    ("747e", "ff"): "AMD Radeon RX 7700 XT",
    ("7480", "c0"): "AMD Radeon RX 7600 XT",
    ("7480", "cf"): "AMD Radeon RX 7600",
    ("74a1", "00"): "AMD Instinct MI300X",
    ("74a5", "00"): "AMD Instinct MI325X",
    ("7550", "c0"): "AMD Radeon RX 9070 XT",
    ("7550", "c3"): "AMD Radeon RX 9070",
    ("7551", "c0"): "AMD Radeon AI PRO R9700",
    ("7590", "c0"): "AMD Radeon RX 9060 XT",
}
# The one integrated GPU whose memory is fast enough to be worth more than its processor: Strix Halo.
_INTEGRATED = {"1586": "AMD Ryzen AI Max+ 395"}
# Integrated GPUs carve 512 MiB to 2 GiB out of the system's memory (536870912 bytes on a Ryzen laptop).
_SMALLEST_CARD_BYTES = 3 * GIB


def read_amd(root: Path = Path("/")) -> FoundGpus:
    """The AMD GPUs that have memory of their own, and Strix Halo with the system's memory that it may use."""
    gpus: list[Gpu] = []
    notes: list[str] = []
    for card in list_cards(root):
        if card.vendor != _VENDOR:
            continue
        gpu = _read_card(card, index=len(gpus))
        if gpu is None:
            notes.append(
                "an AMD GPU that shares the system's memory is left out: it decodes as fast as the CPU"
            )
        else:
            gpus.append(gpu)
    return FoundGpus(tuple(gpus), tuple(notes))


def _read_card(card: Card, *, index: int) -> Gpu | None:
    device = card.directory / "device"
    total = read_number(device / "mem_info_vram_total")
    used = read_number(device / "mem_info_vram_used")
    integrated = card.device in _INTEGRATED
    if integrated:
        # The driver lends the rest of the system's memory through the translation table (GTT).
        total += read_number(device / "mem_info_gtt_total")
        used += read_number(device / "mem_info_gtt_used")
    if total < _SMALLEST_CARD_BYTES:
        return None
    name = _name(card)
    facts = facts_for(name, total_bytes=total)
    return Gpu(
        index=index,
        name=name,
        total_bytes=total,
        free_bytes=max(0, total - used),
        driver="amdgpu",
        vendor="amd",
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s if facts else 0.0,
        fp16_flops=facts.fp16_flops if facts else 0.0,
        unified=integrated,
        source="sysfs",
    )


def _name(card: Card) -> str:
    """What the table calls it, else what the card's own memory says, else its numbers."""
    known = _INTEGRATED.get(card.device) or _NAMES.get((card.device, card.revision))
    return (
        known or read_text(card.directory / "device/product_name") or f"AMD GPU {card.device}:{card.revision}"
    )
