"""Machines that are written down: a TOML or JSON file, read as untrusted data.

The object ``machine`` of ``stillroom doctor --json`` is such a file as it stands; by hand a few lines do::

    memory = "64GiB"
    cores = 16
    gpus = ["2x RTX 4090"]

What such a file calls a GPU that is not known has its memory said beside it: ``gpu_memory = "16GiB"``.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deploy.architectures.fields import shown_value
from deploy.hardware.described import describe_machine
from deploy.hardware.described_gpus import NO_GPU
from deploy.hardware.gpu_facts import facts_for
from deploy.hardware.machine_flags import MachineFlags, Words
from deploy.small_file import read_small_file
from deploy.spec import Gpu, GpuProcess, Machine
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationInfo

_MOST_BYTES = 2**60
_LARGEST_FILE_BYTES = 2**20
_WORDS = Words("gpus", "gpus", "gpu_memory", "memory", "cores", "bandwidth")
# What a driver does not tell, and a report that was written by hand may leave out.
_FACTS = ("vendor", "bandwidth_bytes_per_s", "fp16_flops", "compute_capability", "unified")
_EXAMPLE = 'a machine file has memory = "64GiB", cores = 16, gpus = ["2x RTX 4090"]'


class _Process(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    name: str = ""
    used_bytes: int = Field(0, ge=0)


class _GpuEntry(BaseModel):
    # A machine's own report may have more fields than this version knows.
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(min_length=1)
    total_bytes: int = Field(ge=0, le=_MOST_BYTES)
    free_bytes: int = Field(ge=0, le=_MOST_BYTES)
    driver: str = ""
    vendor: Literal["nvidia", "amd", "intel", "apple"] = "nvidia"
    bandwidth_bytes_per_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    fp16_flops: float = Field(0.0, ge=0, allow_inf_nan=False)
    compute_capability: float = Field(0.0, ge=0, allow_inf_nan=False)
    unified: bool = False
    processes: tuple[_Process, ...] = ()
    source: str = "described"

    @field_validator("free_bytes")
    @classmethod
    def _free_within_total(cls, value: int, others: ValidationInfo) -> int:
        return _within(value, "total_bytes", others)


class _Report(BaseModel):
    """What ``doctor --json`` prints of a machine."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    cpu_name: str = ""
    cpu_cores: int = Field(ge=1, le=4096)
    memory_total_bytes: int = Field(ge=1, le=_MOST_BYTES)
    memory_available_bytes: int = Field(ge=0, le=_MOST_BYTES)
    memory_limited_by: Literal["physical", "cgroup"] = "physical"
    disk_free_bytes: int = Field(_MOST_BYTES, ge=0, le=_MOST_BYTES)
    gpus: tuple[_GpuEntry, ...] = ()
    operating_system: str = ""
    python_version: str = ""
    memory_bandwidth_bytes_per_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    notes: tuple[str, ...] = ()

    @field_validator("memory_available_bytes")
    @classmethod
    def _available_within_total(cls, value: int, others: ValidationInfo) -> int:
        return _within(value, "memory_total_bytes", others)


class _Short(BaseModel):
    """What a person writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: str
    cores: int | None = Field(None, ge=1, le=4096)
    gpus: tuple[str, ...] = ()
    gpu_memory: str = ""
    bandwidth: str = ""


def load_machine(path: Path) -> Machine:
    """The machine in a file.

    Raises:
        PlanError: it cannot be read, is neither TOML nor JSON, or lacks something; the message says what.
    """
    data = _read(path)
    inner = data.get("machine")
    if isinstance(inner, dict):
        data = inner
    try:
        if "memory_total_bytes" in data:
            return _from_report(_Report.model_validate(data))
        return _from_short(_Short.model_validate(data))
    except ValidationError as exc:
        raise PlanError(f"{path}: {_first(exc)}", hint=_EXAMPLE) from exc
    except PlanError as exc:
        raise PlanError(f"{path}: {exc.message}", hint=_EXAMPLE) from exc


def _first(error: ValidationError) -> str:
    """The first place that is wrong, with the value that is there."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    value: Any = first["input"]
    seen = "" if isinstance(value, dict | list) else f", and it is {shown_value(value)}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{seen}"


def _within(value: int, whole: str, others: ValidationInfo) -> int:
    most = others.data.get(whole)
    if most is not None and value > most:
        raise ValueError(f"it cannot be more than {whole}, which is {most}")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        text = read_small_file(path, most_bytes=_LARGEST_FILE_BYTES).decode("utf-8")
        data = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except OSError as exc:
        raise PlanError(f"{path} cannot be read: {exc.strerror or exc}", hint=_EXAMPLE) from exc
    except (ValueError, RecursionError) as exc:
        raise PlanError(f"{path} is neither TOML nor JSON: {exc}", hint=_EXAMPLE) from exc
    if not isinstance(data, dict):
        raise PlanError(f"{path} holds no object", hint=_EXAMPLE)
    return data


def _from_report(report: _Report) -> Machine:
    plain = {
        field.name: getattr(report, field.name) for field in fields(Machine) if hasattr(report, field.name)
    }
    plain["gpus"] = tuple(_gpu(entry, index) for index, entry in enumerate(report.gpus))
    return Machine(**plain, described=True)


def _gpu(entry: _GpuEntry, index: int) -> Gpu:
    plain = {field.name: getattr(entry, field.name) for field in fields(Gpu) if hasattr(entry, field.name)}
    facts = facts_for(entry.name, total_bytes=entry.total_bytes)
    if facts is not None:
        plain |= {name: getattr(facts, name) for name in _FACTS if name not in entry.model_fields_set}
    plain["processes"] = tuple(GpuProcess(item.pid, item.name, item.used_bytes) for item in entry.processes)
    return Gpu(index=index, **plain)


def _from_short(short: _Short) -> Machine:
    if short.gpu_memory and not short.gpus:
        raise PlanError(f"gpu_memory is {short.gpu_memory!r}, and gpus names no GPU that has it")
    flags = MachineFlags(
        gpus=short.gpus or (NO_GPU,),
        gpu_memory=short.gpu_memory,
        memory=short.memory,
        cores=short.cores or 0,
        bandwidth=short.bandwidth,
        words=_WORDS,
    )
    # The base counts only where no GPU is named; here one is, or "none".
    return describe_machine(Machine("described", 1, 1, 1, "physical", 0), flags)
