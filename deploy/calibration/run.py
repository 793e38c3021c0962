"""After a launch: measure it, keep what that says for later plans, and give the measurement back.

The shell around ``deploy.calibration.observation``: it sends one prompt, measures and writes a file. What the
figures change of a plan is ``deploy.calibration.corrections``'s to know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from deploy.calibration.comparison import compare
from deploy.calibration.file import add_observations
from deploy.calibration.observation import observe, setup_on
from deploy.engines import engine
from deploy.launching.engine_http import first_completion
from deploy.plan import SpeedEstimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deploy.measurement import Measurement
    from deploy.plan import Plan
    from deploy.spec import LaunchSpec, Machine

# One prompt of a whole micro-batch, which touches every page of llama.cpp's compute buffer: before, 14 of 17
# MiB were not in memory with SmolLM2-135M (xllamacpp 2026.10.11549, 2026-11-26).
_FILLING_TOKENS: Final = 512
# A short word is one token in every vocabulary of the catalog.
_WORD: Final = " word"
# The rest of a context is the chat template's, and the answer's.
_FILLING_SHARE: Final = 0.75
# Nobody waits longer for a figure; where it would take longer, overhead is the least part of the memory.
_MOST_FILLING_SECONDS: Final = 6.0
_FILLING_TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Launch:
    """An engine that was started here and answers.

    Attributes:
        log: what it wrote since its start.
        measure: measures it now; None where it is gone.
    """

    spec: LaunchSpec
    plan: Plan
    log: str
    measure: Callable[[], Measurement | None]


def calibrate(
    launch: Launch, *, machine: Machine, device_names: Mapping[str, str], state_dir: Path
) -> Measurement | None:
    """Measure a launch and keep what it says; the measurement.

    Args:
        launch: an engine of ours, not one that was attached to.
        machine: this one.
        device_names: by which name a device is kept, where it is not the machine's own.
        state_dir: where observations are kept.

    Raises:
        EngineError: the calibration file is damaged or locked.
        EnvironmentUnfitError: it cannot be read or written.
    """
    setup = setup_on(machine, launch.plan, device_names)
    filled = fill_buffers(launch.spec, launch.plan)
    measured = launch.measure()
    if measured is None:
        return None
    observations = observe(
        compare(launch.plan.memory, measured),
        launch.plan,
        setup,
        version=engine(launch.plan.engine).read_version(launch.log),
        observed_at=datetime.now(UTC).isoformat(),
        # What runs in a container is no child of ours: there is no total to have an overhead.
        filled=filled and not launch.spec.stop_argv,
    )
    if observations:
        add_observations(state_dir, observations)
    return measured


def filling_tokens(plan: Plan) -> int:
    """How many tokens the prompt has that fills the buffers; 0 where it would take too long, or nobody knows.

    Example:
        >>> filling_tokens(plan_bundled(machine, PlanRequest(), load_catalog()))  # doctest: +SKIP
        512
    """
    tokens = min(_FILLING_TOKENS, math.floor(plan.workload.context_tokens * _FILLING_SHARE))
    if isinstance(plan.prefill, SpeedEstimate):
        slow = tokens > plan.prefill.expected_tokens_per_s * _MOST_FILLING_SECONDS
        return 0 if slow else tokens
    # On a GPU whose speed is not known it is fast enough; on a CPU it may take minutes.
    return tokens if plan.placement.gpus else 0


def fill_buffers(spec: LaunchSpec, plan: Plan) -> bool:
    """Send a prompt of a whole micro-batch, so that memory can be compared; whether it was answered."""
    tokens = filling_tokens(plan)
    if not tokens:
        return False
    return first_completion(spec, timeout_seconds=_FILLING_TIMEOUT_SECONDS, prompt=_WORD * tokens).answered
