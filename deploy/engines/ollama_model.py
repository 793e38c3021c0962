"""The model that Ollama is to make for a plan: what the plan says in Ollama's own parameters. Pure.

Everything is said explicitly, because what Ollama does by itself depends on the machine and its version.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from deploy.spec import DerivedModel
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan

# What the short tags of Ollama's library hold, `deepseek-r1:7b` among them.
_LIBRARY_QUANTIZATION: Final = "Q4_K_M"

# How many tokens of a prompt Ollama computes at once by itself (api.DefaultOptions).
_BATCH_TOKENS: Final = 512

# What it makes of 16- and 32-bit weights; its own list is in the answer to any other.
_QUANTIZATIONS: Final = ("F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0")

# A name's parts have at most 80 characters (ollama/ollama, types/model/name.go); the prefix takes ten.
_MOST_NAME_CHARACTERS: Final = 60
_DIGEST_CHARACTERS: Final = 8


def derived_model(plan: Plan, options: LaunchOptions) -> DerivedModel:
    """The base model, what is set on it, and a name that no other plan's model has.

    Raises:
        EngineError: the library's tag holds another quantization than the plan's, Ollama makes no such
            quantization, or the plan has more adapters than it takes.
    """
    if options.quantize and options.quantize.upper() not in _QUANTIZATIONS:
        raise EngineError(
            f"Ollama makes no {options.quantize}; it makes {', '.join(_QUANTIZATIONS)}",
            hint="stillroom plan --quant Q4_K_M",
        )
    adapters = tuple(adapter.path for adapter in plan.adapters)
    if len(adapters) > 1:
        raise EngineError(
            f"Ollama takes one LoRA adapter, and the plan has {len(adapters)}",
            hint="stillroom plan --engine vllm, with the same --lora",
        )
    base, parameters = _base(plan, options.weights), _parameters(plan)
    return DerivedModel(
        name=_name(plan, (base, parameters, adapters, options.quantize)),
        base=base,
        parameters=parameters,
        adapters=adapters,
        quantize=options.quantize,
        keep_alive=options.keep_alive,
    )


def gpu_layers(plan: Plan) -> int:
    """The layers on all GPUs together, the output projection counted as one; 0 on the CPU alone."""
    if not plan.placement.gpus:
        return 0
    return plan.placement.layers_on_gpus() or plan.layer_count + 1


def _parameters(plan: Plan) -> dict[str, int]:
    parameters = {"num_ctx": plan.workload.context_tokens, "num_gpu": gpu_layers(plan)}
    if plan.serving.micro_batch_tokens != _BATCH_TOKENS:
        parameters["num_batch"] = plan.serving.micro_batch_tokens
    return parameters


def _name(plan: Plan, contents: object) -> str:
    """The same plan's model has the same name, so that it is made over; another plan's has another."""
    tag = re.sub(r"[^A-Za-z0-9.-]+", "-", plan.model_tag)[:_MOST_NAME_CHARACTERS]
    digest = hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"stillroom-{tag}:ctx{plan.workload.context_tokens}-{digest}"


def _base(plan: Plan, weights: Path | None) -> str:
    if weights is not None:
        return str(weights.absolute())
    if plan.weights_name:
        return plan.weights_name
    if plan.artefact.quantization != _LIBRARY_QUANTIZATION:
        raise EngineError(
            f"Ollama's tag {plan.model_tag} holds {_LIBRARY_QUANTIZATION}, and the plan is for "
            f"{plan.artefact.quantization}: a GGUF file of that quantization is needed",
            hint=f"stillroom models pull {plan.model_tag} --quant {plan.artefact.quantization}",
        )
    return plan.model_tag
