"""The speeds that a plan predicted, beside those that were measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.benchmark.spread import Spread
from deploy.plan import SpeedEstimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.benchmark.figures import ClientFigures, Level
    from deploy.plan import Plan, Unknown


@dataclass(frozen=True, slots=True)
class Prediction:
    """One speed of the plan, in tokens a second of one sequence.

    Attributes:
        name: ``decode`` or ``prefill``.
        concurrency: how many sequences are under way together.
        predicted: None where the plan does not know.
        measured: through the raw API; None where that concurrency was not measured.
        conditions: what each of the two is of, or why one is missing.
    """

    name: str
    concurrency: int
    predicted: SpeedEstimate | None
    measured: Spread | None
    conditions: str


def predictions(plan: Plan, levels: Sequence[Level]) -> tuple[Prediction, ...]:
    """Decode at the concurrency that was planned for, prefill at one at a time."""
    raw = {level.concurrency: level.raw for level in levels if level.raw.answered}
    planned = plan.workload.concurrent_sequences
    return (
        _decode(plan, planned, raw.get(planned)),
        _prefill(plan, raw.get(1)),
    )


def _decode(plan: Plan, concurrency: int, figures: ClientFigures | None) -> Prediction:
    if figures is None or figures.per_token_ms is None or figures.per_token_ms.low <= 0:
        return _unmeasured("decode", plan.decode, concurrency)
    prompt_tokens = figures.prompt_tokens / figures.answered
    end = prompt_tokens + figures.output_tokens / figures.answered
    return _beside(
        "decode",
        plan.decode,
        concurrency,
        _rate(1, figures.per_token_ms),
        f"predicted after {plan.workload.context_tokens:,} tokens, "
        f"measured after {prompt_tokens:,.0f} to {end:,.0f}",
    )


def _prefill(plan: Plan, figures: ClientFigures | None) -> Prediction:
    if figures is None or figures.first_token_ms is None or not figures.prompt_tokens:
        return _unmeasured("prefill", plan.prefill, 1)
    # What the server remembered of the chat template was not computed.
    computed = (figures.prompt_tokens - figures.cached_tokens) / figures.answered
    return _beside(
        "prefill",
        plan.prefill,
        1,
        _rate(computed, figures.first_token_ms),
        f"predicted for a prompt of {plan.workload.context_tokens:,} tokens, "
        f"measured with {computed:,.0f} and the wait for the first token",
    )


def _beside(
    name: str, estimate: SpeedEstimate | Unknown, concurrency: int, measured: Spread, conditions: str
) -> Prediction:
    if isinstance(estimate, SpeedEstimate):
        return Prediction(name, concurrency, estimate, measured, conditions)
    return Prediction(name, concurrency, None, measured, f"not predicted: {estimate.reason}")


def _unmeasured(name: str, estimate: SpeedEstimate | Unknown, concurrency: int) -> Prediction:
    predicted = estimate if isinstance(estimate, SpeedEstimate) else None
    return Prediction(
        name, concurrency, predicted, None, f"not measured: --concurrency {concurrency} would measure it"
    )


def _rate(tokens: float, wait_ms: Spread) -> Spread:
    """Tokens over a time: the longer, the slower, so that low and high change places."""
    return Spread(
        1000 * tokens / wait_ms.median,
        1000 * tokens / wait_ms.high,
        1000 * tokens / wait_ms.low,
        wait_ms.count,
    )
