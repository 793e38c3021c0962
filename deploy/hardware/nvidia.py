"""NVIDIA GPUs, asked by NVML: the library that the driver brings.

Values come from a module with the functions of ``pynvml``, which is an argument, so that recorded answers can
stand in for a driver. It knows nothing of models and starts no program: ``deploy.hardware.nvidia_smi`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.hardware.gpu_facts import facts_for
from deploy.spec import Gpu, GpuProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_MOST_DIGITS = 6
# What a loaded driver leaves on Linux; /dev/dxg is WSL's way to the Windows driver, /dev/nvmap is Jetson's.
_TRACES = ("dev/nvidiactl", "dev/nvidia0", "proc/driver/nvidia/version", "dev/dxg", "dev/nvmap")


@dataclass(frozen=True, slots=True)
class SystemMemory:
    """The machine's own memory, which counts for GPUs that have none."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class FoundGpus:
    """GPUs, and what went wrong with those that could not be read, as sentences."""

    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()


def driver_present(root: Path = Path("/")) -> bool:
    """Whether anything of NVIDIA's driver is to be seen, without loading it."""
    return any((root / trace).exists() for trace in _TRACES)


def load_nvml() -> ModuleType | None:
    """NVML's Python binding; None where the package is not installed."""
    import importlib

    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def read_nvidia(nvml: ModuleType, memory: SystemMemory, *, visible: str | None = None) -> FoundGpus:
    """The GPUs that the driver reports, MIG instances each as one.

    Args:
        nvml: the module ``pynvml``.
        memory: what counts for GPUs that share the system's memory.
        visible: the value of ``CUDA_VISIBLE_DEVICES``; None where it is not set. The GPUs that it leaves are
            numbered from 0 in its order, as CUDA numbers them.
    """
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as exc:
        return FoundGpus(notes=() if _absent(nvml, exc) else (f"NVIDIA's driver does not answer: {exc}",))
    try:
        return _read_all(nvml, memory, visible)
    except nvml.NVMLError as exc:
        return FoundGpus(notes=(f"NVIDIA's driver stopped answering: {exc}",))
    finally:
        nvml.nvmlShutdown()


def select_visible(uuids: list[str], visible: str | None) -> list[int]:
    """Positions of the devices that ``CUDA_VISIBLE_DEVICES`` leaves, in its order.

    As in CUDA, what stands after the first entry that names no device is ignored.

    Example:
        >>> select_visible(["GPU-aa", "GPU-bb"], "1,0"), select_visible(["GPU-aa", "GPU-bb"], "GPU-b")
        ([1, 0], [1])
        >>> select_visible(["GPU-aa"], ""), select_visible(["GPU-aa", "GPU-bb"], "0,7,1")
        ([], [0])
    """
    if visible is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in (part.strip() for part in visible.split(",")):
        if entry.isdecimal() and len(entry) < _MOST_DIGITS:
            found = [int(entry)] if int(entry) < len(uuids) else []
        else:
            found = [place for place, uuid in enumerate(uuids) if entry and uuid.startswith(entry)]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


@dataclass(frozen=True, slots=True)
class _Device:
    """A GPU with what the driver calls it."""

    uuid: str
    gpu: Gpu


def _read_all(nvml: ModuleType, memory: SystemMemory, visible: str | None) -> FoundGpus:
    driver = _text(nvml.nvmlSystemGetDriverVersion())
    devices: list[_Device] = []
    notes: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            devices += _read_device(nvml, nvml.nvmlDeviceGetHandleByIndex(index), driver, memory)
        except nvml.NVMLError as exc:
            # A card that fell off the bus must not hide the others.
            notes.append(f"NVIDIA GPU {index} cannot be read: {exc}")
    shown = select_visible([device.uuid for device in devices], visible)
    if len(shown) < len(devices):
        notes.append(f"CUDA_VISIBLE_DEVICES={visible} leaves {len(shown)} of {len(devices)} GPUs")
    gpus = tuple(replace(devices[place].gpu, index=index) for index, place in enumerate(shown))
    return FoundGpus(gpus, tuple(notes))


def _read_device(nvml: ModuleType, handle: object, driver: str, memory: SystemMemory) -> list[_Device]:
    """A card as one GPU, or its MIG instances where it is cut into some."""
    whole = _read_gpu(nvml, handle, driver, memory)
    instances = _mig_instances(nvml, handle)
    if not instances:
        return [_Device(_text(nvml.nvmlDeviceGetUUID(handle)), whole)]
    return [
        _Device(_text(nvml.nvmlDeviceGetUUID(instance)), _read_instance(nvml, instance, whole))
        for instance in instances
    ]


