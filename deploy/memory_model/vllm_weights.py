"""What of a model's weights each of vLLM's ranks holds under tensor and pipeline parallelism.

Projections are cut over the ranks of a stage; what is not cut is on each of them: norms, routers, the down
projections of latent attention, and KV heads once there are more ranks than heads. Vocabularies are padded.
Followed in vLLM 0.32.0: ``model_executor/layers/linear.py``, ``vocab_parallel_embedding.py``,
``attention/mla_attention.py``, ``rotary_embedding/base.py`` and ``fused_moe/oracle/mxfp4.py``. It does not
know expert parallelism, vision towers or what a kernel repacks into another size, but for MXFP4's padding.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.architectures.shape import Attention, LatentAttention
from deploy.architectures.tensor import EXPERT_ROLES
from deploy.memory_model.vllm_kv import pipeline_stages

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture, Layer
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement

# DEFAULT_VOCAB_PADDING_SIZE of vocab_parallel_embedding.py.
VOCABULARY_MULTIPLE = 64

# Kernels for MXFP4 experts pad the hidden size to this: gpt-oss-20b's 12.82 GiB take 13.47 on an H100
# (llm-d-planner). Marlin pads the intermediate size to 128 besides, which is 1.7 % more of that model.
_MXFP4_HIDDEN_MULTIPLE = 256

_16_BIT_BYTES = 2

_CUT = frozenset(
    {
        "attention_q",
        "attention_output",
        "attention_gate",
        "attention_sinks",
        "latent_q_b",
        "latent_k_b",
        "latent_v_b",
        "linear_attention",
        "linear_state",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
        "expert_gate",
        "expert_up",
        "expert_down",
        "shared_expert_gate",
        "shared_expert_up",
        "shared_expert_down",
    }
)
_KV_HEADS = frozenset({"attention_k", "attention_v"})
VOCABULARY_ROLES = frozenset({"token_embedding", "output"})
_16_BIT_KINDS = frozenset({"BF16", "F16"})

_DEQUANTIZED = frozenset({"latent_k_b", "latent_v_b"})

# Which rows a bias is added to, by the names that GGUF and Hugging Face give it.
_BIASES = (
    (re.compile(r"(attn_qkv|qkv_proj)[._]bias$"), "attention_qkv"),
    (re.compile(r"(attn_[kv]|[kv]_proj)[._]bias$"), "attention_k"),
    (re.compile(r"(attn_q|q_proj)[._]bias$"), "attention_q"),
    (re.compile(r"(ffn_(gate|up)_exps|gate_up_proj)[._]bias$"), "expert_gate"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """What is cut alike: tensors of one role and type, in equal layers of the same pipeline stages.

    Attributes:
        layer: the layer they are in; None outside the layers.
        stages: pipeline stages that hold them.
    """

    role: str
    kind: str
    layer: Layer | None
    stages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Size:
    stored_bytes: int
    elements: int


@dataclass(frozen=True, slots=True)
class RankWeights:
    """What one rank holds.

    Attributes:
        stored_bytes: its share of the checkpoint's tensors, as they are stored.
        padding_bytes: rows of the vocabulary, and of MXFP4 experts, that are not the model's.
        rotary_bytes: the table of rotary cosines and sines.
        dequantized_bytes: 16-bit copies of latent attention's up projections, where those are quantized.
    """

    stored_bytes: int
    padding_bytes: int
    rotary_bytes: int
    dequantized_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.stored_bytes + self.padding_bytes + self.rotary_bytes + self.dequantized_bytes


def rank_weights(
    architecture: Architecture, checkpoint: Checkpoint, placement: Placement
) -> tuple[RankWeights, ...]:
    """What one rank of each pipeline stage holds; the ranks of a stage hold equal shares.

    The first stage has the embedding, the last one the output projection, or the embedding again where that
    is tied.
    """
    stages, ranks = placement.pipeline_parallel, placement.tensor_parallel
    stored, padding, copies = [0] * stages, [0] * stages, [0] * stages
    for part, size in _parts(architecture, checkpoint, stages).items():
        share = rank_share(part, size.stored_bytes, ranks)
        for stage in part.stages:
            stored[stage] += share
            padding[stage] += _padding(part, architecture, share)
            if part.role in _DEQUANTIZED and part.kind not in _16_BIT_KINDS:
                copies[stage] += size.elements * _16_BIT_BYTES // ranks
    rotary = _rotary_table(architecture)
    return tuple(
        RankWeights(held, padded, rotary, copied)
        for held, padded, copied in zip(stored, padding, copies, strict=True)
    )


def rank_share(part: Part, stored_bytes: int, ranks: int) -> int:
    """The bytes of a part on one of that many ranks, without padding; rounded up.

    Example:
        With 2 KV heads on 4 ranks each rank keeps one head: half of the keys' projection, not a quarter.
    """
    if part.role == "rope_factors":  # read from the configuration, not from the file
        return 0
    if part.role in _CUT or part.role in VOCABULARY_ROLES:
        return _ceil_divide(stored_bytes, ranks)
    if part.role in _KV_HEADS:
        return _ceil_divide(stored_bytes, min(ranks, _kv_heads(part.layer)))
    if part.role == "attention_qkv":
        return _fused_share(part.layer, stored_bytes, ranks)
    return stored_bytes


def padded_vocabulary(vocabulary_size: int) -> int:
    """Rows of the embedding and the output projection.

    Example:
        >>> padded_vocabulary(128_256), padded_vocabulary(50_257)
        (128256, 50304)
    """
    return _ceil_divide(vocabulary_size, VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


def _parts(architecture: Architecture, checkpoint: Checkpoint, stages: int) -> dict[Part, _Size]:
    """The checkpoint summed up: equal layers of one stage are one part, so that few divisions are left."""
    dealt = pipeline_stages(architecture.layer_count, stages)
    kinds: dict[tuple[Layer, int], int] = {}
    kind_of_layer = [
        kinds.setdefault((architecture.layers[number], stage), len(kinds))
        for stage, layers in enumerate(dealt)
        for number in layers
    ]
    sums: dict[tuple[str, str, int | None], list[int]] = {}
    for tensor in checkpoint.tensors:
        number = tensor.layer
        if number is not None and number >= len(kind_of_layer):
            # Layers that predict further tokens (DeepSeek V3) are loaded for speculative decoding alone.
            continue
        kind = None if number is None else kind_of_layer[number]
        role = tensor.role if tensor.role != "bias" else _bias_role(tensor.name)
        total = sums.setdefault((role, tensor.kind, kind), [0, 0])
        total[0] += tensor.stored_bytes
        total[1] += math.prod(tensor.shape) if role in _DEQUANTIZED else 0
    homes = list(kinds)
    parts = {}
    for (role, stored_as, kind), (stored, elements) in sums.items():
        if kind is None:
            held = _outside_stages(role, stages, tied=architecture.tied_embeddings)
            part = Part(role, stored_as, None, held)
        else:
            layer, stage = homes[kind]
            part = Part(role, stored_as, layer, (stage,))
        parts[part] = _Size(stored, elements)
    return parts


def _outside_stages(role: str, stages: int, *, tied: bool) -> tuple[int, ...]:
    """On which pipeline stages a tensor outside the layers is."""
    last = stages - 1
    if role == "token_embedding":
        return (0, last) if tied and last else (0,)
    return (0,) if role == "per_layer_input" else (last,)


def _bias_role(name: str) -> str:
    """A bias is cut like the rows that it is added to; one of a row-parallel projection is on every rank."""
    for pattern, role in _BIASES:
        if pattern.search(name):
            return role
    return "bias"


def _kv_heads(layer: Layer | None) -> int:
    return layer.attention.kv_heads if layer and isinstance(layer.attention, Attention) else 1


def _fused_share(layer: Layer | None, stored_bytes: int, ranks: int) -> int:
    """Of one projection for queries, keys and values: queries cut by ranks, the rest by KV heads."""
    attention = layer.attention if layer else None
    if not isinstance(attention, Attention):
        return _ceil_divide(stored_bytes, ranks)
    queries = attention.heads * attention.key_dim * (2 if attention.gated else 1)
    keys_and_values = attention.kv_heads * (attention.key_dim + attention.value_dim)
    of_queries = stored_bytes * queries // (queries + keys_and_values)
    kv_ranks = min(ranks, attention.kv_heads)
    return _ceil_divide(of_queries, ranks) + _ceil_divide(stored_bytes - of_queries, kv_ranks)


def _padding(part: Part, architecture: Architecture, share_bytes: int) -> int:
    """Bytes that the rank's share grows by when it is padded."""
    if part.role in VOCABULARY_ROLES:
        rows = architecture.vocabulary_size
        return _ceil_divide(share_bytes * (padded_vocabulary(rows) - rows), rows)
    if part.role in EXPERT_ROLES and part.kind.upper().startswith("MXFP4"):
        hidden = architecture.hidden_size
        padded = _ceil_divide(hidden, _MXFP4_HIDDEN_MULTIPLE) * _MXFP4_HIDDEN_MULTIPLE
        return _ceil_divide(share_bytes * (padded - hidden), hidden)
    return 0


def _rotary_table(architecture: Architecture) -> int:
    """A row of 16-bit cosines and sines for each position, one table for each base frequency.

    Windowed layers beside global ones have a base of their own (Gemma 3); tables of equal layers are shared.
    """
    widths = set()
    for layer in architecture.distinct_layers:
        attention = layer.attention
        if isinstance(attention, LatentAttention):
            widths.add((attention.rope_dim, 0))
        elif isinstance(attention, Attention):
            widths.add((attention.key_dim, attention.window_tokens))
    return sum(architecture.max_context_tokens * width * _16_BIT_BYTES for width, _ in widths)


def _ceil_divide(value: int, by: int) -> int:
    return -(-value // by)
