"""Predicted memory beside measured, component by component and device by device.

Pure. What an engine did not tell apart is set beside what was predicted for all of it together, so that both
columns add up to their totals. It keeps nothing and corrects nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.engines.base import MeasuredTerm
    from deploy.measurement import Measurement
    from deploy.spec import MemoryEstimate, MemoryTerm

OVERHEAD: Final = "overhead"
TOTAL: Final = "total"

# What ``buffers`` sums up, where an engine told only their sum.
_BUFFERS: Final = frozenset({"weights", "weights_repacked", "kv_cache", "recurrent_state", "compute", "lora"})
# Told by an engine, and part of what a plan calls overhead.
_WITHIN_OVERHEAD: Final = frozenset({"cuda_graphs"})


@dataclass(frozen=True, slots=True)
class ComparedTerm:
    """One line: what was predicted of some memory on one device, and what was measured of it, in bytes.

    Attributes:
        device: ``cpu`` or ``gpu:N``.
        name: a component's; ``overhead`` for what no component accounts for, ``total`` for the device.
        covers: the plan's components that this line is about; several where they were not told apart.
        low_bytes: with ``predicted_bytes`` and ``high_bytes`` the plan's interval; 0 for what no plan has.
        formula_bytes: the prediction before any correction by earlier launches.
        measured_bytes: None where nobody told.
        rounding_bytes: the most that the measured figure may be off, because it was printed rounded.
    """

    device: str
    name: str
    covers: tuple[str, ...]
    low_bytes: int
    predicted_bytes: int
    high_bytes: int
    formula_bytes: int
    measured_bytes: int | None
    rounding_bytes: int = 0

    @property
    def difference(self) -> float | None:
        """The measured figure less the predicted one, as a share of the latter; None without either.

        Example:
            >>> ComparedTerm("cpu", "compute", ("compute",), 0, 100, 200, 100, 104).difference
            0.04
        """
        if self.measured_bytes is None or not self.predicted_bytes:
            return None
        return (self.measured_bytes - self.predicted_bytes) / self.predicted_bytes


def compare(memory: MemoryEstimate, measured: Measurement) -> tuple[ComparedTerm, ...]:
    """Lines for each device in the plan's order: components, overhead, total.

    Overhead is what a device's total has beyond what the engine told. It is not told where no total is
    known, or one below the sum of the engine's figures: then pages of the weights are not in memory.

    Args:
        memory: the plan's terms.
        measured: what the running engine takes.
    """
    devices = dict.fromkeys(term.device for term in memory.terms)
    devices |= dict.fromkeys(term.device for term in measured.terms if term.device)
    return tuple(
        line
        for device in devices
        for line in _Device(
            device,
            memory.on(device).terms,
            tuple(term for term in measured.terms if term.device == device),
            measured.total_bytes(device),
        ).lines()
    )


@dataclass(frozen=True)
class _Device:
    """One device's terms, as planned and as told, and its total."""

    device: str
    planned: tuple[MemoryTerm, ...]
    told: tuple[MeasuredTerm, ...]
    total_bytes: int | None

    def lines(self) -> Iterator[ComparedTerm]:
        # A component of nothing, of which nothing was told, is nobody's to measure.
        names = tuple(dict.fromkeys(term.name for term in self.planned if term.high_bytes))
        yield from self._components(names)
        rest = tuple(name for name in names if name not in self._told_names(names))
        yield from self._overhead(rest)
        yield self._line(TOTAL, names, self.total_bytes)

    def _told_names(self, names: tuple[str, ...]) -> set[str]:
        return {name for term in self.told for name in _covered(term, names)}

    def _components(self, names: tuple[str, ...]) -> Iterator[ComparedTerm]:
        """What the engine told, in the plan's order; what no plan has comes last."""
        order = {name: place for place, name in enumerate((*names, "buffers"))}
        for term in sorted(self.told, key=lambda term: order.get(term.name, len(order))):
            line = self._line(
                term.name, _covered(term, names), term.measured_bytes, rounding_bytes=term.rounding_bytes
            )
            if line.measured_bytes or line.high_bytes:
                yield line

    def _overhead(self, rest: tuple[str, ...]) -> Iterator[ComparedTerm]:
        """What is left of the total, beside all that the engine did not tell; each alone without a total."""
        accounted = sum(term.measured_bytes for term in self.told if term.name not in _WITHIN_OVERHEAD)
        if self.total_bytes is None or self.total_bytes < accounted:
            yield from (self._line(name, (name,), None) for name in rest)
        elif rest:
            yield self._line(OVERHEAD, rest, self.total_bytes - accounted)

    def _line(
        self, name: str, covers: tuple[str, ...], measured_bytes: int | None, *, rounding_bytes: int = 0
    ) -> ComparedTerm:
        covered = [term for term in self.planned if term.name in covers]
        return ComparedTerm(
            device=self.device,
            name=name,
            covers=covers,
            low_bytes=sum(term.low_bytes for term in covered),
            predicted_bytes=sum(term.expected_bytes for term in covered),
            high_bytes=sum(term.high_bytes for term in covered),
            formula_bytes=sum(term.formula_bytes for term in covered),
            measured_bytes=measured_bytes,
            rounding_bytes=rounding_bytes,
        )


def _covered(term: MeasuredTerm, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of a plan's components an engine's figure is about."""
    if term.name == "buffers":
        return tuple(name for name in names if name in _BUFFERS)
    return (term.name,)