def _read_gpu(nvml: ModuleType, handle: object, driver: str, memory: SystemMemory) -> Gpu:
    name = _text(nvml.nvmlDeviceGetName(handle))
    info = _supported(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    # GB10 and Jetson have no memory of their own: the driver answers NOT_SUPPORTED, or a total of 0.
    unified = info is None or not info.total
    total, free = (memory.total_bytes, memory.available_bytes)
    if info is not None and not unified:
        total, free = int(info.total), int(info.free)
    facts = facts_for(name, total_bytes=total)
    major, minor = _supported(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle) or (0, 0)
    return Gpu(
        index=0,
        name=name,
        total_bytes=total,
        free_bytes=free,
        driver=driver,
        vendor="nvidia",
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s if facts else _bandwidth(nvml, handle),
        fp16_flops=facts.fp16_flops if facts else 0.0,
        compute_capability=major + minor / 10,
        unified=unified,
        processes=_processes(nvml, handle),
        source="nvml",
    )


def _read_instance(nvml: ModuleType, instance: object, whole: Gpu) -> Gpu:
    """A MIG instance: its own memory, and the share of the card's bandwidth that goes with it."""
    info = nvml.nvmlDeviceGetMemoryInfo(instance)
    return replace(
        whole,
        name=_text(nvml.nvmlDeviceGetName(instance)),
        total_bytes=int(info.total),
        free_bytes=int(info.free),
        # Memory slices bring their part of the memory controllers; how much of the arithmetic is not told.
        bandwidth_bytes_per_s=whole.bandwidth_bytes_per_s * min(1.0, info.total / whole.total_bytes),
        fp16_flops=0.0,
        processes=_processes(nvml, instance),
    )


def _mig_instances(nvml: ModuleType, handle: object) -> list[object]:
    mode = _supported(nvml, nvml.nvmlDeviceGetMigMode, handle)
    if mode is None or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        return []
    count = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    found = (
        _supported(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, place) for place in range(count)
    )
    return [instance for instance in found if instance is not None]


def _bandwidth(nvml: ModuleType, handle: object) -> float:
    """Peak bandwidth from the width of the bus and the memory's clock; 0 where the driver tells neither.

    Data moves twice in a cycle of the clock that is reported: 384 bits at 10501 MHz are the 1008 GB/s of a
    4090, 5120 bits at 2619 MHz the 3352 GB/s of an H100 SXM, 6016 bits at 3201 MHz the 4814 of an H200.
    """
    bits = _supported(nvml, nvml.nvmlDeviceGetMemoryBusWidth, handle)
    megahertz = _supported(nvml, nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM)
    return bits / 8 * megahertz * 1e6 * 2 if bits and megahertz else 0.0


def _processes(nvml: ModuleType, handle: object) -> tuple[GpuProcess, ...]:
    """Programs that hold memory of a GPU; a program that both computes and draws is listed once."""
    queries = (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
    used: dict[int, int] = {}
    for query in queries:
        for process in _supported(nvml, query, handle) or ():
            # Under WSL the driver does not say how much: None.
            used[process.pid] = max(used.get(process.pid, 0), process.usedGpuMemory or 0)
    return tuple(
        GpuProcess(pid, _process_name(nvml, pid), used_bytes)
        for pid, used_bytes in sorted(used.items(), key=lambda item: -item[1])
    )


def _process_name(nvml: ModuleType, pid: int) -> str:
    """A program's file name; empty for one of another user or another container."""
    try:
        return Path(_text(nvml.nvmlSystemGetProcessName(pid))).name
    except nvml.NVMLError:
        return ""


def _supported(nvml: ModuleType, ask: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401  NVML is untyped
    """An answer, or None where this card or driver has none to give."""
    lacking = {
        nvml.NVML_ERROR_NOT_SUPPORTED,
        nvml.NVML_ERROR_NOT_FOUND,
        nvml.NVML_ERROR_NO_PERMISSION,
        nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        nvml.NVML_ERROR_INVALID_ARGUMENT,
    }
    try:
        return ask(*arguments)
    except nvml.NVMLError as exc:
        if exc.value in lacking:
            return None
        raise


def _absent(nvml: ModuleType, error: Exception) -> bool:
    return getattr(error, "value", None) in {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND,
        nvml.NVML_ERROR_DRIVER_NOT_LOADED,
        nvml.NVML_ERROR_GPU_NOT_FOUND,
    }


def _text(value: str | bytes) -> str:
    """NVML's older bindings answer bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
