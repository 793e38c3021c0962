"""What would make a rejected option fit: the nearest change, and the smallest ones where nothing fits.

Every change that is named was weighed again and fits, but for those that take other hardware, which say how
much it takes. Where a model was named, more is tried than where a whole catalog is compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deploy.plan import Change, Rejection
from deploy.planning.options import GPU_RESERVE_BYTES, gib
from deploy.planning.placements import Placed
from deploy.planning.ranking import spills
from deploy.planning.reductions import CONTEXT_STEP, KV_CACHE_EFFORTS, SMALLER_KV_CACHES, Reducer, named
from deploy.serving import CPU, Placement
from deploy.spec import GIB
from deploy.speed import MINIMUM_TOKENS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.plan import PlanRequest
    from deploy.planning.options import PlanOption, Weigher

# Where a model was trained for less than is asked for, its memory may still not do: then a part of it.
_CONTEXT_PARTS = (1, 2, 4, 8, 16)

# Efforts order changes of different kinds: from what nobody notices to what costs money.
_UNNOTICED_EFFORT = 0.05
_QUANTIZATION_EFFORT = 0.1
_ENGINE_EFFORT = 0.3
_REQUEST_EFFORT = 0.5
_MODEL_EFFORT = 0.6
_HARDWARE_EFFORT = 1.0


@dataclass(frozen=True)
class ChangeFinder:
    """Finds what would make rejected options fit.

    Attributes:
        weigher: weighed the options, and weighs them again, changed.
        options: what may be named instead: all options of the report, where nothing fits others too.
    """

    weigher: Weigher
    options: Sequence[PlanOption]

    @cached_property
    def _reducer(self) -> Reducer:
        return Reducer(self.weigher)

    @cached_property
    def _fitting(self) -> list[PlanOption]:
        return [option for option in self.options if option.fits]

    def nearest(self, option: PlanOption) -> Change | None:
        """The change that gives up least; None where none is known."""
        found: list[Change] = []
        for change in self._with_this_machine(option):
            found.append(change)
            if change.effort <= _UNNOTICED_EFFORT:
                break  # what is left to try takes long and gives up no less
        found = found or [*self._on_another_gpu(option)] or [*self._last_resort(option)]
        return min(found, key=lambda change: change.effort, default=None)

    def smallest(self, options: Sequence[PlanOption], count: int) -> tuple[Change, ...]:
        """The smallest changes over rejected options: the best of each kind, then more of the same kinds."""
        found = [_told_alone(change, option) for option in options for change in self.changes(option)]
        if not found:
            found = [
                _told_alone(change, option) for option in options for change in self._last_resort(option)
            ]
        found.sort(key=lambda change: change.effort)
        of_each_kind: dict[str, Change] = {}
        others: dict[str, Change] = {}
        for change in found:
            if of_each_kind.setdefault(change.kind, change).description != change.description:
                others.setdefault(change.description, change)
        chosen = [*of_each_kind.values(), *others.values()][:count]
        return tuple(sorted(chosen, key=lambda change: change.effort))

    def changes(self, option: PlanOption) -> Iterator[Change]:
        """Every change that would make the option fit."""
        yield from self._with_this_machine(option)
        yield from self._on_another_gpu(option)

    def _with_this_machine(self, option: PlanOption) -> Iterator[Change]:
        """Changes of what is asked for, and more memory."""
        rejection = option.outcome
        if not isinstance(rejection, Rejection):
            return
        yield from self._of_the_request(option, rejection)
        yield from self._lower_quantization(option)
        yield from self._other_model(option)
        if rejection.device and self._after_memory(option) is None:
            yield _hardware(option)

    def _of_the_request(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        if rejection.term == "kv_cache_type":
            kind = SMALLER_KV_CACHES[option.engine][0]
            change = Change("kv_cache", f"a KV cache in {kind}", f"--kv-cache {kind}", KV_CACHE_EFFORTS[kind])
            yield from self._and_more(change, option, replace(self.weigher.request, kv_cache_type=kind))
        elif rejection.term in {"engine", "format", "license", "languages", "context", "disk"}:
            yield from self._without_memory(option, rejection)
        else:
            yield from self._reducer.smaller_cache(option, rejection)
            yield from self._reducer.less_reserve(option)
            if rejection.term == "speed":
                yield from self._slower(option)
            elif rejection.term == "max_memory":
                yield from self._more_allowed(option, rejection)

    def _without_memory(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        request, tag = self.weigher.request, option.subject.typed
        if rejection.term == "context":
            yield from self._trained_context(option)
        elif rejection.term == "disk":
            missing = gib(rejection.short_bytes)
            yield Change("disk", f"{missing} more of free disk", "", _HARDWARE_EFFORT)
        elif rejection.term in {"engine", "format"}:
            others = [other for other in self._fitting if other.subject.id == option.subject.id]
            if others:
                other = others[0]
                yield Change(
                    "engine",
                    f"{other.engine} with {other.quantization}",
                    f"{tag} --engine {other.engine} --quant {other.quantization}",
                    _ENGINE_EFFORT,
                )
        else:
            given_up: dict[str, Any] = {"license": ""} if rejection.term == "license" else {"languages": ()}
            freed = f"--{rejection.term}"
            change = Change("request", f"without {freed}", "", _REQUEST_EFFORT, freed)
            yield from self._and_more(change, option, replace(request, **given_up))

    def _and_more(self, change: Change, option: PlanOption, request: PlanRequest) -> Iterator[Change]:
        """The change of the request, if it is enough; else with each further one that then is.

        Args:
            change: whose ``options`` are what it alone adds.
            option: that it is tried on.
            request: as changed.
        """
        weigher = replace(self.weigher, request=request)
        changed = weigher.weigh(option.subject, option.quantization, option.engine)
        if changed.fits:
            yield replace(change, options=f"{named(option)} {change.options}".strip())
            return
        alone = ChangeFinder(weigher, ())
        for further in [*alone.changes(changed)] or [*alone._last_resort(changed)]:
            if further.kind == change.kind and not further.without:
                continue  # one option cannot be typed with two values
            yield replace(
                further,
                description=f"{change.description}, and {further.description}",
                options=f"{further.options} {change.options}".strip() if further.options else "",
                effort=change.effort + further.effort,
                without=f"{change.without} {further.without}".strip(),
            )

    def _trained_context(self, option: PlanOption) -> Iterator[Change]:
        """As much context as the model was trained for, or the largest part of it that fits."""
        request, trained = self.weigher.request, option.subject.architecture.max_context_tokens
        parts = [trained // part for part in _CONTEXT_PARTS if trained // part >= CONTEXT_STEP]
        for tokens in parts:
            shorter = self._reducer.asking(context_tokens=tokens)
            if tokens == parts[-1] or self._reducer.fits(option, shorter):
                effort = 1 - tokens / request.workload.context_tokens
                change = Change("context", f"a context of {tokens:,} tokens", f"--context {tokens}", effort)
                yield from self._and_more(change, option, shorter)
                return

    def _more_allowed(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        change, allowing = self._allowing(rejection)
        if self._reducer.fits(option, allowing):
            yield replace(change, options=f"{named(option)} {change.options}")

    def _allowing(self, rejection: Rejection) -> tuple[Change, PlanRequest]:
        allowed = _whole_gib(rejection.needed_bytes)
        effort = _REQUEST_EFFORT * (1 + _share(rejection.short_bytes))
        change = Change("request", f"{allowed} GiB allowed", f"--max-memory {allowed}GiB", effort)
        return change, replace(self.weigher.request, most_memory_bytes=allowed * GIB)

    def _slower(self, option: PlanOption) -> Iterator[Change]:
        # Speed is checked last: what is too slow fits in every other way.
        accepted = _floor(option.tokens_per_s)
        asked = self.weigher.request.minimum_tokens_per_s
        given_up = 1 - accepted / (MINIMUM_TOKENS_PER_S if asked is None else asked)
        yield Change(
            "speed",
            _accepting(option),
            f"{named(option)} --min-speed {accepted:g}",
            _REQUEST_EFFORT * (1 + given_up),
        )

    def _on_another_gpu(self, option: PlanOption) -> Iterator[Change]:
        """A GPU that holds the model whole, where there is none or layers are left to the CPU.

        A GPU of another size makes nothing faster that is whole on one, or that is computed on the CPU.
        """
        rejection = option.outcome
        term = rejection.term if isinstance(rejection, Rejection) else ""
        if term == "engine":
            yield self._another_gpu(option, option.placement)
        elif term == "speed" and option.engine != "embedded" and spills(option):
            everything = option.loaded.architecture.layer_count + 1
            yield self._another_gpu(option, Placement(gpus=(0,), gpu_layers=(everything,)))

    def _another_gpu(self, option: PlanOption, placement: Placement) -> Change:
        """A GPU that would hold what the placement leaves on ``gpu:0``, beside what is kept free there."""
        request = self.weigher.request
        held = option.loaded.memory(request.workload, placement).on("gpu:0").expected_bytes
        needed = held + GPU_RESERVE_BYTES + request.reserved_bytes
        effort = _HARDWARE_EFFORT + 1 + _share(needed)
        return Change("hardware", f"a GPU with {gib(needed)} free", "", effort)

    def _after_memory(self, option: PlanOption) -> Rejection | None:
        """What else would be wrong with the option if it had the memory that it lacks."""
        return self.weigher.rejection(option, Placed(option.placement, option.memory, fits=True))

    def _last_resort(self, option: PlanOption) -> Iterator[Change]:
        """More memory and what it takes beside it: only to be named where nothing else is known."""
        rejection = option.outcome
        if not isinstance(rejection, Rejection):
            return
        if rejection.term == "max_memory":
            change, allowing = self._allowing(rejection)
            yield from self._and_more(change, option, allowing)
        if not rejection.device:
            return
        then, change = self._after_memory(option), _hardware(option)
        if then is None:
            return
        besides = {
            "speed": _accepting(option),
            "max_memory": f"{_whole_gib(then.needed_bytes)} GiB allowed",
            "disk": f"{gib(then.short_bytes)} more of free disk",
        }
        yield replace(
            change,
            description=f"{change.description}, and {besides[then.term]}",
            effort=change.effort + _HARDWARE_EFFORT,
        )

    def _lower_quantization(self, option: PlanOption) -> Iterator[Change]:
        """The most precise quantization of the same model on the same engine that fits."""
        same = [
            other
            for other in self._fitting
            if other.subject.id == option.subject.id and other.engine == option.engine
        ]
        if not same:
            return
        losses = {other.quantization: other.subject.loss(other.quality) for other in same}
        best = min(same, key=lambda other: (losses[other.quantization], other.memory.expected_bytes))
        yield Change(
            "quantization",
            f"{best.quantization} instead of {option.quantization}",
            named(best),
            _QUANTIZATION_EFFORT + losses[best.quantization],
        )

    def _other_model(self, option: PlanOption) -> Iterator[Change]:
        """The best of each other model that fits; the bundled one only where there is no other."""
        fitting = [other for other in self._fitting if other.subject.id != option.subject.id]
        fitting = [other for other in fitting if not other.subject.bundled] or fitting
        first: dict[str, PlanOption] = {}
        for other in fitting:
            first.setdefault(other.subject.id, other)
        for best in first.values():
            lost = 1 - min(1.0, best.ability / option.ability) if option.ability else 0.0
            yield Change("model", best.title, named(best), _MODEL_EFFORT + lost)


def _told_alone(change: Change, option: PlanOption) -> Change:
    """The change away from the option's own row: where no command tells for which one it is, words do."""
    if change.options:
        return change
    return replace(change, description=f"{change.description}, for {option.title}")


