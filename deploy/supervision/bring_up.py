"""From a plan to a running deployment, walking down a ladder where memory does not suffice.

Each start that runs out of memory gives up one thing more (``deploy.planning.ladder``), says so and tries
again; what was given up is kept in the deployment's record. It decides nothing about memory itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.supervision.deployment import LadderStep
from deploy.supervision.supervise import up
from stillroom.errors import EngineError, EngineMemoryError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.planning.ladder import Ladder
    from deploy.spec import LaunchSpec
    from deploy.supervision.deployment import Deployment


# Each is a launch; what so many did not mend, one more does not.
_MOST_STEPS: Final = 16


@dataclass(frozen=True)
class _Attempt:
    """A plan that ran out of memory, and how it was reached."""

    plan: Plan
    steps: tuple[LadderStep, ...]
    failure: EngineMemoryError


def bring_up(
    plan: Plan,
    find_ladder: Callable[[], Ladder | None],
    *,
    spec_of: Callable[[Plan], LaunchSpec],
    state_dir: Path,
    on_progress: Callable[[str], None],
    on_step: Callable[[str], None],
) -> Deployment:
    """Start what was planned, or the most of it that starts.

    Args:
        plan: what was planned.
        find_ladder: asked once memory has run out, for what may be given up; None for nothing.
        spec_of: how to start a plan; fetches its weights where they are missing.
        state_dir: where the record is.
        on_progress: is given one short sentence a step.
        on_step: is given a sentence where something is given up, or taken back.

    Raises:
        EngineMemoryError: nothing more can be given up; the message names what was.
        EngineError and others: as ``deploy.supervision.supervise.up``, of the first start.
    """
    steps: tuple[LadderStep, ...] = ()
    without: frozenset[str] = frozenset()
    last: _Attempt | None = None
    ladder: Ladder | None = None
    while True:
        try:
            return up(spec_of(plan), plan, state_dir=state_dir, on_progress=on_progress, steps=steps)
        except EngineMemoryError as error:
            last = _Attempt(plan, steps, error)
        except (EngineError, WeightsError) as error:
            if last is None:
                raise
            # What was given up last led to something that does not start at all, such as a cache type that
            # this version lacks: it is taken back, and something else is given up.
            without |= {steps[-1].kind}
            on_step(f"{steps[-1].description} does not start: {error.message}")
        ladder = ladder or find_ladder()
        rung = ladder and ladder.below(
            last.plan, fitting_context_tokens=last.failure.context_tokens, without=without
        )
        if not rung or len(last.steps) >= _MOST_STEPS:
            if not last.steps:
                raise last.failure
            raise _exhausted(last) from last.failure
        why = last.failure.message
        on_step(f"{why}; trying {rung.description}")
        plan, steps = rung.plan, (*last.steps, LadderStep(rung.kind, rung.description, why))


def _exhausted(last: _Attempt) -> EngineMemoryError:
    given_up = ", ".join(step.description for step in last.steps)
    return EngineMemoryError(
        f"{last.failure.message}, and that with {given_up}: nothing more can be given up",
        hint="stillroom plan, to choose a smaller model",
        context_tokens=last.failure.context_tokens,
    )
