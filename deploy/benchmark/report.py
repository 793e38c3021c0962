"""The result of a benchmark as one value: what ``stillroom bench --json`` prints.

Pure: rounds in, a frozen value out. docs/bench.md describes each field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.benchmark.figures import (
    MOST_FIRST_TOKEN_MS,
    MOST_TOKENS_PER_S_RATIO,
    Failure,
    Level,
    Verdict,
    failures,
    levels,
)
from deploy.benchmark.prediction import Prediction, predictions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deploy.benchmark.timing import Round
    from deploy.benchmark.workload import BenchWorkload
    from deploy.endpoint import Endpoint
    from deploy.plan import Plan
    from deploy.spec import EngineName

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Target:
    """The most that the toolkit's overhead should be."""

    tokens_per_s_ratio: float = MOST_TOKENS_PER_S_RATIO
    first_token_difference_ms: float = MOST_FIRST_TOKEN_MS


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured, where, with what, and how it compares.

    Attributes:
        measured_at: when it ended, ISO 8601 with its offset from UTC.
        base_url: of the endpoint, without a name and password.
        complete: False where it was stopped before all rounds were measured.
        verdict: the worst of all levels; None before there is a pair of rounds.
        notes: what a reader has to know to judge the figures.
    """

    schema_version: int
    measured_at: str
    complete: bool
    base_url: str
    model: str
    engine: EngineName
    workload: BenchWorkload
    levels: tuple[Level, ...]
    target: Target
    verdict: Verdict | None
    predictions: tuple[Prediction, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def failed_requests(self) -> int:
        """Of both clients, at all levels."""
        return sum(failure.count for failure in self.failures)


def bench_report(
    rounds: Sequence[Round],
    *,
    endpoint: Endpoint,
    workload: BenchWorkload,
    plan: Plan | None,
    ignores_eos: bool,
    complete: bool,
    measured_at: datetime,
) -> BenchReport:
    """Everything that the rounds say.

    ``plan`` is what the endpoint was started for, None where that is not known; ``ignores_eos`` whether the
    server was told to write on after the end of a text.
    """
    found = levels(rounds)
    return BenchReport(
        schema_version=SCHEMA_VERSION,
        measured_at=measured_at.isoformat(timespec="seconds"),
        complete=complete,
        base_url=endpoint.address,
        model=endpoint.model,
        engine=endpoint.engine,
        workload=workload,
        levels=found,
        target=Target(),
        verdict=_worst(found),
        predictions=predictions(plan, found) if plan else (),
        failures=failures(rounds),
        notes=tuple(_notes(found, workload, plan, ignores_eos=ignores_eos)),
    )


def _worst(found: Sequence[Level]) -> Verdict | None:
    verdicts = {level.overhead.verdict for level in found if level.overhead}
    order: tuple[Verdict, ...] = ("missed", "unclear", "met")
    return next((verdict for verdict in order if verdict in verdicts), None)


def _notes(
    found: Sequence[Level], workload: BenchWorkload, plan: Plan | None, *, ignores_eos: bool
) -> list[str]:
    notes = []
    clients = [client for level in found for client in (level.raw, level.toolkit)]
    if not ignores_eos:
        notes.append(
            "the server cannot be told to write on after the end of a text: "
            f"answers may be shorter than {workload.output_tokens} tokens"
        )
    if any(client.answered and not client.counted_by_server for client in clients):
        notes.append("the server did not count tokens: each chunk of text was taken for one")
    if plan is None:
        notes.append("no plan is known of this endpoint: nothing stands beside the measured speed")
    elif (planned := plan.workload.concurrent_sequences) < max(workload.concurrency):
        notes.append(f"the engine was planned for {planned} at once: of more, the others wait for their turn")
    return notes
