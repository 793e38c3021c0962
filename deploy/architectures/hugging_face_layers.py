"""A decoder's layers from Hugging Face's configuration fields, family by family.

It takes checked fields and gives layers. It opens no file and knows no tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deploy.architectures.fields import LARGEST_LAYER_COUNT, Fields
from deploy.architectures.shape import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.architectures.families import Family

Kind = Literal["full", "sliding", "chunked", "linear"]

_KINDS: dict[str, Kind] = {
    "full_attention": "full",
    "indexed_attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "linear",
}

EXPERT_COUNT = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_k", "moe_topk")

# Fields of layers that are neither attention nor a gated delta network.
_UNMODELLED = (
    "hybrid_override_pattern",
    "block_configs",
    "linear_attn_config",
    "mamba_d_state",
    "mamba_d_ssm",
    "state_size",
    "ssm_cfg",
    "attn_layer_period",
    "recurrent_block_type",
)


def read_layers(fields: Fields, family: Family, name: str) -> tuple[Layer, ...]:
    """Every layer in order; equal layers are one object.

    Raises:
        PlanError: a field is missing, or has a value that no model has.
    """
    for field in _UNMODELLED:
        if fields.get(field) is not None:
            fields.refuse(
                field, fields.get(field), "a model of attention layers (Mamba and the like are not modelled)"
            )
    count = fields.count("num_hidden_layers", "n_layer", "num_layers", most=LARGEST_LAYER_COUNT)
    reader = _Reader(fields, family, name)
    kinds = _kinds(fields, family, count)
    if name == "gemma4":
        kinds[-1] = "full"
    sparse = _sparse(fields, count, reader.expert_count())
    sharing_from = count - fields.count("num_kv_shared_layers", default=0, least=0, most=count)
    known: dict[tuple[Kind, bool, bool], Layer] = {}
    layers = []
    for number, (kind, is_sparse) in enumerate(zip(kinds, sparse, strict=True)):
        key = (kind, is_sparse, number >= sharing_from)
        if key not in known:
            known[key] = reader.layer(*key)
        layers.append(known[key])
    return tuple(layers)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes one layer of each kind."""

    fields: Fields
    family: Family
    name: str

    def layer(self, kind: Kind, sparse: bool, shares_cache: bool) -> Layer:  # noqa: FBT001 a key's three parts
        """The layer of that kind."""
        if self.name != "gemma4":
            attention = self.attention(kind, shares_cache=shares_cache)
            return Layer(attention, self.experts() if sparse else self.dense(), norms=self.family.norms)
        # modeling_gemma4.py: three norms more around experts; layers that share a cache may be twice as wide.
        wide = shares_cache and self.fields.flag("use_double_wide_mlp")
        return Layer(
            self.attention(kind, shares_cache=shares_cache),
            self.experts() if sparse else self.dense(factor=2 if wide else 1),
            norms=self.family.norms + (3 if sparse else 0),
            per_layer_input_dim=self.fields.count("hidden_size_per_layer_input", default=0, least=0),
            scalar=True,
        )

    def attention(self, kind: Kind, *, shares_cache: bool) -> Attention | LatentAttention | LinearAttention:
        """The attention of a layer of that kind."""
        if kind == "linear":
            return self.linear()
        if self.fields.get("kv_lora_rank") is not None:
            return self.latent()
        return self.softmax(kind, shares_cache=shares_cache)

    def softmax(self, kind: Kind, *, shares_cache: bool) -> Attention:
        """Attention with keys and values a head."""
        fields = self.fields
        heads = fields.count("num_attention_heads", "n_head")
        kv_heads = fields.count("num_key_value_heads", "num_kv_heads", default=heads)
        head_dim = _head_dim(fields, heads)
        same = False
        if self.name == "gemma4" and kind == "full":
            head_dim = fields.count("global_head_dim", default=head_dim)
            same = fields.flag("attention_k_eq_v")
            if same:
                kv_heads = fields.count("num_global_key_value_heads", default=kv_heads)
        if heads % kv_heads:
            fields.refuse(
                "num_key_value_heads", kv_heads, f"a divisor of num_attention_heads, which is {heads},"
            )
        return Attention(
            heads,
            kv_heads,
            key_dim=head_dim,
            value_dim=head_dim if fields.get("v_head_dim") is None else fields.count("v_head_dim"),
            window_tokens=self.window_tokens(kind),
            gated=self.family.gated,
            keys_are_values=same,
            shares_cache=shares_cache,
            qkv_bias=self.says(self.family.qkv_bias),
            output_bias=self.says(self.family.output_bias),
            qk_norm=self.family.qk_norm or (fields.flag("use_qk_norm") and self.name == "glm4_moe"),
            sinks=self.family.sinks,
        )

    def window_tokens(self, kind: Kind) -> int:
        """How far back a layer of that kind sees; 0 for everything."""
        if kind == "sliding":
            return self.fields.count("sliding_window")
        return self.fields.count("attention_chunk_size") if kind == "chunked" else 0

    def latent(self) -> LatentAttention:
        """Multi-head latent attention."""
        fields = self.fields
        indexed = fields.get("index_n_heads") is not None
        return LatentAttention(
            heads=fields.count("num_attention_heads"),
            query_rank=fields.count("q_lora_rank", default=0, least=0),
            kv_rank=fields.count("kv_lora_rank"),
            nope_dim=fields.count("qk_nope_head_dim"),
            rope_dim=fields.count("qk_rope_head_dim"),
            value_dim=fields.count("v_head_dim"),
            index_heads=fields.count("index_n_heads") if indexed else 0,
            index_dim=fields.count("index_head_dim") if indexed else 0,
        )

    def linear(self) -> LinearAttention:
        """A gated delta network."""
        fields = self.fields
        return LinearAttention(
            key_heads=fields.count("linear_num_key_heads"),
            value_heads=fields.count("linear_num_value_heads"),
            key_dim=fields.count("linear_key_head_dim"),
            value_dim=fields.count("linear_value_head_dim"),
            conv_kernel=fields.count("linear_conv_kernel_dim"),
            split_projections=self.name != "qwen3_next",
        )

    def dense(self, factor: int = 1) -> FeedForward:
        """A dense feed-forward network, ``factor`` times as wide as the configuration says."""
        return FeedForward(
            factor * self.fields.count("intermediate_size_mlp", "intermediate_size", "n_inner")
        )

    def expert_count(self) -> int:
        """How many routed experts; 0 for a model without."""
        if self.name == "gemma4" and not self.fields.flag("enable_moe_block"):
            return 0
        return self.fields.count(*EXPERT_COUNT, default=0, least=0)

    def experts(self) -> Experts:
        """A mixture of experts."""
        fields, total = self.fields, self.expert_count()
        active = fields.count(*_EXPERTS_PER_TOKEN)
        if active > total:
            fields.refuse(_EXPERTS_PER_TOKEN[0], active, f"at most the number of experts, which is {total},")
        width = fields.count("moe_intermediate_size", "intermediate_size")
        shared = width * fields.count("n_shared_experts", "num_shared_experts", default=0, least=0)
        if fields.get("shared_expert_intermediate_size") is not None:
            shared = fields.count("shared_expert_intermediate_size", least=0)
        if self.name == "gemma4":
            shared = fields.count("intermediate_size")
        return Experts(
            total,
            active,
            width,
            shared_intermediate_size=shared,
            shared_gate=self.family.shared_gate and shared > 0,
            router_bias=self.family.router_bias,
            biases=self.family.expert_biases,
        )

    def says(self, rule: tuple[str, bool]) -> bool:
        """What a field says, or what the family always does."""
        name, default = rule
        return self.fields.flag(name, default=default) if name else default


