"""The shape of a model: what each decoder layer is made of, from which every byte and operation follows.

Frozen values, one object a kind of layer. Nothing here reads a file, lists a tensor or knows a byte: readers
of configurations and headers make these values, ``deploy.architectures.tensors`` lists what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attention:
    """Softmax attention that keeps keys and values a head: multi-head, grouped-query or multi-query.

    Attributes:
        key_dim: elements of a query's or a key's head.
        value_dim: elements of a value's head.
        window_tokens: how far back a sliding window sees; 0 sees the whole context.
        gated: queries are projected twice as wide, the second half being a gate (Qwen3-Next).
        keys_are_values: one projection serves as both keys and values (Gemma 4's global layers).
        shares_cache: reads the cache of an earlier layer and has none of its own (Gemma 3n and 4).
        qkv_bias: query, key and value projections have a bias (Qwen2).
        output_bias: the output projection has one (gpt-oss).
        qk_norm: each head's queries and keys are normalized (Qwen3, Gemma 3).
        sinks: one learned logit a head (gpt-oss).
    """

    heads: int
    kv_heads: int
    key_dim: int
    value_dim: int
    window_tokens: int = 0
    gated: bool = False
    keys_are_values: bool = False
    shares_cache: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek V2, V3, R1): one compressed vector a token is cached.

    Attributes:
        query_rank: width that queries are compressed to; 0 where they are projected directly.
        kv_rank: width of the compressed vector that is cached.
        nope_dim: elements of a head without rotary position.
        rope_dim: elements with it, shared by all heads and cached beside the compressed vector.
        index_heads: heads of a sparse-attention indexer (DeepSeek V3.2), which caches one key a token; 0 for
            none.
        index_dim: elements of the indexer's key.
    """

    heads: int
    query_rank: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    index_heads: int = 0
    index_dim: int = 0


@dataclass(frozen=True, slots=True)
class LinearAttention:
    """A gated delta network (Qwen3-Next, Qwen3.5): a state of fixed size a sequence instead of a cache.

    Attributes:
        conv_kernel: tokens that the short convolution before the recurrence sees.
        split_projections: queries, keys and values in one tensor and the gate in another (Qwen3.5);
            otherwise all four in one (Qwen3-Next).
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int
    split_projections: bool = False


@dataclass(frozen=True, slots=True)
class FeedForward:
    """A dense feed-forward network with gate, up and down projections.

    Attributes:
        gated: it has a gate projection beside up and down.
    """

    intermediate_size: int
    gated: bool = True


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts: ``total`` in memory, ``active`` of them computed a token, beside the shared ones.

    Attributes:
        intermediate_size: of one routed expert.
        shared_intermediate_size: of all shared experts together; 0 for none.
        shared_gate: the shared expert's output is scaled by a gate of its own (Qwen2-MoE, Qwen3-Next).
        router_bias: one bias an expert in the router (DeepSeek V3, gpt-oss).
        biases: the experts' projections have biases (gpt-oss).
    """

    total: int
    active: int
    intermediate_size: int
    shared_intermediate_size: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    biases: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer.

    Attributes:
        norms: normalization vectors as wide as the residual stream: 2, or 4 where outputs are normalized too
            (Gemma).
        per_layer_input_dim: width of the per-layer embedding that is mixed in (Gemma 3n, Gemma 4 E models);
            0 for none.
        scalar: the layer's output is scaled by one learned number (Gemma 4).
    """

    attention: Attention | LatentAttention | LinearAttention
    feed_forward: FeedForward | Experts
    norms: int = 2
    per_layer_input_dim: int = 0
    scalar: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a decoder.

    Attributes:
        model_type: Hugging Face's ``model_type``, such as ``qwen2``.
        hidden_size: width of the residual stream, in elements.
        layers: in order; equal layers are best one shared object.
        max_context_tokens: what the model was trained or extended for.
        tied_embeddings: the output projection is the token embedding.
        rope_factors: GGUF files carry a factor for each rotary frequency (Llama 3.1 and later).
        rope_factor_count: how many.
        estimated: what had to be assumed, as a sentence; empty where every field was known.

    Example:
        >>> layer = Layer(Attention(12, 2, 128, 128, qkv_bias=True), FeedForward(8960))
        >>> qwen = Architecture("qwen2", 1536, 151_936, (layer,) * 28, max_context_tokens=131_072)
        >>> qwen.layer_count, qwen.is_mixture
        (28, False)
    """

    model_type: str
    hidden_size: int
    vocabulary_size: int
    layers: tuple[Layer, ...]
    max_context_tokens: int
    tied_embeddings: bool = False
    rope_factors: bool = False
    rope_factor_count: int = 0
    estimated: str = ""

    def __hash__(self) -> int:
        """Without the layers, which take long to hash: shapes are keys of what is computed once."""
        return hash((self.model_type, self.hidden_size, self.vocabulary_size, len(self.layers)))

    @property
    def layer_count(self) -> int:
        """How many decoder layers."""
        return len(self.layers)

    @property
    def is_mixture(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(isinstance(layer.feed_forward, Experts) for layer in self.distinct_layers)

    @property
    def is_latent(self) -> bool:
        """Whether attention is latent."""
        return any(isinstance(layer.attention, LatentAttention) for layer in self.distinct_layers)

    @property
    def distinct_layers(self) -> tuple[Layer, ...]:
        """Each kind of layer once, in order of first appearance."""
        # By identity first: layers are mostly one shared object, and hashing each takes its time.
        objects = {id(layer): layer for layer in self.layers}
        return tuple(dict.fromkeys(objects.values()))
