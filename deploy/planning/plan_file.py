"""A plan in a file: what ``stillroom plan --save`` writes and ``stillroom up --plan`` starts.

The file is untrusted when it comes back: people edit and send it, and an engine's command line is made of
it. Its form carries a version. Whether the plan fits this machine, and how well, is not its to know.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.architectures.fields import LARGEST_LAYER_COUNT, shown_value
from deploy.plan import Plan, SpeedEstimate
from deploy.planning.estimate import KV_CACHE_TYPES
from deploy.serving import CPU
from deploy.small_file import read_small_file, write_whole
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.spec import Correction, MemoryTerm

_HINT = "stillroom plan --save PATH"
_MOST_FILE_BYTES = 16 * 1024 * 1024
# As the settings of the same names allow: stillroom/settings.py.
_MOST_CONTEXT_TOKENS = 1_048_576
_MOST_SEQUENCES = 1024
# More than any machine holds, and still a number that prints.
_MOST_BYTES = 2**60
_MOST_BATCH_TOKENS = 2**20
_MOST_GPU_INDEX = 1023
# As deploy.architectures.lora reads it.
_MOST_LORA_RANK = 65_536
_DEVICE = re.compile(r"cpu|gpu:\d{1,4}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Beyond any that is ever applied: deploy/calibration/corrections.py, RATIO_BOUNDS.
_MOST_FACTOR = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _PlanFile(BaseModel):
    """The file's form."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["stillroom-plan"]
    version: Literal[1]
    plan: Plan


class _WrongValueError(Exception):
    """A value of the right type that no plan has: its place, it, and what is needed."""

    def __init__(self, place: str, value: object, needed: str) -> None:
        super().__init__(f"at plan.{place}: {shown_value(value)}, and {needed} is needed")


def save_plan(plan: Plan, path: Path, *, owner_only: bool = False) -> None:
    """Write the plan, over what was there.

    Args:
        plan: what to write.
        path: in a folder that is there.
        owner_only: nobody else may read it: the names of a person's folders may be in it.

    Raises:
        PlanError: the file cannot be written.
    """
    file = _PlanFile(kind="stillroom-plan", version=1, plan=plan)
    try:
        content = (file.model_dump_json(indent=1) + "\n").encode()
        if owner_only:
            write_whole(path, content, owner_only=True)
        else:
            path.write_bytes(content)
    except OSError as error:
        raise PlanError(f"the plan cannot be written to {path}: {error.strerror}", hint=_HINT) from error


def load_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        PlanError: the file cannot be read, or holds no plan of this version, or one with a value that no
            plan has; the message names the first place, the value, and what is needed.
    """
    try:
        text = read_small_file(path, most_bytes=_MOST_FILE_BYTES).decode("utf-8")
    except OSError as error:
        raise PlanError(f"the plan {path} cannot be read: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"the plan {path} cannot be read: {error}", hint=_HINT) from error
    try:
        plan = _PlanFile.model_validate_json(text, strict=True).plan
        _check(plan)
    except ValidationError as error:
        raise PlanError(f"{path} holds no plan: {_first(error)}", hint=_HINT) from error
    except _WrongValueError as error:
        raise PlanError(f"{path} holds no plan: {error}", hint=_HINT) from error
    return plan


def _first(error: ValidationError) -> str:
    """The first place where the form is broken, with the value that is there."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if not place:
        return f"at its first character: {first['msg']}"
    value: Any = first["input"]
    seen = "" if isinstance(value, dict | list) else f", and it is {shown_value(value)}"
    return f"at {place}: {first['msg']}{seen}"


def _check(plan: Plan) -> None:
    """Whether an engine could be started with these values.

    Raises:
        _WrongValueError: it could not, or would be started with an option that nobody planned.
    """
    # The first three become words of a command line, where a dash would make them options.
    for place in ("model_id", "model_tag", "weights_name", "weights_path"):
        _check_name(place, getattr(plan, place), may_be_empty=place.startswith("weights"))
    for number, adapter in enumerate(plan.adapters):
        _check_name(f"adapters.{number}.name", adapter.name, may_be_empty=False)
        _check_name(f"adapters.{number}.path", adapter.path, may_be_empty=False)
        _check_count(f"adapters.{number}.rank", adapter.rank, 1, _MOST_LORA_RANK)
    _check_count("layer_count", plan.layer_count, 1, LARGEST_LAYER_COUNT)
    _check_count("workload.context_tokens", plan.workload.context_tokens, 1, _MOST_CONTEXT_TOKENS)
    _check_count("workload.concurrent_sequences", plan.workload.concurrent_sequences, 1, _MOST_SEQUENCES)
    _check_serving(plan)
    _check_placement(plan)
    _check_utilization(plan)
    _check_memory(plan)
    _check_figures(plan)


def _check_name(place: str, name: str, *, may_be_empty: bool) -> None:
    if not name and not may_be_empty:
        _refuse(place, name, "a name")
    if name.startswith("-"):
        _refuse(place, name, "a name that does not start with a dash, as options do,")
    if _CONTROL.search(name):
        _refuse(place, name, "a name without control characters")


def _check_serving(plan: Plan) -> None:
    known = KV_CACHE_TYPES[plan.engine]
    if plan.serving.kv_cache_type not in known:
        _refuse("serving.kv_cache_type", plan.serving.kv_cache_type, f"one of {', '.join(known)}")
    _check_count("serving.micro_batch_tokens", plan.serving.micro_batch_tokens, 1, _MOST_BATCH_TOKENS)
    _check_count("serving.batched_tokens", plan.serving.batched_tokens, 0, _MOST_BATCH_TOKENS)
    _check_count("serving.reserved_bytes", plan.serving.reserved_bytes, 0, _MOST_BYTES)


