"""What one step of decoding reads from each device's memory: weights that a token visits, and its past.

Pure sums over a checkpoint and a placement; no bandwidth, no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.architectures.shape import Experts, LatentAttention
from deploy.architectures.tensor import EXPERT_ROLES
from deploy.memory_model.kv_cache import cached_tokens, kv_bytes_per_token, recurrent_state_bytes
from deploy.memory_model.llama_cpp_weights import layer_devices

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture, Layer
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement, Serving
    from deploy.spec import Workload


@dataclass(slots=True)
class DeviceRead:
    """What one device reads in a step.

    Attributes:
        weights_bytes: dense tensors whole, of the experts those that are visited.
        cache_bytes: keys, values and states of all sequences.
        layers: decoder layers on it, which each cost something besides.
        involved_layers: those of them with a router or latent attention, which cost more.
    """

    weights_bytes: float = 0.0
    cache_bytes: float = 0.0
    layers: int = 0
    involved_layers: int = 0

    @property
    def total_bytes(self) -> float:
        """All that is read."""
        return self.weights_bytes + self.cache_bytes


def read_by_device(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    placement: Placement,
) -> dict[str, DeviceRead]:
    """What a step reads on each device where layers follow each other, as in llama.cpp.

    Example:
        All 8B layers of a Llama at Q4_K_M and 8,192 tokens read 4.6 GB of weights and 1.07 GB of cache.
    """
    owners = layer_devices(architecture.layer_count, placement)
    read = {device: DeviceRead() for device in dict.fromkeys(owners)}
    weights = _weights_bytes(architecture, checkpoint, workload.concurrent_sequences)
    for device, layer_bytes in zip(owners, weights, strict=True):
        read[device].weights_bytes += layer_bytes
    pasts = _pasts(architecture, workload, serving)
    for layer, device in zip(architecture.layers, owners, strict=False):
        past = pasts[id(layer)]
        read[device].cache_bytes += past.cache_bytes
        read[device].layers += 1
        read[device].involved_layers += past.involved
    return {device: part for device, part in read.items() if part.total_bytes}


def read_by_rank(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    tensor_parallel: int,
) -> DeviceRead:
    """What a step reads on one of ``tensor_parallel`` ranks, all its stages together, as in vLLM.

    Weights are cut evenly. Keys and values are cut by heads; where there are fewer heads than ranks, and
    for latent attention, which has no heads to cut, ranks hold copies.
    """
    weights = sum(_weights_bytes(architecture, checkpoint, workload.concurrent_sequences))
    pasts = _pasts(architecture, workload, serving)
    cache = sum(
        pasts[id(layer)].cache_bytes * _rank_share(layer, tensor_parallel) for layer in architecture.layers
    )
    involved = sum(pasts[id(layer)].involved for layer in architecture.layers)
    return DeviceRead(weights / tensor_parallel, cache, architecture.layer_count, involved)


@dataclass(frozen=True, slots=True)
class _Past:
    """What a step reads of the past in one kind of layer, and whether that kind costs more."""

    cache_bytes: float
    involved: bool


def _weights_bytes(architecture: Architecture, checkpoint: Checkpoint, sequences: int) -> list[float]:
    """What a step reads of each layer's weights and, last, of those outside the layers.

    A plan asks for this hundreds of times, over hundreds of tensors: hence one plain loop.
    """
    dense = [0] * (architecture.layer_count + 1)
    routed = dense.copy()
    tied, vocabulary = architecture.tied_embeddings, architecture.vocabulary_size
    for tensor in checkpoint.tensors:
        role, layer = tensor.role, tensor.layer
        if layer is not None:
            (routed if role in EXPERT_ROLES else dense)[layer] += tensor.stored_bytes
        elif role == "token_embedding":
            # A row of it is looked up, unless it is the output projection too.
            dense[-1] += tensor.stored_bytes if tied else 0
        elif role != "per_layer_input" or tensor.shape[0] < vocabulary:
            dense[-1] += tensor.stored_bytes
    distinct = {id(layer): layer for layer in architecture.layers}
    shares = {key: _visited_share(layer, sequences) for key, layer in distinct.items()}
    visited = [shares[id(layer)] for layer in architecture.layers]
    return [*(d + r * v for d, r, v in zip(dense, routed, visited, strict=False)), float(dense[-1])]


def _visited_share(layer: Layer, sequences: int) -> float:
    """The share of a layer's experts that so many sequences visit, if each picks freely."""
    block = layer.feed_forward
    alone = block.active / block.total if isinstance(block, Experts) else 1.0
    return 1 - (1 - alone) ** sequences


def _pasts(architecture: Architecture, workload: Workload, serving: Serving) -> dict[int, _Past]:
    """What a step reads of the past of all sequences, each at its full context, by the layer object's id.

    Equal layers are one shared object, so that a few are computed.
    """
    distinct = {id(layer): layer for layer in architecture.layers}
    return {
        key: _Past(_cache_bytes(layer, workload, serving), _is_involved(layer))
        for key, layer in distinct.items()
    }


def _cache_bytes(layer: Layer, workload: Workload, serving: Serving) -> float:
    tokens = cached_tokens(layer, workload.context_tokens)
    one = tokens * kv_bytes_per_token(layer, serving.kv_cache_type) + recurrent_state_bytes(layer)
    return float(one * workload.concurrent_sequences)


def _is_involved(layer: Layer) -> bool:
    return isinstance(layer.feed_forward, Experts) or isinstance(layer.attention, LatentAttention)


def _rank_share(layer: Layer, tensor_parallel: int) -> float:
    heads = getattr(layer.attention, "kv_heads", 0) or getattr(layer.attention, "value_heads", 0)
    return max(1 / tensor_parallel, 1 / heads) if heads else 1.0
