"""vLLM's own memory figures, read from its log and from its ``/metrics``.

It knows their wording and nothing of how vLLM is started. With several ranks each figure belongs to the rank
whose process printed it, and vLLM prints most of them for the first rank alone::

    (Worker_TP0 pid=77) INFO [gpu_model_runner.py:2653] Model loading took 14.27 GiB and 7.2 seconds
    (Worker_TP0 pid=77) INFO [gpu_worker.py:298] Available KV cache memory: 5.05 GiB
    (Worker pid=20048) INFO [cpu_worker.py:260] Explicitly set (1.0/18.71) GiB for KV cache on node 0.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.engines.base import MeasuredTerm
from deploy.engines.prometheus import metric_labels
from deploy.serving import CPU
from deploy.spec import GIB

if TYPE_CHECKING:
    from collections.abc import Iterable

# On a GPU the figures are what torch and the driver say; the CPU's worker prints the cache alone.
_ON_GPU: Final = (
    ("weights", re.compile(r"Model loading took (?P<gib>[\d.]+) GiB")),
    ("kv_cache", re.compile(r"Available KV cache memory: (?P<gib>[\d.]+) GiB")),
    ("kv_cache", re.compile(r"reserved (?P<gib>[\d.]+) GiB memory for KV Cache")),
    ("cuda_graphs", re.compile(r"Graph capturing finished in .* took (?P<gib>[\d.]+) GiB")),
)
_ON_CPU: Final = (
    ("kv_cache", re.compile(r"Explicitly set \((?P<gib>[\d.]+)/[\d.]+\) GiB for KV cache on node")),
)

# As its worker processes name themselves (v1/executor/multiproc_executor.py).
_RANK: Final = re.compile(
    r"^\(Worker(?:_DP\d+)?(?:_PP(?P<stage>\d+))?(?:_PCP\d+)?(?:_TP(?P<rank>\d+))?\w* pid="
)

# A gauge on /metrics whose labels are the settings of the cache.
_CACHE_INFO: Final = "vllm:cache_config_info"


def read_vllm_memory(log: str, metrics: Iterable[str] = ()) -> tuple[MeasuredTerm, ...]:
    """Weights, KV cache and CUDA graphs of each rank that told them.

    Args:
        log: the whole log.
        metrics: what ``/metrics`` answered; it has the cache's size to the byte.

    Example:
        >>> [term] = read_vllm_memory("(Worker_TP1 pid=7) INFO Available KV cache memory: 5.05 GiB")
        >>> term.name, term.device, term.measured_bytes
        ('kv_cache', 'gpu:1', 5422396211)
    """
    lines = log.splitlines()
    ranks = [match for line in lines if (match := _RANK.match(line))]
    tensor_parallel = 1 + max((int(match["rank"] or 0) for match in ranks), default=0)
    terms: dict[tuple[str, str], MeasuredTerm] = {}
    for line in lines:
        term = _term(line, tensor_parallel)
        if term is not None:
            terms[term.name, term.device] = term
    told = (metric_labels(text, _CACHE_INFO).get("kv_cache_memory_bytes", "") for text in metrics)
    cache_bytes = [int(text) for text in told if text.isdecimal()]
    return tuple(_exact(term, cache_bytes) for term in terms.values()) or _from_metrics(cache_bytes)


def _term(line: str, tensor_parallel: int) -> MeasuredTerm | None:
    for patterns, place in ((_ON_GPU, ""), (_ON_CPU, CPU)):
        for name, pattern in patterns:
            match = pattern.search(line)
            if match:
                device = place or f"gpu:{_rank(line, tensor_parallel)}"
                return MeasuredTerm(
                    name, round(float(match["gib"]) * GIB), match[0], device, _rounding(match["gib"])
                )
    return None


def _rank(line: str, tensor_parallel: int) -> int:
    """The rank whose process wrote the line: vLLM numbers those of the first pipeline stage first."""
    match = _RANK.match(line)
    return int(match["stage"] or 0) * tensor_parallel + int(match["rank"] or 0) if match else 0


def _rounding(printed: str) -> int:
    """How far a figure in GiB may be off, by its decimals; of two, vLLM leaves out a zero at the end."""
    decimals = max(2, len(printed.partition(".")[2]))
    return math.ceil(GIB / 2 * 10.0**-decimals)


def _exact(term: MeasuredTerm, cache_bytes: list[int]) -> MeasuredTerm:
    """The cache's size to the byte, where the metrics have the one that the log rounded."""
    for exact in cache_bytes if term.name == "kv_cache" else ():
        if abs(exact - term.measured_bytes) <= term.rounding_bytes:
            source = f"vllm:cache_config_info: kv_cache_memory_bytes {exact:,}"
            return replace(term, measured_bytes=exact, source=source, rounding_bytes=0)
    return term


def _from_metrics(cache_bytes: list[int]) -> tuple[MeasuredTerm, ...]:
    """The cache of a server whose log is not at hand, on a device that the metrics do not tell."""
    return tuple(
        MeasuredTerm("kv_cache", size, f"vllm:cache_config_info: kv_cache_memory_bytes {size:,}")
        for size in cache_bytes[:1]
    )
