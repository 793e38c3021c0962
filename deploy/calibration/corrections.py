"""What earlier launches say of a new prediction: residuals, and how they correct a memory estimate.

Pure. A residual is a median over the newest launches: the ratio of measured to predicted for components that
a formula computes, a difference in bytes for overhead, which is no product of anything. It is always against
the formula's own value, never against a corrected one, so that residuals do not compound: after the first
launch the next plan says what was measured, and stays there.

**What transfers.** Engine, its version, device, layout (how layers are spread) and architecture must be
equal; where no version is known to be installed, the newest that was observed counts. Beyond that:

- *weights* and their repacked copies only to the same tensors, predicted in the same way: another
  quantization has other rounding and other tensors to repack, and a file's header needs no correction that
  a computed mix needed;
- *KV cache* and *recurrent state* to any context, number of sequences, quantization and size of the same
  architecture, with the same cache type: their formulas count elements, and what an engine pads grows with
  them;
- *compute* likewise. Its formula already grows with context and sequences, so that a ratio transfers where a
  difference would not; a quantized cache is computed on in other buffers, and the cache's type must be equal;
- *overhead* to everything on the same key: libraries, driver and threads do not know the model. Where an
  engine does not tell other components apart from it, what is required for those is required too.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from deploy.calibration.comparison import OVERHEAD
from deploy.calibration.observation import RATIO_COMPONENTS, SET_BY_US, Observation, Setup
from deploy.spec import MIB, Correction, MemoryEstimate, MemoryTerm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.spec import EngineName

# The newest so many launches count: enough for a median, few enough to follow a driver's update.
LAUNCHES: Final = 5
# From so many on that agree, the interval is narrowed to what they saw.
_AGREEING_LAUNCHES: Final = 3

# Outside of these a measurement is of something else than was predicted (another model, another context, a
# neighbour's memory) and is not applied. Weights and caches are counted exactly: the formulas erred by less
# than 0.1 % in 348 cases (docs/planning.md). Repacked copies depend on the processor, which may need none.
RATIO_BOUNDS: Final = {
    "weights": (0.8, 1.25),
    "weights_repacked": (0.0, 1.25),
    "kv_cache": (0.8, 1.25),
    "recurrent_state": (0.8, 1.25),
    "compute": (0.5, 2.0),
}
# Overhead may grow by as much as was predicted, or by this where that is less; and shrink to a quarter: below
# that, something was not in memory when it was measured.
_LEAST_OVERHEAD_BOUND: Final = 256 * MIB
_LEAST_OVERHEAD_SHARE: Final = 4

# Residuals within these of each other agree; the interval is left this much wider than what was seen.
_RATIO_SPREAD: Final = 0.02
_OVERHEAD_SPREAD: Final = 16 * MIB
# A ratio is applied as it is printed, so that its product can be checked by hand.
RATIO_DIGITS: Final = 4

# What an observation must have in common with a plan, by the components that it is about.
OF_WEIGHTS: Final = frozenset({"weights", "weights_repacked", "lora"})
OF_CACHES: Final = frozenset({"kv_cache", "recurrent_state", "compute"})


@dataclass(frozen=True, slots=True)
class Residual:
    """What launches say of one component on one device.

    Attributes:
        middle: the median: a ratio, or bytes for overhead.
        lowest, highest: of the launches that count.
        launches: how many count; 0 where all are out of bounds.
        refused: launches whose figure is out of bounds.
        provenance: which launches, in words.
        last: the day of the newest that counts.
    """

    middle: float
    lowest: float
    highest: float
    launches: int
    refused: int
    provenance: str
    last: str
    agreeing: bool


@dataclass(frozen=True)
class Calibration:
    """Observations, and what is needed to find those of a plan.

    Attributes:
        observations: of all launches that are kept, in any order.
        installed: the version of each engine, where it is known.
        device_names: by which name a device is kept, where it is not the machine's own.

    Example:
        >>> memory = MemoryEstimate((MemoryTerm("compute", 1, 2, 3, "formula", "cpu"),))
        >>> Calibration().apply(memory, Setup("embedded", "llama", "cpu", 1, "f16", ())) is memory
        True
    """

    observations: tuple[Observation, ...] = ()
    installed: Mapping[EngineName, str] = field(default_factory=dict)
    device_names: Mapping[str, str] = field(default_factory=dict)
    _found: dict[tuple[Setup, str, str], Residual | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def apply(self, memory: MemoryEstimate, setup: Setup) -> MemoryEstimate:
        """The estimate with every term corrected that launches say something of."""
        if not any(one.engine == setup.engine for one in self.observations):
            return memory
        largest = _largest_overheads(memory)
        return MemoryEstimate(tuple(self._corrected(term, setup, largest) for term in memory.terms))

    def residual(self, setup: Setup, device: str, component: str) -> Residual | None:
        """What launches say of a component at that place; None where there were none."""
        key = (setup, device, component)
        if key not in self._found:
            self._found[key] = residual_of(self._matching(setup, device, component))
        return self._found[key]

    def _corrected(self, term: MemoryTerm, setup: Setup, largest: Mapping[str, MemoryTerm]) -> MemoryTerm:
        is_overhead = term.name == OVERHEAD
        if term.name in SET_BY_US.get(setup.engine, ()):
            return term
        if term.name not in RATIO_COMPONENTS and not is_overhead:
            return term
        residual = self.residual(setup, term.device, term.name)
        # Several overheads of one device were measured together: the largest carries the difference.
        if residual is None or (is_overhead and largest[term.device] is not term):
            return term
        if not residual.launches:
            return replace(term, source=f"{term.source}; {residual.provenance}")
        return _with_difference(term, residual) if is_overhead else _with_ratio(term, residual)

    def _matching(self, setup: Setup, device: str, component: str) -> list[Observation]:
        """Observations of that component in that setup, newest first, of one version."""
        name = setup.device_name(device)
        found = sorted(
            (one for one in self.observations if _applies(one, setup, name, component)),
            key=lambda one: one.observed_at,
            reverse=True,
        )
        version = self.installed.get(setup.engine) or (found[0].engine_version if found else "")
        return [one for one in found if _release(one.engine_version) == _release(version)]


UNCALIBRATED: Final = Calibration()


def within_bounds(observation: Observation) -> bool:
    """Whether a figure may be applied.

    Raises:
        KeyError: it is of no component that is ever kept.
    """
    if observation.component == OVERHEAD:
        predicted, measured = observation.predicted_bytes, observation.measured_bytes
        most = predicted + max(predicted, _LEAST_OVERHEAD_BOUND)
        return predicted // _LEAST_OVERHEAD_SHARE <= measured <= most
    least_ratio, most_ratio = RATIO_BOUNDS[observation.component]
    return least_ratio <= observation.ratio <= most_ratio


def _applies(one: Observation, setup: Setup, device_name: str, component: str) -> bool:
    same = (one.engine, one.architecture, one.layout, one.device, one.component) == (
        setup.engine,
        setup.architecture,
        setup.layout,
        device_name,
        component,
    )
    covered = frozenset(one.covers)
    return (
        same
        and (not covered & OF_WEIGHTS or one.weights_bytes == setup.weights_bytes)
        and (not covered & OF_CACHES or one.kv_cache_type == setup.kv_cache_type)
    )


def residual_of(newest_first: Sequence[Observation]) -> Residual | None:
    """What observations of one component in one place say together, the newest of them first."""
    if not newest_first:
        return None
    newest = set(sorted({one.observed_at for one in newest_first}, reverse=True)[:LAUNCHES])
    recent = [one for one in newest_first if one.observed_at in newest]
    counted = [one for one in recent if within_bounds(one)]
    refused = len({one.observed_at for one in recent} - {one.observed_at for one in counted})
    launches = len({one.observed_at for one in counted})
    is_overhead = recent[0].component == OVERHEAD
    values = [float(one.added_bytes) if is_overhead else one.ratio for one in counted] or [0.0]
    spread = max(values) - min(values)
    return Residual(
        middle=statistics.median(values),
        lowest=min(values),
        highest=max(values),
        launches=launches,
        refused=refused,
        provenance=_provenance(counted, launches, refused) if counted else _refusal(recent[0]),
        last=counted[0].day if counted else "",
        agreeing=launches >= _AGREEING_LAUNCHES
        and spread <= (_OVERHEAD_SPREAD if is_overhead else _RATIO_SPREAD),
    )


def _release(version: str) -> str:
    """Without the build behind the plus sign, which vLLM's package has and its log has not."""
    return version.partition("+")[0]


