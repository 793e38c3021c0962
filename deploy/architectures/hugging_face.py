"""A model's shape from its ``config.json`` in Hugging Face's layout.

A family that is known gives every tensor exactly. A decoder of another family is taken for a Llama and says
so in ``Architecture.estimated``; anything else is an error that names the missing field. It fetches nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.architectures.families import FAMILIES, NOT_DECODERS, Family, family_name
from deploy.architectures.fields import LARGEST_CONTEXT_TOKENS, Fields
from deploy.architectures.hugging_face_layers import read_layers
from deploy.architectures.shape import Architecture, Attention, LatentAttention
from deploy.architectures.stored_as import dtype, read_storage
from deploy.small_file import read_small_file
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.architectures.shape import Layer

# What multimodal configurations call the part that is a language model.
_TEXT_SECTIONS = ("text_config", "llm_config", "language_config")
_OTHER_SECTIONS = ("vision_config", "audio_config", "visual", "vision_tower")
# Real ones have a few kilobytes; one with a list entry for each layer and expert some hundreds.
MOST_CONFIG_BYTES = 16 * 1024 * 1024
_ROPE_WITH_FACTORS = frozenset({"llama3", "longrope", "su"})


@dataclass(frozen=True, slots=True)
class ConfigShape:
    """What a configuration says.

    Attributes:
        stored_as: how linear layers are stored, as ``deploy.quantizations`` names it (``BF16``, ``AWQ``); a
            method or width that is not known, in capitals.
        weight_dtype: of all that is not quantized: ``BF16``, ``F16`` or ``F32``.
        bits: a quantized weight; 0 where the format has only one width.
        group_size: weights that share a scale; 0 where the format has only one size, or one scale a row.
    """

    architecture: Architecture
    stored_as: str
    weight_dtype: str
    bits: int = 0
    group_size: int = 0


def load_config(path: Path) -> ConfigShape:
    """The shape in a local ``config.json``, or in the folder that holds one.

    Raises:
        PlanError: it cannot be read, is no file of at most 16 MiB, is no JSON object, or lacks a field.
    """
    path = path / "config.json" if path.is_dir() else path
    hint = "give the path of a model's config.json: stillroom plan --config path/to/config.json"
    try:
        document = json.loads(read_small_file(path, most_bytes=MOST_CONFIG_BYTES))
    except OSError as error:
        raise PlanError(f"the configuration {path} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the configuration {path} is not JSON: {error}", hint=hint) from error
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise PlanError(f"the configuration {path} is a {kind}, and a JSON object is needed", hint=hint)
    return read_config(document, source=str(path))


def read_config(config: Mapping[str, object], *, source: str) -> ConfigShape:
    """The shape that a parsed configuration describes.

    Args:
        config: the document, as ``json`` parses it.
        source: what error messages call it.

    Raises:
        PlanError: a field is missing or has a value that no model has, or it is no decoder.

    Example:
        >>> config = {
        ...     "model_type": "qwen2", "hidden_size": 1536, "num_hidden_layers": 28, "vocab_size": 151936,
        ...     "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2,
        ...     "max_position_embeddings": 131072,
        ... }
        >>> read_config(config, source="config.json").architecture.layer_count
        28
    """
    outer = Fields(config, source)
    text = _text_fields(outer)
    model_type = text.text("model_type", default="") or outer.text("model_type")
    if family_name(model_type) in NOT_DECODERS or outer.flag("is_encoder_decoder"):
        outer.refuse("model_type", model_type, "a decoder that generates text")
    storage = read_storage(outer, text)
    architecture = _architecture(outer, text, model_type)
    return ConfigShape(architecture, storage.name, dtype(outer, text), storage.bits, storage.group_size)


def _text_fields(outer: Fields) -> Fields:
    """The language model's own fields, of a multimodal configuration too."""
    for name in _TEXT_SECTIONS:
        section = outer.section(name)
        if section is not None:
            return section
    return outer


def _architecture(outer: Fields, text: Fields, model_type: str) -> Architecture:
    """The shape, from the fields of the language model."""
    name = family_name(model_type)
    family = FAMILIES.get(name)
    known = family or Family()
    defaults = dict(known.defaults)
    if model_type.startswith("gemma4_unified"):  # configuration_gemma4_unified.py has no per-layer embeddings
        defaults["hidden_size_per_layer_input"] = 0
    fields = Fields({**defaults, **text.values}, text.source)
    layers = read_layers(fields, known, name)
    rope_factor_count = _rope_factor_count(fields, layers, name)
    return Architecture(
        model_type=name,
        hidden_size=fields.count("hidden_size", "n_embd"),
        vocabulary_size=fields.count("vocab_size"),
        layers=layers,
        max_context_tokens=fields.count(
            "max_position_embeddings",
            "n_positions",
            "max_sequence_length",
            "seq_length",
            most=LARGEST_CONTEXT_TOKENS,
        ),
        tied_embeddings=_tied(outer, text, known),
        rope_factors=rope_factor_count > 0,
        rope_factor_count=rope_factor_count,
        estimated=_assumptions(outer, fields, name, known=family is not None),
    )


def _tied(outer: Fields, text: Fields, family: Family) -> bool:
    """Whether the output projection is the embedding: the outermost word counts, then the family's habit."""
    inner = text.flag("tie_word_embeddings", default=family.tied)
    return outer.flag("tie_word_embeddings", default=inner)


def _rope_factor_count(fields: Fields, layers: tuple[Layer, ...], name: str) -> int:
    """How many factors of rotary frequencies a GGUF file carries; 0 for none.

    Half of a head's rotary elements: ``generate_extra_tensors`` of llama.cpp's convert_hf_to_gguf.py.
    """
    attentions = [layer.attention for layer in layers]
    widths = [attention.key_dim for attention in attentions if isinstance(attention, Attention)]
    if not widths or any(isinstance(attention, LatentAttention) for attention in attentions):
        return 0
    if name == "gemma4":
        return max(widths) // 2
    scaling = fields.section("rope_scaling") or fields.section("rope_parameters")
    if scaling is None or scaling.text("rope_type", "type", default="") not in _ROPE_WITH_FACTORS:
        return 0
    part = fields.get("partial_rotary_factor") or scaling.get("partial_rotary_factor") or 1.0
    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 1:
        fields.refuse("partial_rotary_factor", part, "a number from 0 to 1")
    return int(widths[0] * part) // 2


def _assumptions(outer: Fields, fields: Fields, name: str, *, known: bool) -> str:
    """What had to be assumed or is left out, as sentences."""
    said = []
    if not known:
        said.append(f"the family {name!r} is not known, so its layers are taken to be like Llama's")
        if fields.get("sliding_window") is not None and fields.get("layer_types") is None:
            said.append("its sliding window is not applied")
    if any(outer.get(section) is not None for section in _OTHER_SECTIONS):
        said.append("its vision and audio parts are not counted")
    if fields.flag("mlp_bias"):
        said.append("biases of its feed-forward network are not counted")
    return "; ".join(said)
