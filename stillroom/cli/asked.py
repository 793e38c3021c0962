"""What was typed of a plan: which model, which machine, what it must do; nothing is opened yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.hardware.machine_flags import MachineFlags
from deploy.plan import PlanRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class ModelOptions:
    """Which model, as it was typed.

    Attributes:
        name: a catalog's name, a path, a URL or ``ollama:NAME``; None for the whole catalog.
        config: the path or URL of a ``config.json`` to size instead.
        adapters: folders of LoRA adapters to load beside it.
        every: without a name, every model with a published score and not only the distills.
    """

    name: str | None = None
    config: str | None = None
    adapters: Sequence[Path] = ()
    every: bool = False


@dataclass(frozen=True)
class Asked:
    """Everything that was typed.

    Attributes:
        machine: another machine than this one, as flags tell of it.
        machine_file: a description of a whole machine.
        quantization: only this one; None for all.
        request: what else was asked; context, users and engines are the settings'.
        calibrated: what launches measured shall correct the plan.
    """

    model: ModelOptions = field(default_factory=ModelOptions)
    machine: MachineFlags = field(default_factory=MachineFlags)
    machine_file: Path | None = None
    quantization: str | None = None
    request: PlanRequest = field(default_factory=PlanRequest)
    calibrated: bool = True

    @property
    def elsewhere(self) -> bool:
        """Whether the plan is for another machine than this one."""
        return bool(self.machine) or self.machine_file is not None


def machine_flags(
    gpus: Sequence[str] | None,
    count: int | None,
    vram: str | None,
    ram: str | None,
    *,
    cores: int | None = None,
    bandwidth: str | None = None,
) -> MachineFlags:
    """What was typed of another machine."""
    return MachineFlags(
        gpus=tuple(gpus or ()),
        gpu_count=count or 0,
        gpu_memory=vram or "",
        memory=ram or "",
        cores=cores or 0,
        bandwidth=bandwidth or "",
    )
