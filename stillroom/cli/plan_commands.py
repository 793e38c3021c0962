"""The commands that a plan suggests, made whole: what was typed beside the model is typed again.

The planner knows which option to change and to what; only the command line knows how the machine was told of.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.plan import PlanRequest, Rejection
from deploy.spec import GIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.plan import Change
    from deploy.planning.options import PlanOption
    from deploy.planning.planner import PlanReport
    from stillroom.cli.asked import Asked


def typed_options(asked: Asked, request: PlanRequest) -> dict[str, str]:
    """What was asked for beside the model and is not the default, by option, as it is typed."""
    machine, usual = asked.machine, PlanRequest()
    context, users = request.workload.context_tokens, request.workload.concurrent_sequences
    least = request.minimum_tokens_per_s
    values: dict[str, Iterable[object]] = {
        "--context": () if context == usual.workload.context_tokens else (context,),
        "--users": () if users == usual.workload.concurrent_sequences else (users,),
        "--kv-cache": _given(request.kv_cache_type),
        "--min-speed": () if least is None else (f"{least:g}",),
        "--max-memory": _given(_size(request.most_memory_bytes)),
        "--reserve": _given(_size(request.reserved_bytes)),
        "--license": _given(request.license),
        "--languages": _given(",".join(request.languages)),
        "--prefer": () if request.prefer == usual.prefer else (request.prefer,),
        "--gpu": machine.gpus,
        "--gpus": _given(machine.gpu_count),
        "--vram": _given(machine.gpu_memory),
        "--ram": _given(machine.memory),
        "--cores": _given(machine.cores),
        "--bandwidth": _given(machine.bandwidth),
        "--machine": _given(asked.machine_file),
        "--lora": asked.model.adapters,
    }
    typed = {
        option: " ".join(f"{option} {shlex.quote(str(value))}" for value in given)
        for option, given in values.items()
    }
    typed["--no-calibration"] = "" if asked.calibrated else "--no-calibration"
    return {option: words for option, words in typed.items() if words}


def repeating(report: PlanReport, typed: Mapping[str, str]) -> PlanReport:
    """The report with the command of every change made whole."""
    options = tuple(_whole_option(option, typed) for option in report.options)
    shown = options[report.options.index(report.shown)]
    changes = tuple(_whole(change, typed) for change in report.changes)
    return replace(report, options=options, shown=shown, changes=changes)


def _given(value: object) -> tuple[object, ...]:
    return (value,) if value else ()


def _size(size_bytes: int | None) -> str:
    """As it may be typed; empty for none."""
    whole = size_bytes and not size_bytes % GIB
    return f"{size_bytes // GIB}GiB" if size_bytes and whole else str(size_bytes or "")


def _whole_option(option: PlanOption, typed: Mapping[str, str]) -> PlanOption:
    rejection = option.outcome
    if not isinstance(rejection, Rejection) or rejection.change is None:
        return option
    return replace(option, outcome=replace(rejection, change=_whole(rejection.change, typed)))


def _whole(change: Change, typed: Mapping[str, str]) -> Change:
    """The change with what was typed behind its own options, less what it takes back."""
    if not change.options:
        return change
    left_out = {word for word in change.options.split() if word.startswith("--")}
    left_out.update(change.without.split())
    if change.kind == "model":  # an adapter belongs to the model that was named
        left_out.add("--lora")
    kept = (words for option, words in typed.items() if option not in left_out)
    return replace(change, options=" ".join((change.options, *kept)))
