"""A decoder's layers from a GGUF file's metadata, and from its list of tensors where there is one.

Metadata leaves out what llama.cpp sees in the tensors themselves: biases, norms, which layers are mixtures.
Where no list is at hand, the family's habit stands in. It opens no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.architectures.feed_forward_tensors import FUSED_GATE_UP
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
    from collections.abc import Mapping

    from deploy.architectures.families import Family

_NORMS = (
    "attn_norm",
    "ffn_norm",
    "post_attention_norm",
    "post_ffw_norm",
    "post_ffw_norm_1",
    "pre_ffw_norm_2",
    "post_ffw_norm_2",
)
# llama.cpp's default for Qwen3-Next and Qwen3.5, whose first files lack the key.
_FULL_ATTENTION_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class GgufLayers:
    """Reads layers of one model.

    Attributes:
        fields: the metadata under the architecture's own prefix.
        name: Hugging Face's ``model_type``.
        shapes: of tensors, rows first, by name; None where they are not known.
    """

    fields: Fields
    family: Family
    name: str
    shapes: Mapping[str, tuple[int, ...]] | None = None
    _made: dict[Layer, Layer] = field(default_factory=dict)

    def read(self) -> tuple[Layer, ...]:
        """Every layer in order, layers of multi-token prediction left out; equal layers are one object.

        Raises:
            PlanError: a key is missing or has a value that no model has.
        """
        count = self.fields.count("block_count", most=LARGEST_LAYER_COUNT)
        count -= self.fields.count("nextn_predict_layers", default=0, least=0, most=count - 1)
        layers = (self._layer(number, count) for number in range(count))
        return tuple(self._made.setdefault(layer, layer) for layer in layers)

    def _layer(self, number: int, count: int) -> Layer:
        sparse = self._is_sparse(number)
        norms = self.family.norms + (3 if sparse and self.name == "gemma4" else 0)
        if self.shapes is not None:
            norms = sum(f"blk.{number}.{name}.weight" in self.shapes for name in _NORMS) or norms
        return Layer(
            self._attention(number, count),
            self._experts(number) if sparse else self._dense(number),
            norms=norms,
            per_layer_input_dim=self.fields.count("embedding_length_per_layer_input", default=0, least=0),
            scalar=self._has(number, "layer_output_scale.weight", habit=self.name == "gemma4"),
        )

    def _attention(self, number: int, count: int) -> Attention | LatentAttention | LinearAttention:
        fields = self.fields
        if fields.get("ssm.inner_size") is not None:
            interval = fields.count("full_attention_interval", default=_FULL_ATTENTION_INTERVAL)
            if self._has(number, "ssm_conv1d.weight", habit=bool((number + 1) % interval)):
                return self._linear()
        if fields.get("attention.kv_lora_rank") is not None:
            return self._latent()
        return self._softmax(number, count)

    def _softmax(self, number: int, count: int) -> Attention:
        window = self._window_tokens(number)
        heads, family = self._at("attention.head_count", number), self.family
        kv_heads = self._at("attention.head_count_kv", number, default=heads)
        if heads % kv_heads:
            self.fields.refuse("attention.head_count_kv", kv_heads, f"a divisor of {heads} heads")
        key_dim = self._head_dim("key", heads, window)
        rows = self._rows(number, "attn_q.weight")
        sharing = self.fields.count("attention.shared_kv_layers", default=0, least=0, most=count)
        return Attention(
            heads,
            kv_heads,
            key_dim=key_dim,
            value_dim=self._head_dim("value", heads, window),
            window_tokens=window,
            gated=family.gated if rows is None else rows == 2 * heads * key_dim,
            keys_are_values=self._has(number, "attn_k.weight", habit=False)
            and not self._has(number, "attn_v.weight", habit=True),
            shares_cache=number >= count - sharing,
            qkv_bias=self._has(number, "attn_q.bias", habit=family.qkv_bias[1]),
            output_bias=self._has(number, "attn_output.bias", habit=family.output_bias[1]),
            qk_norm=self._has(number, "attn_q_norm.weight", habit=family.qk_norm),
            sinks=self._has(number, "attn_sinks.weight", habit=family.sinks),
        )

    def _head_dim(self, part: str, heads: int, window: int) -> int:
        """Elements of a key's or value's head; Gemma 4's differ in layers with a sliding window."""
        fields = self.fields
        if window and fields.get(f"attention.{part}_length_swa") is not None:
            return fields.count(f"attention.{part}_length_swa")
        if fields.get(f"attention.{part}_length") is not None:
            return fields.count(f"attention.{part}_length")
        hidden = fields.count("embedding_length")
        if hidden % heads:
            fields.refuse("attention.head_count", heads, f"a divisor of embedding_length, which is {hidden},")
        return hidden // heads

    def _window_tokens(self, number: int) -> int:
        """How far back a layer sees; 0 for everything."""
        fields, family = self.fields, self.family
        window = fields.count("attention.sliding_window", default=0, least=0)
        pattern = fields.get("attention.sliding_window_pattern")
        if not window or (pattern is None and family.windows not in {"all", "pattern"}):
            return 0
        if isinstance(pattern, list | tuple):
            if len(pattern) <= number:
                fields.listed("attention.sliding_window_pattern", length=number + 1)
            return window if pattern[number] else 0
        if pattern is None and family.windows == "all":
            return window
        default = family.window_period or None
        period = fields.count("attention.sliding_window_pattern", default=default)
        return window if (number + 1) % period else 0

    def _latent(self) -> LatentAttention:
        """Multi-head latent attention; files from before April 2025 have its head sizes under plain keys."""
        fields = self.fields
        rope_dim = fields.count("rope.dimension_count")
        key_dim = fields.count("attention.key_length_mla", "attention.key_length")
        if key_dim <= rope_dim:
            fields.refuse(
                "attention.key_length_mla", key_dim, f"more than rope.dimension_count, which is {rope_dim},"
            )
        return LatentAttention(
            heads=self._at("attention.head_count", 0),
            query_rank=fields.count("attention.q_lora_rank", default=0, least=0),
            kv_rank=fields.count("attention.kv_lora_rank"),
            nope_dim=key_dim - rope_dim,
            rope_dim=rope_dim,
            value_dim=fields.count("attention.value_length_mla", "attention.value_length"),
            index_heads=fields.count("attention.indexer.head_count", default=0, least=0),
            index_dim=fields.count("attention.indexer.key_length", default=0, least=0),
        )

    def _linear(self) -> LinearAttention:
        """A gated delta network, under names of state space models (llama.cpp's converter of Qwen3-Next)."""
        fields = self.fields
        value_heads, inner = fields.count("ssm.time_step_rank"), fields.count("ssm.inner_size")
        if inner % value_heads:
            fields.refuse(
                "ssm.inner_size", inner, f"a multiple of ssm.time_step_rank, which is {value_heads},"
            )
        return LinearAttention(
            key_heads=fields.count("ssm.group_count"),
            value_heads=value_heads,
            key_dim=fields.count("ssm.state_size"),
            value_dim=inner // value_heads,
            conv_kernel=fields.count("ssm.conv_kernel"),
            split_projections=self.name != "qwen3_next",
        )

    def _dense(self, number: int) -> FeedForward:
        gated = self.name in FUSED_GATE_UP or self._has(number, "ffn_gate.weight", habit=True)
        return FeedForward(self._at("feed_forward_length", number), gated=gated)

    def _is_sparse(self, number: int) -> bool:
        if not self.fields.count("expert_count", default=0, least=0):
            return False
        step = self.fields.count("interleave_moe_layer_step", default=1)
        first = self.fields.count("leading_dense_block_count", default=0, least=0)
        return self._has(number, "ffn_gate_inp.weight", habit=number >= first and (number + 1) % step == 0)

    def _experts(self, number: int) -> Experts:
        fields, family = self.fields, self.family
        total = fields.count("expert_count")
        width = (
            fields.count("expert_feed_forward_length")
            if fields.get("expert_feed_forward_length") is not None
            else self._at("feed_forward_length", number)
        )
        shared = width * fields.count("expert_shared_count", default=0, least=0)
        shared = fields.count("expert_shared_feed_forward_length", default=shared, least=0)
        if self.name == "gemma4":
            shared = self._at("feed_forward_length", number)
        router_bias = self._has(number, "exp_probs_b.bias", habit=False) or self._has(
            number, "ffn_gate_inp.bias", habit=False
        )
        return Experts(
            total,
            fields.count("expert_used_count", most=total),
            width,
            shared_intermediate_size=shared,
            shared_gate=self._has(
                number, "ffn_gate_inp_shexp.weight", habit=family.shared_gate and shared > 0
            ),
            router_bias=family.router_bias if self.shapes is None else router_bias,
            biases=self._has(number, "ffn_up_exps.bias", habit=family.expert_biases),
        )

    def _at(self, key: str, number: int, *, default: int | None = None) -> int:
        """A number that a file gives once, or once a layer."""
        value = self.fields.get(key)
        if not isinstance(value, list | tuple):
            return self.fields.count(key, default=default)
        if len(value) <= number:
            self.fields.listed(key, length=number + 1)
        return self.fields.checked_count(f"{key}[{number}]", value[number])

    def _has(self, number: int, tensor: str, *, habit: bool) -> bool:
        """Whether a layer has a tensor; the family's habit where tensors are not listed."""
        return habit if self.shapes is None else f"blk.{number}.{tensor}" in self.shapes

    def _rows(self, number: int, tensor: str) -> int | None:
        """How many rows a tensor of a layer has; None where that is not known."""
        shape = (self.shapes or {}).get(f"blk.{number}.{tensor}")
        return shape[0] if shape else None
