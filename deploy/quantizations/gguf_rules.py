"""llama.cpp's rules for its mixes: the ggml type for a tensor, by what the tensor does and where it stands.

They are those of ``llama_tensor_get_type_impl`` in llama.cpp's ``src/llama-quant.cpp`` (commit 007dbbf3),
with an importance matrix only in the mixes that llama.cpp refuses to make without one. A function is a branch
of it. Nothing here knows a tensor's name or whether its rows are whole blocks.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from deploy.quantizations.block_types import BLOCK_TYPES

Category = Literal[
    "output", "embedding", "value", "key", "query", "projection", "up", "gate", "down", "other"
]


class Model(NamedTuple):
    """What the rules ask of a model.

    Attributes:
        value_tensors: how many tensors are of category ``value``.
        queries_per_value: query heads that share a value head (llama.cpp's ``n_gqa``).
        experts: in the largest mixture; 0 in a dense model.
        tied: the embedding is the output projection.
        seventy_b: llama.cpp's ``LLM_TYPE_70B``.
    """

    layers: int
    value_tensors: int
    queries_per_value: int
    experts: int
    tied: bool
    seventy_b: bool


class Asked(NamedTuple):
    """For which tensor of which mix a type is asked.

    Attributes:
        base: the type of most tensors of the mix.
        columns: elements of a row.
        dimensions: 3 where matrices are stacked: experts, or heads of a latent attention.
        layer: 0 outside the layers, where no rule asks.
        value_index: how many value tensors come before it.
        down_index: how many down projections come before it, experts' and shared experts' each counted.
    """

    mix: str
    base: str
    category: Category
    columns: int
    dimensions: int
    layer: int
    value_index: int
    down_index: int


_TWO_BIT_MIXES = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"})
_LARGER_TWO_BIT_MIXES = frozenset({"IQ2_S", "IQ2_M"})
_MIXES_WITH_Q5_OUTPUT = _TWO_BIT_MIXES | {"IQ3_XXS"}
_MATRIX_DIMENSIONS = 2

# Mixtral's attention is small beside its 8 experts: a model of exactly so many gets more bits there.
_EIGHT_EXPERTS = 8
_MANY_EXPERTS = 4
# One value head that serves so many query heads is small, and worth more bits.
_WIDELY_SHARED = 4

# Where a mix departs from its base type in every tensor of a category.
_EMBEDDINGS = {
    "IQ1_S": "Q2_K",
    "IQ1_M": "Q2_K",
    "IQ2_XXS": "Q2_K",
    "IQ2_XS": "Q2_K",
    "IQ2_S": "IQ3_S",
    "IQ2_M": "IQ3_S",
    "IQ3_XXS": "IQ3_S",
    "TQ1_0": "Q4_K",
    "TQ2_0": "Q4_K",
}
_QUERIES_AND_KEYS = {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}
_VALUES = {"Q2_K": "Q3_K", "IQ3_M": "Q4_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K"}
_WIDELY_SHARED_VALUES = {
    "Q2_K": "Q4_K",
    "Q2_K_S": "Q4_K",
    "IQ3_XXS": "Q4_K",
    "IQ3_XS": "Q4_K",
    "IQ3_S": "Q4_K",
    "IQ4_NL": "Q5_K",
    "IQ4_XS": "Q5_K",
}
_PROJECTIONS = {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}
_MIXES_WITH_Q5_PROJECTION_OF_EIGHT = frozenset(
    {
        "Q2_K",
        "Q3_K_S",
        "Q3_K_M",
        "Q4_K_S",
        "Q4_K_M",
        "IQ3_XXS",
        "IQ3_XS",
        "IQ3_S",
        "IQ3_M",
        "IQ4_NL",
        "IQ4_XS",
    }
)
_TWO_BIT_PROJECTIONS = {"IQ1_S": "IQ2_XXS", "IQ1_M": "IQ2_XXS", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S"}
_DOWNS = {"Q2_K": "Q3_K", "Q3_K_L": "Q5_K", "Q3_K_M": "Q4_K"}
_DOWNS_OF_THE_FIRST_EIGHTH = {
    "Q2_K_S": "Q4_K",
    "IQ3_M": "Q4_K",
    "IQ4_NL": "Q5_K",
    "IQ4_XS": "Q5_K",
    "Q4_K_S": "Q5_K",
}


def mixed_type(asked: Asked, model: Model) -> str:
    """The type that the mix wants, whether rows are whole blocks of it or not."""
    if asked.mix in {"MXFP4", "MXFP4_MOE"}:
        return _packed_experts(asked, model)
    if _is_output(asked, model):
        return _output(asked)
    if asked.category == "embedding":
        return _EMBEDDINGS.get(asked.mix, asked.base)
    if asked.mix in _TWO_BIT_MIXES:
        return _two_bit_type(asked, model)
    rule = _RULES.get(asked.category)
    return rule(asked, model) if rule else asked.base


def _is_output(asked: Asked, model: Model) -> bool:
    return asked.category == "output" or (asked.category == "embedding" and model.tied)


def _output(asked: Asked) -> str:
    """The output projection, which is the embedding where the two are tied."""
    if asked.columns % BLOCK_TYPES[asked.base].weights:
        return "Q8_0"
    if asked.mix in _MIXES_WITH_Q5_OUTPUT:
        return "Q5_K"
    return asked.base if asked.base == "Q8_0" else "Q6_K"


def _packed_experts(asked: Asked, model: Model) -> str:
    """Only what is stacked is packed: llama-quantize's MXFP4_MOE, and MXFP4 as Ollama converts gpt-oss.

    Ollama leaves the rest in the 16 bits of the published checkpoint.
    """
    rest = "BF16" if asked.mix == "MXFP4" else "Q8_0"
    if _is_output(asked, model):
        return rest
    return "MXFP4" if asked.dimensions > _MATRIX_DIMENSIONS else rest


def _two_bit_type(asked: Asked, model: Model) -> str:
    """The 1- and 2-bit mixes, whose rules stand apart from the others'."""
    kind = asked.base
    more_bits = "IQ3_S" if asked.mix in _LARGER_TWO_BIT_MIXES else "Q2_K"
    if asked.category == "value":
        small = model.queries_per_value >= _WIDELY_SHARED or model.experts >= _MANY_EXPERTS
        kind = "Q4_K" if small else more_bits
    elif asked.category == "key" and model.experts == _EIGHT_EXPERTS:
        kind = "Q4_K"
    elif asked.category == "down" and asked.down_index < model.layers // 8:
        kind = more_bits
    elif asked.category == "projection":
        kind = "Q5_K" if model.experts == _EIGHT_EXPERTS else _TWO_BIT_PROJECTIONS.get(asked.mix, kind)
    return kind


def _value(asked: Asked, model: Model) -> str:
    """Values, or a fused projection of queries, keys and values."""
    if model.experts == _EIGHT_EXPERTS:
        return "Q8_0"
    kind = _VALUES.get(asked.mix, asked.base)
    if model.queries_per_value >= _WIDELY_SHARED:
        kind = _WIDELY_SHARED_VALUES.get(asked.mix, kind)
    index = asked.value_index
    if asked.mix in {"Q4_K_M", "Q5_K_M"} and _gets_more_bits(index, model.value_tensors):
        kind = "Q6_K"
    elif (asked.mix == "Q3_K_M" and index < 2) or (asked.mix == "Q4_K_S" and index < 4):  # noqa: PLR2004
        kind = "Q5_K"  # the first two, or four
    return "Q5_K" if model.seventy_b and kind in {"Q3_K", "Q4_K"} else kind


def _key(asked: Asked, model: Model) -> str:
    if model.experts == _EIGHT_EXPERTS:
        return "Q8_0"
    return _QUERIES_AND_KEYS.get(asked.mix, asked.base)


def _query(asked: Asked, _: Model) -> str:
    return _QUERIES_AND_KEYS.get(asked.mix, asked.base)


def _projection(asked: Asked, model: Model) -> str:
    """Attention's output projection."""
    if model.experts == _EIGHT_EXPERTS:
        return "Q5_K" if asked.mix in _MIXES_WITH_Q5_PROJECTION_OF_EIGHT else asked.base
    return _PROJECTIONS.get(asked.mix, asked.base)


def _down(asked: Asked, model: Model) -> str:
    """Down projections, experts' too."""
    mix, layer = asked.mix, asked.layer
    kind = _DOWNS.get(mix, asked.base)
    if mix == "Q3_K_M" and layer < model.layers // 16:
        kind = "Q5_K"
    elif mix in {"Q4_K_M", "Q5_K_M"} and _gets_more_bits(layer, model.layers):
        kind = "Q6_K"
    elif mix == "IQ3_M" and model.experts == _EIGHT_EXPERTS and _gets_more_bits(layer, model.layers):
        kind = "Q4_K"
    elif layer < model.layers // 8:
        kind = _DOWNS_OF_THE_FIRST_EIGHTH.get(mix, kind)
    return kind


def _gate_or_up(asked: Asked, model: Model) -> str:
    """IQ3_XS saves where it hurts least: neither in the first nor in the last eighth of the layers."""
    middle = model.layers // 8 <= asked.layer < 7 * model.layers // 8
    return "IQ3_XXS" if asked.mix == "IQ3_XS" and middle else asked.base


def _gets_more_bits(index: int, count: int) -> bool:
    """The first and the last eighth, and every third between them."""
    first, last = count // 8, 7 * count // 8
    return index < first or index >= last or (index - first) % 3 == 2  # noqa: PLR2004


_RULES = {
    "value": _value,
    "key": _key,
    "query": _query,
    "projection": _projection,
    "down": _down,
    "gate": _gate_or_up,
    "up": _gate_or_up,
}
