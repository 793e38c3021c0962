"""A running engine on a terminal and as JSON: what serves, how it fares, what it did, what it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stillroom.cli import tables
from stillroom.cli.memory_tables import comparison_document

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.engines.base import Activity
    from deploy.launching.engine_http import Health
    from deploy.measurement import Measurement
    from deploy.supervision.deployment import Deployment

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Seen:
    """A deployment, and what was seen of it just now.

    Attributes:
        uptime_seconds: since its model first answered; None where it does not run.
        health: what its health check answers; None where it does not run.
        activity: what its engine counted.
        deviations: where it does not serve as planned.
        measured: the memory that it takes; None where its process is not ours.
    """

    deployment: Deployment
    uptime_seconds: float | None
    health: Health | None
    activity: Activity | None
    measured: Measurement | None
    deviations: tuple[str, ...] = ()


def look_at(deployment: Deployment, *, visible_gpus: str | None) -> Seen:
    """Ask the operating system and the engine itself how it fares.

    Args:
        deployment: as recorded.
        visible_gpus: as the settings have it.
    """
    from deploy.launching.engine_http import health
    from deploy.supervision.supervise import activity, deviations, log_of, measure

    measured = measure(deployment, visible_gpus=visible_gpus)
    if deployment.state != "running":
        return Seen(deployment, None, None, None, measured, deployment.deviations)
    log = log_of(deployment)
    ready_at = deployment.ready_at or deployment.started_at
    return Seen(
        deployment,
        uptime_seconds=max(0.0, time.time() - ready_at),
        health=health(deployment.spec),
        activity=activity(deployment, log),
        measured=measured,
        deviations=deviations(deployment, log),
    )


def status_document(seen: Seen) -> dict[str, object]:
    """The same for programs; nothing secret is in it."""
    deployment, plan = seen.deployment, seen.deployment.plan
    return {
        "deployment": {
            "id": deployment.id,
            "state": deployment.state,
            "plan_summary": deployment.plan_summary,
            "engine": plan.engine,
            "model": plan.model_tag,
            "model_id": plan.model_id,
            "quantization": plan.artefact.quantization,
            "kv_cache_type": plan.serving.kv_cache_type,
            "context_tokens": plan.workload.context_tokens,
            "users": plan.workload.concurrent_sequences,
            "device": plan.device,
            "endpoint": deployment.endpoint,
            "log_path": deployment.log_path,
            "started_at": deployment.started_at,
            "supervisor": deployment.supervisor,
            "engine_process": deployment.engine_process,
            "predicted_bytes": deployment.predicted_bytes,
            "steps": deployment.steps,
            "restarts": deployment.restarts,
            "deviations": seen.deviations,
            "message": deployment.message,
            "hint": deployment.hint,
            "exit_code": deployment.exit_code,
        },
        "uptime_seconds": seen.uptime_seconds,
        "health": seen.health,
        "activity": seen.activity,
        "measured": seen.measured,
        "memory": comparison_document(plan.memory, seen.measured),
    }


def show_status(console: Console, seen: Seen) -> None:
    """What runs and where, how it fares, what was given up, and its memory."""
    deployment = seen.deployment
    tables.show_deployment(console, deployment, seen.measured)
    for line in _lines(seen):
        console.print(line, markup=False, soft_wrap=True)


def _lines(seen: Seen) -> list[str]:
    deployment = seen.deployment
    lines = [f"gave up: {step.description}" for step in deployment.steps]
    lines += [f"not as planned: {sentence}" for sentence in seen.deviations]
    if deployment.restarts and deployment.goes_on:
        last = deployment.restarts[-1]
        times = "once" if len(deployment.restarts) == 1 else f"{len(deployment.restarts)} times"
        lines.append(f"restarted {times}, last {duration(time.time() - last.at)} ago: {last.why}")
    if seen.uptime_seconds is not None and seen.health is not None:
        lines.append(f"up for {duration(seen.uptime_seconds)}, {seen.health}")
    if seen.activity is not None and (done := _activity(seen.activity)):
        lines.append(done)
    return lines


def _activity(activity: Activity) -> str:
    parts = []
    if activity.requests is not None:
        parts.append(f"{activity.requests:,} request{'' if activity.requests == 1 else 's'}")
    if activity.requests_running:
        parts.append(f"{activity.requests_running} running")
    if activity.prompt_tokens is not None:
        parts.append(f"{activity.prompt_tokens:,} tokens read")
    if activity.output_tokens is not None:
        parts.append(f"{activity.output_tokens:,} written")
    if activity.output_tokens_per_s is not None:
        parts.append(f"{activity.output_tokens_per_s:.1f} tokens/s")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    Example:
        >>> duration(42), duration(3_720), duration(200_000)
        ('42 s', '1 h 2 min', '2 d 7 h')
    """
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