def _provenance(counted: Sequence[Observation], launches: int, refused: int) -> str:
    newest = counted[0]
    more = f"; {refused} more out of bounds" if refused else ""
    return (
        f"{launches} launch{'es' if launches > 1 else ''} of {engine_title(newest)} on {newest.device}, "
        f"last {newest.day}{more}"
    )


def _refusal(one: Observation) -> str:
    """Why the only figures that there are do not count."""
    seen = f"{one.ratio:.3g} times this"
    return f"{engine_title(one)} on {one.device} took {seen} on {one.day}: out of bounds, and not applied"


def engine_title(one: Observation) -> str:
    """The engine with its version, where that is known."""
    return f"{one.engine} {one.engine_version}".strip()


def _with_ratio(term: MemoryTerm, residual: Residual) -> MemoryTerm:
    factor = round(residual.middle, RATIO_DIGITS)
    expected = round(term.expected_bytes * factor)
    low = min(term.low_bytes, round(term.low_bytes * factor))
    high = max(term.high_bytes, round(term.high_bytes * factor))
    if residual.agreeing:
        slack = _RATIO_SPREAD / 2
        low = max(low, min(expected, round(term.expected_bytes * (residual.lowest - slack))))
        high = min(high, max(expected, round(term.expected_bytes * (residual.highest + slack))))
    if factor == 1:
        source, arithmetic = f"{term.source}, confirmed by {residual.provenance}", term.arithmetic
    else:
        source = f"{term.source} × {factor:g}, from {residual.provenance}"
        arithmetic = f"({_steps(term)}) x {factor:g}"
    correction = Correction(term.expected_bytes, factor, 0, residual.launches, residual.last)
    return MemoryTerm(term.name, low, expected, high, source, term.device, arithmetic, correction)