def _head_dim(fields: Fields, heads: int) -> int:
    """Elements a head: said, or the residual stream divided among the heads."""
    if fields.get("head_dim") is not None:
        return fields.count("head_dim")
    hidden = fields.count("hidden_size", "n_embd")
    if hidden % heads:
        fields.refuse("hidden_size", hidden, f"a multiple of num_attention_heads ({heads}), or a head_dim,")
    return hidden // heads


def _kinds(fields: Fields, family: Family, count: int) -> list[Kind]:
    """What each layer's attention is: said by layer, or a rule of the family's."""
    listed = fields.listed("layer_types", length=count)
    if listed is not None:
        return [_kind(fields, value) for value in listed[:count]]
    if fields.get("linear_num_value_heads") is not None:
        interval = fields.count("full_attention_interval", default=4)
        return ["linear" if (number + 1) % interval else "full" for number in range(count)]
    window = fields.count("sliding_window", default=0, least=0)
    return ["sliding" if window and _slides(fields, family, number) else "full" for number in range(count)]


def _slides(fields: Fields, family: Family, number: int) -> bool:
    """Whether a layer of a model with a sliding window uses it."""
    if family.windows == "pattern":
        period = fields.count(
            "sliding_window_pattern", "_sliding_window_pattern", default=family.window_period
        )
        return bool((number + 1) % period)
    if family.windows == "after":
        return fields.flag("use_sliding_window") and number >= fields.count(
            "max_window_layers", default=0, least=0
        )
    return family.windows == "all"


def _kind(fields: Fields, value: object) -> Kind:
    """One entry of ``layer_types``."""
    kind = _KINDS.get(value) if isinstance(value, str) else None
    return fields.refuse("layer_types", value, f"one of {', '.join(_KINDS)}") if kind is None else kind


def _sparse(fields: Fields, count: int, experts: int) -> list[bool]:
    """Which layers are mixtures of experts."""
    if not experts:
        return [False] * count
    types = fields.listed("mlp_layer_types", length=count)
    if types is not None:
        return [value == "sparse" for value in types[:count]]
    frequency = fields.get("moe_layer_freq")
    if isinstance(frequency, list | tuple):
        listed = fields.listed("moe_layer_freq", length=count) or ()
        return [bool(value) for value in listed[:count]]
    if (chosen := fields.listed("moe_layers")) is not None:
        return [number in chosen for number in range(count)]
    first = fields.count("first_k_dense_replace", default=0, least=0)
    every = fields.count("moe_layer_freq", default=1)
    step = fields.count("decoder_sparse_step", "interleave_moe_layer_step", default=1)
    dense: Sequence[object] = fields.listed("mlp_only_layers") or ()
    return [
        number >= first and number % every == 0 and (number + 1) % step == 0 and number not in dense
        for number in range(count)
    ]
