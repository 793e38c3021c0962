"""A model's shape from a GGUF file's key-value pairs, and from Ollama's ``/api/show``, which repeats them.

Keys are those of gguf-py's constants.py; a missing one is an error that names it. It opens no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deploy.architectures.families import FAMILIES, Family
from deploy.architectures.fields import LARGEST_CONTEXT_TOKENS, Fields
from deploy.architectures.gguf_layers import GgufLayers
from deploy.architectures.shape import Architecture
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

# ``general.architecture`` of llama.cpp and of Ollama's own converters, by Hugging Face's ``model_type``.
_MODEL_TYPES = {
    "deepseek2": "deepseek_v2",
    "gpt-oss": "gpt_oss",
    "gptoss": "gpt_oss",
    "glm4moe": "glm4_moe",
    "mistral3": "mistral",
    "qwen25vl": "qwen2",
    "qwen2moe": "qwen2_moe",
    "qwen2vl": "qwen2",
    "qwen35": "qwen3_5",
    "qwen35moe": "qwen3_5_moe",
    "qwen3moe": "qwen3_moe",
    "qwen3next": "qwen3_next",
    "qwen3vl": "qwen3",
    "qwen3vlmoe": "qwen3_moe",
}
_NOT_DECODERS = frozenset(
    {"bert", "nomic-bert", "jina-bert-v2", "t5", "t5encoder", "clip", "whisper", "wavtokenizer-dec"}
)
_ROPE_FACTORS = ("rope_freqs.weight", "rope_factors_long.weight")
# ``LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID``: routers of DeepSeek V3 and its like, which have a bias an expert.
_SIGMOID = 2


def architecture_from_gguf(
    metadata: Mapping[str, object], tensor_shapes: Mapping[str, tuple[int, ...]] | None, *, source: str
) -> Architecture:
    """The shape that a GGUF file describes.

    Args:
        metadata: key-value pairs; arrays may be None where they were left out.
        tensor_shapes: of all tensors by name, rows first (GGUF's own order reversed); None where they are not
            known, and then tied embeddings and biases are the family's habit.
        source: what error messages call the file.

    Raises:
        PlanError: a key is missing, has a value that no model has, or describes no decoder.
    """
    general = Fields(metadata, source)
    architecture = general.text("general.architecture")
    fields = Fields(metadata, source, prefix=f"{architecture}.")
    if architecture in _NOT_DECODERS:
        general.refuse("general.architecture", architecture, "a decoder that generates text")
    name = _model_type(architecture, fields, tensor_shapes)
    family = FAMILIES.get(name)
    if fields.get("ssm.state_size") is not None and not (family or Family()).gated:
        fields.refuse(
            "ssm.state_size",
            fields.get("ssm.state_size"),
            "a model of attention layers (Mamba is not modelled)",
        )
    layers = GgufLayers(fields, family or Family(), name, tensor_shapes).read()
    rope_factors = [(tensor_shapes or {}).get(factors, ()) for factors in _ROPE_FACTORS]
    rope_factor_count = max((shape[-1] for shape in rope_factors if shape), default=0)
    return Architecture(
        model_type=name,
        hidden_size=fields.count("embedding_length"),
        vocabulary_size=_vocabulary_size(general, fields, tensor_shapes),
        layers=layers,
        max_context_tokens=fields.count("context_length", most=LARGEST_CONTEXT_TOKENS),
        tied_embeddings=(family or Family()).tied
        if tensor_shapes is None
        else "output.weight" not in tensor_shapes,
        rope_factors=rope_factor_count > 0,
        rope_factor_count=rope_factor_count,
        estimated=_assumptions(architecture, tensor_shapes, known=family is not None),
    )


def architecture_from_show(body: Mapping[str, object], *, source: str) -> Architecture:
    """The shape of a model that a running Ollama has, from the answer of ``POST /api/show``.

    Args:
        body: the answer; ``tensors`` may be missing, as in Ollama before 0.6.
        source: what error messages call it, such as the model's tag.

    Raises:
        PlanError: it has no ``model_info``, or that lacks a key.
    """
    fields = Fields(body, source)
    info = fields.section("model_info")
    if info is None:
        raise PlanError(
            f"{source}: Ollama's answer has no model_info, from which the model's size is read",
            hint="update Ollama, or plan from the weights: stillroom plan ./model.gguf",
        )
    listed = fields.listed("tensors")
    return architecture_from_gguf(
        info.values, None if listed is None else _shapes(fields, listed), source=source
    )


def _shapes(fields: Fields, listed: Sequence[object]) -> dict[str, tuple[int, ...]]:
    """Ollama's list of tensors by name, rows first."""
    shapes = {}
    for entry in listed:
        if not isinstance(entry, Mapping):
            return fields.refuse("tensors", entry, "a list of objects")
        tensor = Fields(entry, f"{fields.source}, tensors")
        dimensions = tensor.listed("shape") or tensor.missing("shape")
        shapes[tensor.text("name")] = tuple(
            tensor.checked_count("shape", size) for size in reversed(dimensions)
        )
    return shapes


def _model_type(architecture: str, fields: Fields, shapes: Mapping[str, tuple[int, ...]] | None) -> str:
    """Hugging Face's name of a GGUF architecture, two of which stand for several families."""
    name = _MODEL_TYPES.get(architecture, architecture)
    if architecture == "deepseek2":
        sigmoid = fields.count("expert_gating_func", default=0, least=0) == _SIGMOID
        corrected = any(tensor.endswith("exp_probs_b.bias") for tensor in shapes or ())
        return "deepseek_v3" if sigmoid or corrected else "deepseek_v2"
    if architecture == "llama" and fields.count("expert_count", default=0, least=0):
        return "mixtral"
    return name


def _vocabulary_size(general: Fields, fields: Fields, shapes: Mapping[str, tuple[int, ...]] | None) -> int:
    """Rows of the embedding, which is padded in some models, else what metadata says."""
    embedding = (shapes or {}).get("token_embd.weight")
    if embedding:
        return general.checked_count("token_embd.weight", embedding[0])
    tokens = general.listed("tokenizer.ggml.tokens")
    return fields.count("vocab_size", default=len(tokens) if tokens else None)


def _assumptions(architecture: str, shapes: Mapping[str, tuple[int, ...]] | None, *, known: bool) -> str:
    """What had to be assumed or is left out, as sentences."""
    said = []
    if not known:
        said.append(f"the family {architecture!r} is not known, so its layers are taken to be like Llama's")
    if shapes is None:
        said.append(
            "without a list of tensors, tied embeddings and biases are taken to be as usual in its family"
        )
    elif any(name.startswith(("v.", "mm.", "a.")) for name in shapes):
        said.append("its vision and audio parts are not counted")
    return "; ".join(said)
