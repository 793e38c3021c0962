"""Decode speed: tokens a second of one sequence, from what a token reads and how fast the memory is read.

Decoding is bound by memory: each token reads every weight that it visits, and its own past. Devices that
hold layers in turn add their times; tensor-parallel ranks read at once and wait for each other. It does not
know speculative decoding or prompts that are computed in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from deploy.architectures.tensors import parameter_count
from deploy.plan import SpeedEstimate, Unknown
from deploy.serving import CPU
from deploy.speed.bytes_read import DeviceRead, read_by_device, read_by_rank
from deploy.speed.figures import (
    ALL_REDUCE_SECONDS,
    ALL_REDUCES_PER_LAYER,
    CPU_CORE_BYTES_PER_S,
    CPU_LAYER_SECONDS,
    CPU_SHARE,
    CPU_SOURCE,
    ENDS,
    HANDOVER_SECONDS,
    INVOLVED_LAYER_SECONDS,
    NO_COST,
    QUANTIZED_CACHE_LAYER_SECONDS,
    SEQUENCE_SECONDS,
    SEQUENCE_SHARE,
    UNMEASURED_BYTES_PER_S,
    DecodeFigures,
    End,
    Interval,
    decode_figures,
)

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement, Serving
    from deploy.spec import EngineName, Gpu, Machine, Workload

# Types that keys and values are read from without being unpacked and rotated back.
_PLAIN_CACHE_TYPES = frozenset({"f16", "bf16", "f32"})


@dataclass(frozen=True, slots=True)
class _Part:
    """The time that one device adds to a step: slow, expected and fast, and the expected one in words."""

    seconds: Interval
    arithmetic: str
    source: str


@dataclass(frozen=True, slots=True)
class _Together:
    """What a GPU's time depends on besides what it reads.

    Attributes:
        bytes_per_weight: over the whole checkpoint.
        sequences: decoded at the same time.
        cache_layer_seconds: what a layer takes longer for a quantized cache.
    """

    bytes_per_weight: float = 1.0
    sequences: int = 1
    cache_layer_seconds: Interval = NO_COST


def decode_speed(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    placement: Placement,
    *,
    machine: Machine,
    engine: EngineName,
) -> SpeedEstimate | Unknown:
    """Tokens a second of one sequence, at the end of its context.

    ``concurrent_sequences`` decode together, each at its full context, and a step reads the weights once
    for all of them: together they are that many times as fast.

    Raises:
        PlanError: the cache type is unknown, or the placement does not go with the model.
    """
    parts = _parts(architecture, checkpoint, workload, serving, placement, machine=machine, engine=engine)
    if isinstance(parts, Unknown):
        return parts
    handovers = len(parts) - 1
    seconds = [
        sum(getattr(part.seconds, end) for part in parts) + handovers * getattr(HANDOVER_SECONDS, end)
        for end in ("low", "expected", "high")
    ]
    low, expected, high = (1 / step for step in seconds)
    terms = [part.arithmetic for part in parts]
    if handovers:
        terms.append(f"{handovers} handover(s) of {HANDOVER_SECONDS.expected * 1e6:.0f} us")
    return SpeedEstimate(
        low_tokens_per_s=low,
        expected_tokens_per_s=expected,
        high_tokens_per_s=high,
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        arithmetic=f"1 / ({' + '.join(terms)}) = 1 / {seconds[1] * 1e3:.3g} ms",
    )


def _parts(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    placement: Placement,
    *,
    machine: Machine,
    engine: EngineName,
) -> list[_Part] | Unknown:
    """Each device's part of a step; unknown where a GPU's bandwidth is."""
    gpus = {gpu.index: gpu for gpu in machine.gpus}
    for index in placement.gpus:
        if index not in gpus or not gpus[index].bandwidth_bytes_per_s:
            name = gpus[index].name if index in gpus else f"gpu:{index}"
            return Unknown(f"the memory bandwidth of {name} is not known; --bandwidth says it")
    if engine == "vllm" and placement.gpus:
        read = read_by_rank(architecture, checkpoint, workload, serving, placement.tensor_parallel)
        slowest = min((gpus[index] for index in placement.gpus), key=lambda gpu: gpu.bandwidth_bytes_per_s)
        return [_rank_part(read, slowest, placement)]
    reads = read_by_device(architecture, checkpoint, workload, serving, placement)
    together = _Together(
        checkpoint.tensor_bytes / parameter_count(architecture),
        workload.concurrent_sequences,
        NO_COST if serving.kv_cache_type in _PLAIN_CACHE_TYPES else QUANTIZED_CACHE_LAYER_SECONDS,
    )
    return [
        _cpu_part(read, machine, workload.concurrent_sequences)
        if device == CPU
        else _gpu_part(device, read, gpus[int(device.removeprefix("gpu:"))], engine, together)
        for device, read in reads.items()
    ]


def _gpu_part(device: str, read: DeviceRead, gpu: Gpu, engine: EngineName, together: _Together) -> _Part:
    figures = decode_figures(engine, gpu)
    source = f"{gpu.name}'s peak of {gpu.bandwidth_bytes_per_s / 1e9:.4g} GB/s; {figures.source}"
    seconds = Interval(*(_gpu_seconds(read, gpu, figures, together, end) for end in ENDS))
    return _Part(seconds, _gpu_arithmetic(device, read, gpu, figures, together), source)


def _gpu_seconds(read: DeviceRead, gpu: Gpu, figures: DecodeFigures, together: _Together, end: End) -> float:
    reading = read.total_bytes / (figures.share.at(end) * gpu.bandwidth_bytes_per_s)
    multiplying = _multiplied_seconds(read, figures, together, end)
    return (
        float((reading**figures.bend + multiplying**figures.bend) ** (1 / figures.bend))
        + read.layers * (figures.layer_seconds.at(end) + together.cache_layer_seconds.at(end))
        + read.involved_layers * INVOLVED_LAYER_SECONDS.at(end)
        + figures.step_seconds.at(end)
        + _more_sequences_seconds(read, figures, together, end)
    )


def _multiplied_seconds(read: DeviceRead, figures: DecodeFigures, together: _Together, end: End) -> float:
    """What kernels take to unpack and multiply, however fast the memory is."""
    weights = read.weights_bytes / together.bytes_per_weight
    return read.total_bytes / figures.ceiling_bytes_per_s.at(end) + weights / figures.weights_per_s.at(end)


def _more_sequences_seconds(read: DeviceRead, figures: DecodeFigures, together: _Together, end: End) -> float:
    """What sequences beyond the first add."""
    multiplied = _multiplied_seconds(read, figures, together, end)
    return (together.sequences - 1) * (SEQUENCE_SHARE.at(end) * multiplied + SEQUENCE_SECONDS.at(end))


def _gpu_arithmetic(
    device: str, read: DeviceRead, gpu: Gpu, figures: DecodeFigures, together: _Together
) -> str:
    """The expected time as a calculation."""
    share, ceiling = figures.share.expected, figures.ceiling_bytes_per_s.expected
    reached = 1 / (1 / (share * gpu.bandwidth_bytes_per_s) + 1 / ceiling)
    text = f"{_bytes_words(read)} / {reached / 1e9:.4g} GB/s"
    if figures.weights_per_s.expected < inf:
        weights = f"{read.weights_bytes / together.bytes_per_weight / 1e9:.4g}e9 weights"
        weights += f" / {figures.weights_per_s.expected / 1e12:.2g}e12 a second"
        text = f"{text} + {weights}" if figures.bend == 1 else f"sqrt(({text})^2 + ({weights})^2)"
    text = f"{device}: {text}"
    layer_seconds = figures.layer_seconds.expected + together.cache_layer_seconds.expected
    text += f" + {read.layers} layers x {layer_seconds * 1e6:.0f} us"
    if read.involved_layers:
        text += f" + {read.involved_layers} x {INVOLVED_LAYER_SECONDS.expected * 1e6:.0f} us"
    if figures.step_seconds.expected:
        text += f" + {figures.step_seconds.expected * 1e3:.2g} ms"
    if together.sequences > 1:
        more = _more_sequences_seconds(read, figures, together, "expected")
        text += f" + {more * 1e3:.3g} ms for more sequences: {together.sequences - 1}"
    return text


def _rank_part(read: DeviceRead, gpu: Gpu, placement: Placement) -> _Part:
    """One rank's time, and its waits for the others: two all-reduces a layer, a handover between stages."""
    device = "each rank" if placement.tensor_parallel > 1 else f"gpu:{gpu.index}"
    # vLLM computes all sequences in one step, and its kernels have no ceiling here.
    part = _gpu_part(device, read, gpu, "vllm", _Together())
    reduces = read.layers * ALL_REDUCES_PER_LAYER if placement.tensor_parallel > 1 else 0
    stages = placement.pipeline_parallel - 1
    seconds = [
        own + reduces * reduce_seconds + stages * handover
        for own, reduce_seconds, handover in zip(
            part.seconds.ends(), ALL_REDUCE_SECONDS.ends(), HANDOVER_SECONDS.ends(), strict=True
        )
    ]
    arithmetic = part.arithmetic
    if reduces:
        arithmetic += f" + {reduces} all-reduces x {ALL_REDUCE_SECONDS.expected * 1e6:.0f} us"
    if stages:
        arithmetic += f" + {stages} handover(s) of {HANDOVER_SECONDS.expected * 1e6:.0f} us"
    return _Part(Interval(*seconds), arithmetic, part.source)