def _with_difference(term: MemoryTerm, residual: Residual) -> MemoryTerm:
    added = max(round(residual.middle), -term.expected_bytes)
    expected = term.expected_bytes + added
    low = max(0, min(term.low_bytes, term.low_bytes + added))
    high = max(term.high_bytes, term.high_bytes + added)
    if residual.agreeing:
        # The upper end stays: processes grow with use, and they were measured after one prompt.
        slack = _OVERHEAD_SPREAD // 2
        low = max(low, min(expected, term.expected_bytes + round(residual.lowest) - slack))
    much = f"{abs(added) / MIB:.1f} MiB {'less' if added < 0 else 'more'}"
    source = f"{term.source}; {much}, from {residual.provenance}"
    arithmetic = f"{_steps(term)} {'-' if added < 0 else '+'} {abs(added):,} B"
    correction = Correction(term.expected_bytes, 1.0, added, residual.launches, residual.last)
    return MemoryTerm(term.name, low, expected, high, source, term.device, arithmetic, correction)


def _steps(term: MemoryTerm) -> str:
    """The calculation without its result, where it ends in one."""
    return term.arithmetic.removesuffix(f" = {term.expected_bytes:,} bytes") or f"{term.expected_bytes:,} B"


def signed_mib(size_bytes: int) -> str:
    """With its sign as a word of a sum.

    Example:
        >>> signed_mib(3 * MIB), signed_mib(-MIB // 2)
        ('+ 3.0 MiB', '- 0.5 MiB')
    """
    return f"{'-' if size_bytes < 0 else '+'} {abs(size_bytes) / MIB:.1f} MiB"


def _largest_overheads(memory: MemoryEstimate) -> dict[str, MemoryTerm]:
    """The largest overhead of each device."""
    largest: dict[str, MemoryTerm] = {}
    for term in memory.component(OVERHEAD).terms:
        if term.device not in largest or term.expected_bytes > largest[term.device].expected_bytes:
            largest[term.device] = term
    return largest