def _accepting(option: PlanOption) -> str:
    accepted = _floor(option.tokens_per_s)
    return f"accepting {accepted:g} tokens/s" if accepted else "accepting any speed"


def _whole_gib(size_bytes: int) -> int:
    return -(-size_bytes // GIB)


def _floor(rate: float) -> float:
    """A rate with two significant digits, never above it; 0 for none.

    Example:
        >>> _floor(1.97), _floor(188.5), _floor(0.0479), _floor(0.0)
        (1.9, 180.0, 0.047, 0.0)
    """
    if rate <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return round(math.floor(rate / step) * step, 12)


def _hardware(option: PlanOption) -> Change:
    """More memory, of every device that is short."""
    short = {
        device: missing
        for device, budget in option.budgets.items()
        if (missing := option.memory.on(device).expected_bytes - budget) > 0
    }
    effort = _HARDWARE_EFFORT + _share(sum(short.values()))
    names = {device: "main memory" if device == CPU else f"memory on {device}" for device in short}
    wanted = " and ".join(f"{gib(missing)} more {names[device]}" for device, missing in short.items())
    return Change("hardware", wanted, "", effort)


def _share(size_bytes: int) -> float:
    """A size as a number from 0 to 1 that grows with it: what orders changes of one kind."""
    return size_bytes / (size_bytes + 16 * GIB)
