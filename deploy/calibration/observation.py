"""A launch's figures, kept for later plans: what was predicted of a component, what was measured, where.

Pure values, and how a comparison becomes them. Which of them apply to a plan, and how, is
``deploy.calibration.corrections``'s to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.calibration.comparison import OVERHEAD
from deploy.serving import CPU
from deploy.spec import EngineName  # noqa: TC001  read at run time, where observations come back from a file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.calibration.comparison import ComparedTerm
    from deploy.plan import Plan
    from deploy.serving import Placement
    from deploy.spec import Machine

# What a formula predicts and an engine tells: the two are in proportion.
RATIO_COMPONENTS: Final = ("weights", "weights_repacked", "kv_cache", "recurrent_state", "compute")
# vLLM is told how large its cache shall be, or takes all that is left: its size is a setting, not an outcome.
SET_BY_US: Final = {"vllm": frozenset({"kv_cache", "recurrent_state"})}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a plan's memory depends on beside its workload: where it must be equal for residuals to apply.

    Attributes:
        architecture: Hugging Face's ``model_type``.
        layout: how layers are spread, as ``layout`` says it.
        weights_bytes: all tensors, as they were predicted: what tells one file, or one way to compute it,
            from another.
        kv_cache_type: of keys and values.
        devices: the device's name, such as the GPU's, by its place: ``cpu``, ``gpu:0``.
    """

    engine: EngineName
    architecture: str
    layout: str
    weights_bytes: int
    kv_cache_type: str
    devices: tuple[tuple[str, str], ...]

    def device_name(self, device: str) -> str:
        """The name of the device at that place; empty where it is not known."""
        return dict(self.devices).get(device, "")


@dataclass(frozen=True, slots=True)
class Observation:
    """One component on one device of one launch, in bytes.

    Attributes:
        device: its name, not its place.
        component: of ``RATIO_COMPONENTS``, or ``overhead``.
        covers: the plan's components that the figures are about: more than the one where the engine does not
            tell them apart.
        predicted_bytes: by the formulas alone, without any calibration.
        rounding_bytes: the most that the measured figure may be off, because it was printed rounded.
        model: the tag.
        observed_at: when, in UTC, as ISO 8601 writes it; what one launch's observations share.
    """

    engine: EngineName
    engine_version: str
    device: str
    layout: str
    architecture: str
    component: str
    covers: tuple[str, ...]
    predicted_bytes: int
    measured_bytes: int
    rounding_bytes: int
    model: str
    quantization: str
    weights_bytes: int
    context_tokens: int
    concurrent_sequences: int
    kv_cache_type: str
    observed_at: str

    @property
    def ratio(self) -> float:
        """Measured over predicted; 1 where the two differ by no more than the rounding of what was printed.

        Raises:
            ZeroDivisionError: nothing was predicted, which ``observe`` never keeps.
        """
        same = abs(self.measured_bytes - self.predicted_bytes) <= self.rounding_bytes
        return 1.0 if same else self.measured_bytes / self.predicted_bytes

    @property
    def added_bytes(self) -> int:
        """Measured less predicted."""
        return self.measured_bytes - self.predicted_bytes

    @property
    def day(self) -> str:
        """The date, as in 2026-11-26."""
        return self.observed_at[:10]


def layout(placement: Placement, layer_count: int) -> str:
    """How layers are spread over devices, in words: formulas differ with it.

    Example:
        >>> from deploy.serving import Placement
        >>> layout(Placement(), 28), layout(Placement((0,), (29,)), 28), layout(Placement((0, 1), (9, 9)), 28)
        ('cpu', '1 gpu', '2 gpus + cpu')
        >>> layout(Placement((0, 1), tensor_parallel=2), 28)
        '2 gpus, tensor parallel 2'
    """
    count = len(placement.gpus)
    if not count:
        return CPU
    words = f"{count} gpu{'s' if count > 1 else ''}"
    if placement.gpu_layers and placement.layers_on_gpus() <= layer_count:
        return f"{words} + cpu"
    return f"{words}, tensor parallel {placement.tensor_parallel}" if placement.tensor_parallel > 1 else words


def setup_on(machine: Machine, plan: Plan, device_names: Mapping[str, str]) -> Setup:
    """The setup of a plan for that machine.

    Args:
        machine: whose devices' names count.
        plan: what is launched.
        device_names: by which name a device is kept, where it is not the machine's own.
    """
    return Setup(
        engine=plan.engine,
        architecture=plan.model_type,
        layout=layout(plan.placement, plan.layer_count),
        weights_bytes=plan.artefact.total_bytes,
        kv_cache_type=plan.serving.kv_cache_type,
        devices=named_devices(machine, plan.placement, device_names),
    )


def named_devices(
    machine: Machine, placement: Placement, device_names: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """The names of the devices that a placement uses, by their places; the CPU is always one of them."""
    found = {f"gpu:{gpu.index}": gpu.name for gpu in machine.gpus if gpu.index in placement.gpus}
    found[CPU] = machine.cpu_name
    return tuple((place, device_names.get(name, name)) for place, name in found.items())


def observe(
    lines: Iterable[ComparedTerm], plan: Plan, setup: Setup, *, version: str, observed_at: str, filled: bool
) -> tuple[Observation, ...]:
    """What is worth keeping of a comparison.

    Args:
        lines: predicted beside measured.
        plan: what was launched.
        setup: of the same plan.
        version: of the engine that ran.
        observed_at: now, in UTC.
        filled: a prompt went through the engine that fills its compute buffers. Before that, their pages are
            not in memory, and what is left of the total is not overhead.
    """
    return tuple(
        Observation(
            engine=plan.engine,
            engine_version=version,
            device=setup.device_name(line.device),
            layout=setup.layout,
            architecture=setup.architecture,
            component=line.name,
            covers=line.covers,
            predicted_bytes=line.formula_bytes,
            measured_bytes=line.measured_bytes,
            rounding_bytes=line.rounding_bytes,
            model=plan.model_tag,
            quantization=plan.artefact.quantization,
            weights_bytes=setup.weights_bytes,
            context_tokens=plan.workload.context_tokens,
            concurrent_sequences=plan.workload.concurrent_sequences,
            kv_cache_type=setup.kv_cache_type,
            observed_at=observed_at,
        )
        for line in lines
        if line.measured_bytes is not None
        and line.formula_bytes
        and setup.device_name(line.device)
        and _is_kept(line, setup.engine, filled=filled)
    )


def _is_kept(line: ComparedTerm, engine: EngineName, *, filled: bool) -> bool:
    if line.name == OVERHEAD:
        # A cache of any size may be in it where the engine did not tell its cache apart.
        return filled and "kv_cache" not in line.covers
    return line.name in RATIO_COMPONENTS and line.name not in SET_BY_US.get(engine, ())