def _cpu_part(read: DeviceRead, machine: Machine, sequences: int) -> _Part:
    """The CPU's time: the slower of reading the memory and multiplying, the latter once for each sequence."""
    measured = machine.memory_bandwidth_bytes_per_s
    memory = Interval(measured, measured, measured) if measured else UNMEASURED_BYTES_PER_S
    rates = [
        (share * bandwidth, machine.cpu_cores * core)
        for share, bandwidth, core in zip(
            CPU_SHARE.ends(), memory.ends(), CPU_CORE_BYTES_PER_S.ends(), strict=True
        )
    ]
    computed_bytes = read.weights_bytes * sequences + read.cache_bytes
    seconds = [
        max(read.total_bytes / memory_rate, computed_bytes / core_rate) + read.layers * layer_seconds
        for (memory_rate, core_rate), layer_seconds in zip(rates, CPU_LAYER_SECONDS.ends(), strict=True)
    ]
    memory_rate, core_rate = rates[1]
    if read.total_bytes / memory_rate >= computed_bytes / core_rate:
        arithmetic = f"cpu: {_bytes_words(read)} / {memory_rate / 1e9:.3g} GB/s"
    else:
        arithmetic = (
            f"cpu: {computed_bytes / 1e9:.3g} GB / {core_rate / 1e9:.3g} GB/s of {machine.cpu_cores} cores"
        )
    arithmetic += f" + {read.layers} layers x {CPU_LAYER_SECONDS.expected * 1e6:.0f} us"
    known = f"main memory read at {measured / 1e9:.3g} GB/s" if measured else "main memory not measured"
    return _Part(Interval(*seconds), arithmetic, f"{known}; {CPU_SOURCE}")


def _bytes_words(read: DeviceRead) -> str:
    return f"({read.weights_bytes / 1e9:.4g} GB weights + {read.cache_bytes / 1e9:.3g} GB cache)"
