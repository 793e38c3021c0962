"""Where llama.cpp puts a GGUF file's tensors: bytes of each device, and the copies repacked for the CPU.

It knows devices only by name and knows nothing of caches or compute buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from deploy.architectures.tensor import EXPERT_ROLES
from deploy.serving import CPU
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import Checkpoint, StoredTensor
    from deploy.serving import Placement

# Read for each token by its number and never multiplied: llama.cpp keeps these on the CPU and does not repack
# them (src/llama-model.cpp: "input" tensors).
_INPUT_ROLES = frozenset({"token_embedding", "per_layer_input"})

# Types whose matrices llama.cpp copies into an order that its kernels read faster
# (ggml/src/ggml-cpu/repack.cpp, ggml_repack_get_optimal_repack_type): with AVX2, which xllamacpp's and
# Ollama's builds for x86 have; and elsewhere: Q2_K with AVX-512, the rest with ARM's int8 matrix
# instructions. In all of them rows must be a multiple of 8.
ALWAYS_REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
SOMEWHERE_REPACKED = ALWAYS_REPACKED | {"Q2_K", "Q5_K", "Q6_K", "Q8_0"}
_REPACKED_ROWS = 8

# Three-dimensional tensors are repacked only where experts are selected from them.
_EXPERT_DIMENSIONS = 3
_MATRIX_DIMENSIONS = 2

# The place of what stays on the CPU wherever the layers go; other places are layers' numbers.
_INPUT = -2


@dataclass(slots=True)
class DeviceWeights:
    """What one device holds.

    Attributes:
        layers: decoder layers on it, by number.
        stored_bytes: its tensors.
        always_repacked_bytes: those of them that are repacked on every CPU with AVX2 or NEON.
        somewhere_repacked_bytes: those that are repacked on some CPU.
        largest_matrix_bytes: of one tensor within its layers.
        copied_bytes: of ``stored_bytes``, what another device holds too: a tied embedding.
    """

    layers: list[int] = field(default_factory=list)
    has_output: bool = False
    stored_bytes: int = 0
    always_repacked_bytes: int = 0
    somewhere_repacked_bytes: int = 0
    largest_matrix_bytes: int = 0
    output_bytes: int = 0
    copied_bytes: int = 0


def weights_by_device(
    architecture: Architecture, checkpoint: Checkpoint, placement: Placement
) -> dict[str, DeviceWeights]:
    """Every tensor on its device; the CPU is always among them.

    Raises:
        PlanError: the checkpoint is not a GGUF file, or the placement has more layers than the model.
    """
    if checkpoint.file_format != "gguf":
        raise PlanError(
            f"llama.cpp loads GGUF files; {checkpoint.quantization} comes in {checkpoint.file_format} files",
            hint="stillroom plan --quant Q4_K_M",
        )
    owners = layer_devices(architecture.layer_count, placement)
    held = {device: DeviceWeights() for device in dict.fromkeys((CPU, *placement.devices))}
    for number, device in enumerate(owners[:-1]):
        held[device].layers.append(number)
    held[owners[-1]].has_output = True
    for place, weights in _weights_by_place(checkpoint).items():
        _add(held[CPU if place == _INPUT else owners[place]], weights)
    if architecture.tied_embeddings and owners[-1] != CPU:
        _copy_embedding(held[owners[-1]], checkpoint.tensors)
    return held


def layer_devices(layer_count: int, placement: Placement) -> list[str]:
    """The device of each layer and, last, of the output projection.

    The first layers stay on the CPU, the others go to the GPUs in order (src/llama-model.cpp,
    ``get_layer_buft_list``).

    Raises:
        PlanError: the placement has more layers than the model.

    Example:
        >>> from deploy.serving import Placement
        >>> layer_devices(3, Placement(gpus=(0, 1), gpu_layers=(1, 2)))
        ['cpu', 'gpu:0', 'gpu:1', 'gpu:1']
    """
    everything = layer_count + 1
    on_gpus = placement.layers_on_gpus()
    if on_gpus > everything or len(placement.gpu_layers) != len(placement.gpus):
        raise PlanError(
            f"the placement puts {on_gpus} layers on {len(placement.gpus)} GPUs; "
            f"the model has {layer_count} and an output projection",
            hint="stillroom plan --explain",
        )
    devices = [CPU] * (everything - on_gpus)
    for device, count in zip(placement.devices, placement.gpu_layers, strict=False):
        devices += [device] * count
    return devices


@lru_cache(maxsize=1024)  # a search for the best placement asks for the same tensors dozens of times
def _weights_by_place(checkpoint: Checkpoint) -> Mapping[int, DeviceWeights]:
    """What has to stay together: by layer, -1 for what follows the last one, ``_INPUT`` for the CPU's own."""
    places: dict[int, DeviceWeights] = {}
    for tensor in checkpoint.tensors:
        _hold(places.setdefault(_place_of(tensor), DeviceWeights()), tensor)
    return places


def _place_of(tensor: StoredTensor) -> int:
    if tensor.role in _INPUT_ROLES and tensor.layer is None:
        return _INPUT
    if tensor.role == "rope_factors":
        return 0  # a few hundred bytes for each device: counted once, where the layers begin
    return -1 if tensor.layer is None else tensor.layer


def _add(weights: DeviceWeights, more: DeviceWeights) -> None:
    weights.stored_bytes += more.stored_bytes
    weights.always_repacked_bytes += more.always_repacked_bytes
    weights.somewhere_repacked_bytes += more.somewhere_repacked_bytes
    weights.largest_matrix_bytes = max(weights.largest_matrix_bytes, more.largest_matrix_bytes)
    weights.output_bytes = more.output_bytes or weights.output_bytes


def _hold(weights: DeviceWeights, tensor: StoredTensor) -> None:
    stored = tensor.stored_bytes
    weights.stored_bytes += stored
    if tensor.role == "output":
        weights.output_bytes = stored
    if tensor.layer is not None:
        weights.largest_matrix_bytes = max(weights.largest_matrix_bytes, stored)
    if tensor.kind in SOMEWHERE_REPACKED and _is_multiplied(tensor):
        weights.somewhere_repacked_bytes += stored
        if tensor.kind in ALWAYS_REPACKED:
            weights.always_repacked_bytes += stored


def _is_multiplied(tensor: StoredTensor) -> bool:
    if (
        tensor.role in _INPUT_ROLES
        or len(tensor.shape) < _MATRIX_DIMENSIONS
        or tensor.shape[-2] % _REPACKED_ROWS
    ):
        return False
    return len(tensor.shape) < _EXPERT_DIMENSIONS or tensor.role in EXPERT_ROLES


def _copy_embedding(weights: DeviceWeights, tensors: Iterable[StoredTensor]) -> None:
    copied = sum(tensor.stored_bytes for tensor in tensors if tensor.role == "token_embedding")
    weights.copied_bytes = weights.output_bytes = copied
    weights.stored_bytes += copied