def _check_placement(plan: Plan) -> None:
    placement = plan.placement
    if len(set(placement.gpus)) < len(placement.gpus):
        _refuse("placement.gpus", placement.gpus, "each GPU once")
    for place, index in enumerate(placement.gpus):
        _check_count(f"placement.gpus.{place}", index, 0, _MOST_GPU_INDEX)
    ranks = max(1, len(placement.gpus)) if plan.engine == "vllm" else 1
    for name in ("tensor_parallel", "pipeline_parallel"):
        _check_count(f"placement.{name}", getattr(placement, name), 1, ranks)
    if plan.engine == "vllm":
        if placement.tensor_parallel * placement.pipeline_parallel != ranks:
            split = f"{placement.tensor_parallel} x {placement.pipeline_parallel}"
            needed = f"tensor_parallel x pipeline_parallel of {ranks}, one for each GPU,"
            _refuse("placement", split, needed)
        if placement.gpu_layers:
            _refuse(
                "placement.gpu_layers", placement.gpu_layers, "none, as vLLM has every layer on each GPU,"
            )
        return
    if len(placement.gpu_layers) != len(placement.gpus):
        needed = f"one number for each of {len(placement.gpus)} GPUs"
        _refuse("placement.gpu_layers", placement.gpu_layers, needed)
    everything = plan.layer_count + 1
    for place, layers in enumerate(placement.gpu_layers):
        _check_count(f"placement.gpu_layers.{place}", layers, 0, everything)
    if placement.layers_on_gpus() > everything:
        needed = f"a sum of at most {everything}, the layers and the output projection,"
        _refuse("placement.gpu_layers", placement.gpu_layers, needed)


def _check_utilization(plan: Plan) -> None:
    share = plan.gpu_memory_utilization
    if plan.engine == "vllm" and plan.placement.gpus and not 0 < share <= 1:
        _refuse("gpu_memory_utilization", share, "a number over 0 and up to 1")
    if not 0 <= share <= 1:
        _refuse("gpu_memory_utilization", share, "a number from 0 to 1")


def _check_memory(plan: Plan) -> None:
    if not plan.memory.terms:
        _refuse("memory.terms", plan.memory.terms, "at least one term")
    used = {*plan.placement.devices, CPU}
    for place, term in enumerate(plan.memory.terms):
        if term.device not in used:
            _refuse(f"memory.terms.{place}.device", term.device, f"one of {', '.join(sorted(used))}")
        _check_interval(f"memory.terms.{place}", term)
    if plan.engine == "vllm" and not plan.memory.component("kv_cache").terms:
        _refuse("memory.terms", "no kv_cache", "a term of that name")
    _check_devices("budgets", plan.budgets)
    _check_devices("device_totals", plan.device_totals)


def _check_interval(place: str, term: MemoryTerm) -> None:
    ends = ("low_bytes", "expected_bytes", "high_bytes")
    for name in ends:
        _check_count(f"{place}.{name}", getattr(term, name), 0, _MOST_BYTES)
    if not term.low_bytes <= term.expected_bytes <= term.high_bytes:
        _refuse(place, tuple(getattr(term, name) for name in ends), "low, expected and high in that order")
    if term.correction is not None:
        _check_correction(f"{place}.correction", term.correction)


def _check_correction(place: str, correction: Correction) -> None:
    _check_count(f"{place}.formula_bytes", correction.formula_bytes, 0, _MOST_BYTES)
    _check_count(f"{place}.added_bytes", correction.added_bytes, -_MOST_BYTES, _MOST_BYTES)
    _check_count(f"{place}.launches", correction.launches, 1, _MOST_BYTES)
    if not 0 <= correction.factor <= _MOST_FACTOR:
        _refuse(f"{place}.factor", correction.factor, f"a number from 0 to {_MOST_FACTOR}")
    if not _DAY.fullmatch(correction.last):
        _refuse(f"{place}.last", correction.last, "a day such as 2026-11-26")


def _check_devices(place: str, sizes: Mapping[str, int]) -> None:
    for device, size_bytes in sizes.items():
        if not _DEVICE.fullmatch(device):
            _refuse(place, device, "cpu or gpu:N")
        _check_count(f"{place}.{device}", size_bytes, 0, _MOST_BYTES)


def _check_figures(plan: Plan) -> None:
    """Sizes of the weights, limits, and speeds: shown, and deadlines are made of them."""
    for name in ("total_bytes", "cpu_resident_bytes", "file_bytes"):
        _check_count(f"artefact.{name}", getattr(plan.artefact, name), 0, _MOST_BYTES)
    for name in ("context_tokens", "concurrent_sequences"):
        _check_count(f"limits.{name}", getattr(plan.limits, name), 0, _MOST_BYTES)
    figures = {"rule_of_thumb_gb": plan.rule_of_thumb_gb}
    for name in ("decode", "prefill"):
        speed = getattr(plan, name)
        if isinstance(speed, SpeedEstimate):
            ends = ("low_tokens_per_s", "expected_tokens_per_s", "high_tokens_per_s")
            figures |= {f"{name}.{end}": getattr(speed, end) for end in ends}
    for place, figure in figures.items():
        if not (math.isfinite(figure) and figure >= 0):
            _refuse(place, figure, "a number from 0 on")


def _check_count(place: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        needed = f"{least}" if least == most else f"{least} to {most:,}"
        _refuse(place, value, needed)


def _refuse(place: str, value: object, needed: str) -> NoReturn:
    raise _WrongValueError(place, value, needed)
