"""What is known of GPUs by name: memory, bandwidth and 16-bit speed, with the source of each figure.

The figures are in ``gpus.json`` beside this module. It knows no machine: what a driver reports of a card that
is there comes first, and these facts fill in what drivers do not tell.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from deploy.spec import GIB, MIB
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.spec import Gpu

Vendor = Literal["nvidia", "amd", "intel", "apple"]

# Drivers report a little less than is printed on the box. The lowest share seen without error correction is
# 7982 of 8192 MiB (lambdal/lambda-tensorflow-benchmark, pull 11).
_DRIVER_SHARE = 0.97
# What an idle card keeps from programs: 487 MiB on a 4090, 479 on an H100, 469 on an L40S, 615 on an H200
# (the driver's total less what CUDA offers).
_IDLE_RESERVED_BYTES = 512 * MIB
# Words that a driver or a person may add or leave out without meaning another card.
_NOISE = frozenset(
    re.findall(
        r"\w+",
        "nvidia geforce rtx gtx rx tesla quadro amd radeon instinct apple intel arc graphics gpu generation "
        "workstation server edition accelerator core",
    )
)
_MEMORY = re.compile(r"(?<![a-z\d])(\d{1,6})\s*gi?b?\b")
_FORM = re.compile(r"\b(sxm|pcie|nvl)\d*")
_MEMORY_KIND = re.compile(r"\b(hbm|gddr|ddr)\d*[a-z]*")
_CORES = re.compile(r"\b\d+-?core\b")
_WORD = re.compile(r"[a-z]+|\d+")
# A server card's plain name is its SXM module: the driver says "NVIDIA H100 80GB HBM3" and "NVIDIA H200".
_PLAIN_FORM = "sxm"
_VENDOR_WORDS: tuple[tuple[Vendor, re.Pattern[str]], ...] = (
    ("amd", re.compile(r"\b(amd|radeon|instinct|rx|mi\d+)\b")),
    ("intel", re.compile(r"\b(intel|arc)\b")),
    ("apple", re.compile(r"\b(apple|m\d+ (pro|max|ultra))\b")),
)
_NEAR_NAMES = 4
_NEAR_CUTOFF = 0.4


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """One kind of GPU.

    Attributes:
        marketed_gb: memory as it is printed on the box.
        total_bytes: memory that the driver reports, or a cautious share of what is marketed.
        idle_free_bytes: what programs can have of it when nothing else runs.
        bandwidth_bytes_per_s: peak memory bandwidth.
        bandwidth_verified: two sources agree on it.
        fp16_flops: dense 16-bit operations a second on tensor cores; 0 where no verified figure is known.
        compute_capability: of NVIDIA's generations; 0 for other vendors.
        unified: it shares the system's memory, whose size differs from machine to machine.
    """

    name: str
    vendor: Vendor
    marketed_gb: int
    total_bytes: int
    idle_free_bytes: int
    bandwidth_bytes_per_s: float
    bandwidth_verified: bool
    fp16_flops: float
    compute_capability: float
    unified: bool
    source: str


@dataclass(frozen=True, slots=True)
class _Name:
    """A card's name taken apart: the words that tell cards apart, the form factor, and gigabytes if named."""

    words: tuple[str, ...]
    form: str
    memory_gb: int


