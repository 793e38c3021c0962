"""LoRA adapters in PEFT's layout: which projections they touch, and what that adds to memory.

An adapter of rank r on a projection of ``out`` rows and ``in`` columns is two matrices, r x in and out x r.
It reads ``adapter_config.json`` and, where it is there, the size of the weights beside it, never the weights.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.architectures.fields import Fields
from deploy.architectures.tensors import tensors
from deploy.small_file import read_small_file
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.architectures.shape import Architecture
    from deploy.architectures.tensor import Role, Tensor

_BYTES_AN_ELEMENT = 2
_LARGEST_RANK = 65_536
_MOST_CONFIG_BYTES = 1024 * 1024
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

# Hugging Face's names of projections, by the role that they have here.
_MODULES: dict[Role, tuple[str, ...]] = {
    "attention_q": ("q_proj",),
    "attention_k": ("k_proj",),
    "attention_v": ("v_proj",),
    "attention_qkv": ("qkv_proj", "Wqkv", "query_key_value"),
    "attention_output": ("o_proj", "out_proj", "dense"),
    "latent_q_a": ("q_a_proj",),
    "latent_q_b": ("q_b_proj",),
    "latent_kv_a": ("kv_a_proj_with_mqa",),
    "latent_k_b": ("kv_b_proj",),
    "latent_v_b": ("kv_b_proj",),
    "ffn_gate": ("gate_proj",),
    "ffn_up": ("up_proj", "gate_up_proj"),
    "ffn_down": ("down_proj",),
    "expert_gate": ("gate_proj",),
    "expert_up": ("up_proj",),
    "expert_down": ("down_proj",),
    "shared_expert_gate": ("gate_proj",),
    "shared_expert_up": ("up_proj",),
    "shared_expert_down": ("down_proj",),
    "token_embedding": ("embed_tokens",),
    "output": ("lm_head",),
}
_BLOCKS = ("self_attn", "mlp", "mlp.experts.0", "mlp.shared_experts", "linear_attn")
# ``all-linear`` leaves these out: PEFT's ``_maybe_include_all_linear_layers``.
_OUTSIDE = frozenset({"token_embedding", "output"})


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """A LoRA adapter of a model.

    Attributes:
        rank: the highest of its ranks, which an engine has to be told (vLLM's ``--max-lora-rank``).
        total_bytes: its weights in memory.
        exact: from the weights themselves, not computed.
        path: the folder that it was read from, absolute; empty where only its configuration was given.
    """

    name: str
    rank: int
    total_bytes: int
    exact: bool
    source: str
    path: str = ""


def load_adapter(folder: Path, architecture: Architecture) -> LoraAdapter:
    """The adapter in a folder that PEFT saved.

    Raises:
        PlanError: ``adapter_config.json`` cannot be read, is no file of at most 1 MiB, or does not fit the
            model.
    """
    path = folder / "adapter_config.json"
    hint = "give the folder that PEFT's save_pretrained wrote"
    try:
        document = json.loads(read_small_file(path, most_bytes=_MOST_CONFIG_BYTES))
    except OSError as error:
        raise PlanError(f"the LoRA adapter {path} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the LoRA adapter {path} is not JSON: {error}", hint=hint) from error
    if not isinstance(document, dict):
        raise PlanError(f"the LoRA adapter {path} is a {type(document).__name__}, not an object", hint=hint)
    computed = read_adapter(document, architecture, source=str(folder))
    for name in _WEIGHTS:
        try:
            total_bytes = (folder / name).stat().st_size
        except OSError:
            continue
        known = replace(computed, total_bytes=total_bytes, exact=True, source=str(folder / name))
        break
    else:
        known = computed
    whole = folder.resolve()
    return replace(known, name=whole.name, path=str(whole))


def read_adapter(config: Mapping[str, object], architecture: Architecture, *, source: str) -> LoraAdapter:
    """What a parsed ``adapter_config.json`` adds to a model, in weights of 16 bits.

    Args:
        config: the document, as ``json`` parses it.
        architecture: of the model that it adapts.
        source: what error messages call it.

    Raises:
        PlanError: a field is missing or wrong, it is no LoRA adapter, or its targets are not in the model.
    """
    fields = Fields(config, source)
    if fields.text("peft_type", default="LORA").upper() != "LORA":
        fields.refuse("peft_type", fields.get("peft_type"), "LORA")
    rank = fields.count("r", most=_LARGEST_RANK)
    special = _ranks(fields)
    elements = _elements(fields, architecture, rank, special)
    if not elements:
        needed = f"a projection that a {architecture.model_type} has"
        fields.refuse("target_modules", fields.get("target_modules"), needed)
    return LoraAdapter(
        name=source,
        rank=max(rank, *special.values()) if special else rank,
        total_bytes=elements * _BYTES_AN_ELEMENT,
        exact=False,
        source=f"{source}: rank x (rows + columns) of each projection it targets, 16 bits each",
    )


def _ranks(fields: Fields) -> dict[str, int]:
    """Ranks of modules that have their own; a regular expression is taken for the name at its end."""
    pattern = fields.section("rank_pattern")
    if pattern is None:
        return {}
    return {
        str(name).strip("^$").replace("\\", "").removeprefix(".*."): pattern.checked_count(
            str(name), rank, most=_LARGEST_RANK
        )
        for name, rank in pattern.values.items()
    }


def _elements(fields: Fields, architecture: Architecture, rank: int, special: Mapping[str, int]) -> int:
    """The parameters of every pair of matrices, and of modules that are saved whole."""
    targets, saved = _names(fields, "target_modules"), _names(fields, "modules_to_save")
    if not targets:
        fields.missing("target_modules")
    chosen, dora = _layers(fields), fields.flag("use_dora")
    count = 0
    for tensor in tensors(architecture):
        paths = _paths(tensor)
        if not paths or (chosen and tensor.layer is not None and tensor.layer not in chosen):
            continue
        if _matches(paths, saved) is not None:
            count += tensor.elements
        elif _matches(paths, targets) is not None or (
            "all-linear" in targets and tensor.role not in _OUTSIDE
        ):
            own = _matches(paths, special)
            count += _pair_elements(tensor, rank if own is None else special[own])
            count += tensor.elements // tensor.columns if dora else 0  # DoRA: one magnitude a row
    return count


def _pair_elements(tensor: Tensor, rank: int) -> int:
    """The parameters of both matrices of an adapter."""
    *copies, rows, columns = tensor.shape
    if tensor.role == "latent_k_b":
        # GGUF splits ``kv_b_proj`` in two and transposes this part: its columns are rows of the original.
        return rank * tensor.shape[0] * columns
    if tensor.role == "latent_v_b":
        return rank * (tensor.shape[0] * rows + columns)
    return (copies[0] if copies else 1) * rank * (rows + columns)


def _paths(tensor: Tensor) -> tuple[str, ...]:
    """Hugging Face's names that a tensor can have; none where no adapter goes on it."""
    if tensor.role == "linear_attention":
        modules: tuple[str, ...] = (
            ("out_proj",) if "ssm_out" in tensor.name else ("in_proj_qkv", "in_proj_qkvz")
        )
    else:
        modules = _MODULES.get(tensor.role, ())
    if tensor.layer is None:
        return tuple(f"model.{module}" for module in modules)
    return tuple(f"model.layers.{tensor.layer}.{block}.{module}" for module in modules for block in _BLOCKS)


def _matches(paths: tuple[str, ...], names: Mapping[str, int] | tuple[str, ...]) -> str | None:
    """The name that is one of these paths, or the end of one."""
    for name in names:
        if any(path == name or path.endswith(f".{name}") for path in paths):
            return name
    return None


def _names(fields: Fields, field: str) -> tuple[str, ...]:
    """A list of module names. A regular expression is taken for the module names that occur in it."""
    value = fields.get(field)
    if value is None:
        return ()
    if isinstance(value, str):
        return (
            (value,)
            if value == "all-linear"
            else tuple(re.findall(r"[A-Za-z_]\w*_proj|lm_head|embed_tokens", value))
        )
    listed = fields.listed(field) or ()
    return tuple(name if isinstance(name, str) else fields.refuse(field, name, "a name") for name in listed)


def _layers(fields: Fields) -> frozenset[int]:
    """The layers that are adapted; empty for all."""
    value = fields.get("layers_to_transform")
    if value is None:
        return frozenset()
    listed = value if isinstance(value, list | tuple) else [value]
    return frozenset(fields.checked_count("layers_to_transform", layer, least=0) for layer in listed)
