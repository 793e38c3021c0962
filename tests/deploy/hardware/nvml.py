"""A stand-in for NVML: its functions over made-up devices, with its real constants and errors."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from deploy.spec import MIB

pynvml = importlib.import_module("pynvml")  # it has no types


@dataclass
class Memory:
    """NVML's nvmlMemory_t."""

    total: int
    free: int


@dataclass
class Process:
    """NVML's nvmlProcessInfo_t."""

    pid: int
    usedGpuMemory: int | None  # noqa: N815  NVML's name


@dataclass
class Device:
    """A device as NVML tells of it; an error code in place of a value is raised."""

    name: str
    uuid: str
    memory: Memory | int
    capability: tuple[int, int] = (8, 9)
    bus_bits: int = 384
    memory_mhz: int = 10501
    processes: list[Process] = field(default_factory=list)
    mig_mode: list[int] | int = pynvml.NVML_ERROR_NOT_SUPPORTED
    instances: list[Device] = field(default_factory=list)


def _or_raise(value: Any) -> Any:  # noqa: ANN401
    """The value, or NVML's error where it is a code."""
    if isinstance(value, int) and value < 1000:
        raise pynvml.NVMLError(value)
    return value


def fake_nvml(*devices: Device, init: int = 0, driver: str = "550.54.14") -> ModuleType:
    """A module with NVML's functions over those devices, and its real constants and errors."""

    def start() -> None:
        if init:
            raise pynvml.NVMLError(init)

    def instance(device: Device, place: int) -> Device:
        if place >= len(device.instances):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return device.instances[place]

    def process_name(pid: int) -> str:
        if pid == 7:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
        return f"/usr/bin/program-{pid}"

    functions = {
        "nvmlInit": start,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: driver,
        "nvmlDeviceGetCount": lambda: len(devices),
        "nvmlDeviceGetHandleByIndex": lambda index: devices[index],
        "nvmlDeviceGetName": lambda device: device.name,
        "nvmlDeviceGetUUID": lambda device: device.uuid,
        "nvmlDeviceGetMemoryInfo": lambda device: _or_raise(device.memory),
        "nvmlDeviceGetCudaComputeCapability": lambda device: device.capability,
        "nvmlDeviceGetMemoryBusWidth": lambda device: device.bus_bits,
        "nvmlDeviceGetMaxClockInfo": lambda device, _: device.memory_mhz,
        "nvmlDeviceGetComputeRunningProcesses": lambda device: device.processes,
        "nvmlDeviceGetGraphicsRunningProcesses": lambda device: device.processes[:1],
        "nvmlSystemGetProcessName": process_name,
        "nvmlDeviceGetMigMode": lambda device: _or_raise(device.mig_mode),
        "nvmlDeviceGetMaxMigDeviceCount": lambda _: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": instance,
    }
    module = ModuleType("pynvml")
    constants = {name: getattr(pynvml, name) for name in dir(pynvml) if name.startswith("NVML")}
    module.__dict__.update(constants | functions)
    return module


def rtx_4090(uuid: str = "GPU-aaaa", free_mib: int = 24077) -> Device:
    return Device("NVIDIA GeForce RTX 4090", uuid, Memory(24564 * MIB, free_mib * MIB))


def h100(uuid: str = "GPU-bbbb") -> Device:
    memory = Memory(81559 * MIB, 80994 * MIB)
    return Device("NVIDIA H100 80GB HBM3", uuid, memory, (9, 0), bus_bits=5120, memory_mhz=2619)


def h200() -> Device:
    """NVML's answers on an idle card, driver 580.159.04: what is used is what the driver reserves."""
    memory = Memory(150_754_820_096, 150_109_880_320)
    card = Device("NVIDIA H200", "GPU-cccc", memory, (9, 0), bus_bits=6016, memory_mhz=3201)
    card.mig_mode = [0, 0]
    return card