def find_gpu(name: str, *, total_bytes: int = 0) -> GpuFacts:
    """The GPU of that name, however it is written.

    Args:
        name: as a person types it or a driver reports it: ``4090``, ``NVIDIA A100-SXM4-80GB``.
        total_bytes: memory seen on the card, which settles names that come with several sizes.

    Raises:
        PlanError: no card has that name, or several have; the message lists the nearest.

    Example:
        >>> find_gpu("rtx4090").name, find_gpu("NVIDIA H100 80GB HBM3").name
        ('RTX 4090', 'H100 SXM')
    """
    found = [facts for facts in known_gpus() if facts.name == name] or _matches(name)
    if total_bytes:
        found = [facts for facts in found if _same_size(facts, total_bytes)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(facts.name for facts in found)
        raise PlanError(f"{name!r} is the name of several GPUs: {names}", hint=f"--gpu {found[0].name!r}")
    near = _near(name)
    raise PlanError(
        f"no figures are known for a GPU named {name!r}; the nearest names are {', '.join(near)}",
        hint=f"--gpu {near[0]!r}, or the memory beside the name: --vram SIZE",
    )


def facts_for(name: str, *, total_bytes: int = 0) -> GpuFacts | None:
    """The same for a card that is there: None where nothing, or nothing certain, is known of it."""
    try:
        return find_gpu(name, total_bytes=total_bytes)
    except PlanError:
        return None


def common_names(gpus: Iterable[Gpu]) -> dict[str, str]:
    """By which name each card is known, whoever reports it; its own where nothing is known of it.

    Example:
        >>> from deploy.spec import Gpu
        >>> common_names([Gpu(0, "NVIDIA GeForce RTX 4090", 24564 * MIB, 0)])
        {'NVIDIA GeForce RTX 4090': 'RTX 4090'}
    """
    known = ((gpu.name, facts_for(gpu.name, total_bytes=gpu.total_bytes)) for gpu in gpus)
    return {name: facts.name if facts else name for name, facts in known}


def likely_vendor(name: str) -> Vendor:
    """Who makes a card of which nothing is known, by the words in its name; NVIDIA where none tells.

    Example:
        >>> likely_vendor("Radeon RX 9990"), likely_vendor("RTX 4090 Laptop")
        ('amd', 'nvidia')
    """
    for vendor, words in _VENDOR_WORDS:
        if words.search(name.lower()):
            return vendor
    return "nvidia"


@cache
def known_gpus() -> tuple[GpuFacts, ...]:
    """Every GPU in the file, in its order."""
    text = files("deploy.hardware").joinpath("gpus.json").read_text(encoding="utf-8")
    return tuple(_facts(entry) for entry in json.loads(text)["gpus"])


def _facts(entry: dict[str, Any]) -> GpuFacts:
    cautious = int(entry["memory_gb"] * GIB * _DRIVER_SHARE)
    cuda = entry.get("cuda_total_mib", 0) * MIB
    total = entry["driver_total_mib"] * MIB if "driver_total_mib" in entry else max(cautious, cuda)
    verified = entry["fp16_tflops_verified"] and entry["fp16_tflops"]
    return GpuFacts(
        name=entry["name"],
        vendor=entry["vendor"],
        marketed_gb=entry["memory_gb"],
        total_bytes=total,
        idle_free_bytes=cuda or total - _IDLE_RESERVED_BYTES,
        bandwidth_bytes_per_s=entry["bandwidth_gb_per_s"] * 1e9,
        bandwidth_verified=entry["bandwidth_verified"],
        fp16_flops=entry["fp16_tflops"] * 1e12 if verified else 0.0,
        compute_capability=entry.get("compute_capability", 0.0),
        unified=entry["unified"],
        source=entry["source"],
    )


def _matches(name: str) -> list[GpuFacts]:
    asked = _take_apart(name)
    if not asked.words:
        return []
    found = [
        (facts, known)
        for facts in known_gpus()
        for known in _names_of(facts)
        if known.words == asked.words
        and (not asked.form or known.form in {"", asked.form})
        and (not asked.memory_gb or asked.memory_gb == known.memory_gb)
    ]
    if not asked.form and any(known.form == _PLAIN_FORM for _, known in found):
        found = [(facts, known) for facts, known in found if known.form in {"", _PLAIN_FORM}]
    return [facts for facts, _ in found]


def _names_of(facts: GpuFacts) -> list[_Name]:
    """A card's name, and the one in parentheses: ``GB10 (DGX Spark)``."""
    outside, _, inside = facts.name.partition("(")
    parts = [_take_apart(text) for text in (outside, inside.rstrip(")"))]
    return [_Name(part.words, part.form, facts.marketed_gb) for part in parts if part.words]


def _take_apart(name: str) -> _Name:
    text = _MEMORY_KIND.sub(" ", _CORES.sub(" ", name.lower().replace("-", " ").replace("_", " ")))
    memory = _MEMORY.search(text)
    text = _MEMORY.sub(" ", text)
    form = _FORM.search(text)
    words = tuple(word for word in _WORD.findall(_FORM.sub(" ", text)) if word not in _NOISE)
    return _Name(words, form.group(1) if form else "", int(memory.group(1)) if memory else 0)


def _same_size(facts: GpuFacts, total_bytes: int) -> bool:
    """Whether a card with that much memory can be this one; unified memory comes in any size."""
    return facts.unified or abs(total_bytes / (facts.marketed_gb * GIB) - 1) < 1 / 8


def _near(name: str) -> list[str]:
    names = [facts.name for facts in known_gpus()]
    numbers = set(re.findall(r"\d{2,}", name))
    same_number = [known for known in names if numbers & set(re.findall(r"\d{2,}", known))]
    close = difflib.get_close_matches(name, names, n=_NEAR_NAMES, cutoff=_NEAR_CUTOFF)
    return list(dict.fromkeys([*same_number, *close]))[:_NEAR_NAMES] or names[:_NEAR_NAMES]
