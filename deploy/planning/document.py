"""A plan report as a document for programs: the stable, versioned form that ``stillroom plan --json`` prints.

docs/plan-schema.md describes every field. A field is never renamed or taken away within a version. Nothing
here decides or prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.plan import Rejection, SpeedEstimate
from deploy.serving import CPU
from deploy.spec import MemoryEstimate

if TYPE_CHECKING:
    from collections.abc import Collection

    from deploy.plan import Change, Limits, Unknown
    from deploy.planning.options import PlanOption
    from deploy.planning.planner import PlanReport
    from deploy.spec import MemoryTerm

SCHEMA_VERSION = 1

# The document's components, and the memory terms that each sums up.
COMPONENTS = {
    "weights_bytes": ("weights", "weights_repacked", "lora"),
    "kv_cache_bytes": ("kv_cache", "recurrent_state"),
    "compute_bytes": ("compute",),
    "overhead_bytes": ("overhead",),
}


def plan_document(report: PlanReport) -> dict[str, object]:
    """The report as plain values: the pick, or the option that lacks least, then all others."""
    shown, request = report.shown, report.request
    plan = report.pick
    devices = {term.device for term in shown.memory.terms}
    on_gpus = components(shown.memory, devices - {CPU} or {CPU})
    return {
        "schema_version": SCHEMA_VERSION,
        "model": shown.subject.tag,
        "model_id": shown.subject.id,
        "quantization": shown.quantization,
        "engine": shown.engine,
        "fits": shown.fits,
        "reason": plan.reason if plan else _why_not(shown),
        "context_tokens": request.workload.context_tokens,
        "users": request.workload.concurrent_sequences,
        "placement": _placement(shown),
        "kv_cache_type": shown.loaded.serving.kv_cache_type,
        "memory": on_gpus,
        "memory_by_device": {
            device: {**components(shown.memory, {device}), "budget_bytes": shown.budgets[device]}
            for device in sorted(devices)
        },
        "terms": [
            {
                "name": term.name,
                "device": term.device,
                **_interval(term.low_bytes, term.expected_bytes, term.high_bytes),
                "source": term.source,
                "arithmetic": term.arithmetic,
            }
            for term in shown.memory.terms
        ],
        "artefact_bytes": shown.loaded.checkpoint.file_bytes,
        "artefact": {
            "tensor_bytes": shown.loaded.checkpoint.tensor_bytes,
            "exact": shown.loaded.checkpoint.exact,
            "source": shown.loaded.checkpoint.source,
        },
        "parameters": shown.subject.parameters,
        "estimated": shown.loaded.architecture.estimated,
        "decode_tokens_per_s": _speed(shown.decode),
        "prefill_tokens_per_s": _speed(plan.prefill) if plan else None,
        "limits": _limits(plan.limits) if plan else None,
        "rule_of_thumb_gb": shown.rule_of_thumb_gb,
        "ability": shown.subject.ability or None,
        "gpu_memory_utilization": plan.gpu_memory_utilization if plan and plan.engine == "vllm" else None,
        "calibration": _calibration(shown.memory),
        "changes": [_change(change) for change in report.changes],
        "options": [_option(option) for option in report.options if option.fits],
        "rejections": [_rejection(rejection) for rejection in report.rejections],
    }


def components(memory: MemoryEstimate, devices: Collection[str]) -> dict[str, object]:
    """The components on those devices together, and their sum; one that no term belongs to is zero."""
    found: dict[str, object] = {}
    every: list[MemoryTerm] = []
    for component, names in COMPONENTS.items():
        terms = [term for term in memory.component(*names).terms if term.device in devices]
        found[component] = _sum(MemoryEstimate(tuple(terms)))
        every.extend(terms)
    return {**found, "total_bytes": _sum(MemoryEstimate(tuple(every)))}


def _sum(memory: MemoryEstimate) -> dict[str, int]:
    return _interval(memory.low_bytes, memory.expected_bytes, memory.high_bytes)


def _placement(option: PlanOption) -> dict[str, object]:
    placement = option.placement
    return {
        "gpus": list(placement.gpus),
        "gpu_layers": list(placement.gpu_layers),
        "layers": option.loaded.architecture.layer_count,
        "tensor_parallel": placement.tensor_parallel,
        "pipeline_parallel": placement.pipeline_parallel,
    }


def _limits(limits: Limits) -> dict[str, int]:
    return {"context_tokens": limits.context_tokens, "users": limits.concurrent_sequences}


def _calibration(memory: MemoryEstimate) -> dict[str, object]:
    """Which terms launches corrected or confirmed, and how many launches in all."""
    corrected = [(term, term.correction) for term in memory.terms if term.correction]
    return {
        "launches": max((correction.launches for _, correction in corrected), default=0),
        "last": max((correction.last for _, correction in corrected), default=None),
        "corrections": [
            {
                "name": term.name,
                "device": term.device,
                "formula_bytes": correction.formula_bytes,
                "factor": correction.factor,
                "added_bytes": correction.added_bytes,
                "launches": correction.launches,
                "last": correction.last,
            }
            for term, correction in corrected
        ],
    }


def _interval(low: int, expected: int, high: int) -> dict[str, int]:
    return {"low": low, "expected": expected, "high": high}


def _speed(speed: SpeedEstimate | Unknown) -> dict[str, object]:
    if isinstance(speed, SpeedEstimate):
        return {
            "low": round(speed.low_tokens_per_s, 3),
            "expected": round(speed.expected_tokens_per_s, 3),
            "high": round(speed.high_tokens_per_s, 3),
            "source": speed.source,
            "arithmetic": speed.arithmetic,
        }
    return {"low": None, "expected": None, "high": None, "source": speed.reason, "arithmetic": ""}


def _why_not(option: PlanOption) -> str:
    return option.outcome.reason if isinstance(option.outcome, Rejection) else ""


def _change(change: Change) -> dict[str, object]:
    command = f"stillroom plan {change.options}" if change.options else ""
    return {"kind": change.kind, "description": change.description, "command": command}


def _option(option: PlanOption) -> dict[str, object]:
    return {
        "model": option.subject.tag,
        "quantization": option.quantization,
        "engine": option.engine,
        "devices": list(option.budgets),
        "total_bytes": option.memory.expected_bytes,
        "artefact_bytes": option.loaded.checkpoint.file_bytes,
        "decode_tokens_per_s": round(option.tokens_per_s, 3) or None,
        "ability": round(option.ability, 2) or None,
        "rule_of_thumb_gb": option.rule_of_thumb_gb,
    }


def _rejection(rejection: Rejection) -> dict[str, object]:
    change = rejection.change
    return {
        "model": rejection.model_tag,
        "quantization": rejection.quantization,
        "engine": rejection.engine,
        "term": rejection.term,
        "device": rejection.device,
        "short_bytes": rejection.short_bytes,
        "needed_bytes": rejection.needed_bytes,
        "budget_bytes": rejection.budget_bytes,
        "suggestion": suggestion(change),
        "reason": rejection.reason,
    }


def suggestion(change: Change | None) -> str:
    """A change as one line; empty where none is known.

    Example:
        >>> from deploy.plan import Change
        >>> suggestion(Change("context", "a context of 4,096 tokens", "deepseek-r1:7b --context 4096", 0.5))
        'a context of 4,096 tokens: stillroom plan deepseek-r1:7b --context 4096'
    """
    if change is None:
        return ""
    return f"{change.description}: stillroom plan {change.options}" if change.options else change.description
