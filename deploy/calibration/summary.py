"""What a calibration holds, for a reader: each component in each place, and what is applied to it.

Pure. It is made of the same residuals that plans are corrected by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.calibration.comparison import OVERHEAD
from deploy.calibration.corrections import (
    OF_CACHES,
    OF_WEIGHTS,
    RATIO_DIGITS,
    engine_title,
    residual_of,
    signed_mib,
)
from deploy.calibration.observation import RATIO_COMPONENTS

if TYPE_CHECKING:
    from deploy.calibration.observation import Observation


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of one component in one place, for a reader.

    Attributes:
        place: engine with version, device, layout and architecture.
        scope: to which plans it applies beyond those, in words.
        predicted_bytes, measured_bytes: of the newest launch.
        factor: what a prediction is multiplied by; None for overhead, and where nothing is applied.
        added_bytes: what is added to it; None for all else, likewise.
        launches: how many count.
        refused: how many are out of bounds.
        last: the day of the newest.
    """

    place: str
    component: str
    scope: str
    predicted_bytes: int
    measured_bytes: int
    factor: float | None
    added_bytes: int | None
    launches: int
    refused: int
    last: str

    @property
    def applied(self) -> str:
        """The correction as it is printed."""
        if self.factor is not None:
            return "confirmed" if self.factor == 1 else f"x {self.factor:g}"
        return "out of bounds" if self.added_bytes is None else signed_mib(self.added_bytes)


def summarize(observations: tuple[Observation, ...]) -> tuple[Summary, ...]:
    """The residuals of everything that is kept: what a plan in each of these places would be given."""
    groups: dict[tuple[str, str, str], list[Observation]] = {}
    for one in sorted(observations, key=lambda one: one.observed_at, reverse=True):
        groups.setdefault((_place(one), one.component, _scope(one)), []).append(one)
    return tuple(_summary(key, groups[key]) for key in sorted(groups, key=_listed))


def _listed(key: tuple[str, str, str]) -> tuple[str, int, str]:
    """By place, then in the order of a plan's terms."""
    place, component, scope = key
    order = (*RATIO_COMPONENTS, OVERHEAD)
    return place, order.index(component), scope


def _summary(key: tuple[str, str, str], newest_first: list[Observation]) -> Summary:
    place, component, scope = key
    residual = residual_of(newest_first)
    counts = residual is not None and residual.launches > 0
    middle = residual.middle if residual is not None else 0.0
    is_overhead = component == OVERHEAD
    return Summary(
        place=place,
        component=component,
        scope=scope,
        predicted_bytes=newest_first[0].predicted_bytes,
        measured_bytes=newest_first[0].measured_bytes,
        factor=round(middle, RATIO_DIGITS) if counts and not is_overhead else None,
        added_bytes=round(middle) if counts and is_overhead else None,
        launches=residual.launches if residual is not None else 0,
        refused=residual.refused if residual is not None else 0,
        last=newest_first[0].day,
    )


def _place(one: Observation) -> str:
    return f"{engine_title(one)} on {one.device} ({one.layout}), {one.architecture}"


def _scope(one: Observation) -> str:
    """What else must be equal, as in ``_applies``."""
    covered = frozenset(one.covers)
    parts = [f"{one.model} {one.quantization}"] if covered & OF_WEIGHTS else []
    parts += [f"cache {one.kv_cache_type}"] if covered & OF_CACHES else []
    return ", ".join(parts) or "any model"
