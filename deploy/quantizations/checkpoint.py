"""A checkpoint computed from an architecture and a quantization, tensor by tensor, where no file is at hand.

It joins the architecture's tensors with llama.cpp's mixes or a packed format. Headers, tokenizers and
alignment are not counted: 4 to 14 MB of a GGUF file, by the size of its vocabulary. A real file's header
beats what is computed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from deploy.architectures.shape import LatentAttention
from deploy.architectures.tensor import Tensor
from deploy.architectures.tensors import tensors
from deploy.checkpoint import Checkpoint, StoredTensor
from deploy.quantizations.block_types import stored_bytes
from deploy.quantizations.gguf_mix import ggml_types
from deploy.quantizations.packed import PACKINGS, is_packed
from deploy.quantizations.quantization import find_quantization

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import FileFormat
    from deploy.quantizations.quantization import Quantization


@lru_cache(maxsize=1024)  # a plan asks for the same few dozen again and again
def compute_checkpoint(
    architecture: Architecture,
    quantization: str,
    *,
    file_format: FileFormat | None = None,
    attention_value_type: str = "",
    joined_kv_b: bool = False,
    separate_output: bool = False,
    weight_bits: int = 0,
    group_size: int = 0,
) -> Checkpoint:
    """The tensors of an architecture in a quantization, with their bytes.

    Names are the architecture's, which are GGUF's, in safetensors too; a layer's experts are one tensor.

    Args:
        architecture: the model's shape.
        quantization: a name that ``find_quantization`` knows.
        file_format: where both have that name: F32, F16, BF16 and MXFP4.
        attention_value_type: a ggml type for every ``attn_v`` in place of the mix's own; Ollama's builds of
            Qwen3 keep it in F16.
        joined_kv_b: latent attention's expansion is one tensor, as in GGUF files from before llama.cpp
            computed with the compressed vector (May 2025). Ollama's ``deepseek-r1:671b`` is such a file.
        separate_output: a GGUF file holds the output projection beside an embedding that is tied to it, as
            Ollama's ``qwen3:0.6b`` and ``qwen3:1.7b`` do.
        weight_bits: of a packed weight, in place of the format's usual 4 (GPTQ comes in 2, 3 and 8 bits too).
        group_size: weights that share a scale, in place of the format's usual number.

    Raises:
        PlanError: the quantization is unknown.
    """
    chosen = find_quantization(quantization, file_format)
    if chosen.file_format == "gguf":
        if separate_output:
            architecture = replace(architecture, tied_embeddings=False)
        stored = _gguf_tensors(architecture, chosen, attention_value_type, joined_kv_b=joined_kv_b)
        source = "computed from the architecture and llama.cpp's rules for this mix"
    else:
        stored = _safetensors_tensors(architecture, chosen, weight_bits, group_size)
        source = "computed from the architecture and the format's bits per weight"
    return Checkpoint(
        quantization=chosen.name,
        file_format=chosen.file_format,
        tensors=stored,
        file_bytes=sum(tensor.stored_bytes for tensor in stored),
        exact=False,
        source=source,
    )


def _gguf_tensors(
    architecture: Architecture, quantization: Quantization, attention_value_type: str, *, joined_kv_b: bool
) -> tuple[StoredTensor, ...]:
    listed = tensors(architecture)
    if joined_kv_b:
        listed = tuple(_joined(tensor, architecture) for tensor in listed if tensor.role != "latent_k_b")
    types = ggml_types(architecture, quantization.name, quantization.base_type, listed)
    if attention_value_type:
        types = [
            attention_value_type if tensor.role == "attention_v" else kind
            for tensor, kind in zip(listed, types, strict=True)
        ]
    sizes = {
        key: stored_bytes(*key) for key in {(t.shape, kind) for t, kind in zip(listed, types, strict=True)}
    }
    return tuple(
        StoredTensor(t.name, t.shape, t.role, t.layer, kind, sizes[t.shape, kind])
        for t, kind in zip(listed, types, strict=True)
    )


def _joined(tensor: Tensor, architecture: Architecture) -> Tensor:
    """The tensor, or in place of ``attn_v_b`` the one that holds ``attn_k_b`` as well."""
    if tensor.role != "latent_v_b" or tensor.layer is None:
        return tensor
    attention = architecture.layers[tensor.layer].attention
    if not isinstance(attention, LatentAttention):
        return tensor
    rows = attention.heads * (attention.nope_dim + attention.value_dim)
    name = tensor.name.replace("attn_v_b", "attn_kv_b")
    return Tensor(name, (rows, attention.kv_rank), tensor.role, tensor.layer)


def _safetensors_tensors(
    architecture: Architecture, quantization: Quantization, weight_bits: int, group_size: int
) -> tuple[StoredTensor, ...]:
    """Rotary factors are computed when such a checkpoint is loaded, and stand in no file."""
    packing = PACKINGS[quantization.base_type]
    if packing.packs and (weight_bits or group_size):
        packing = replace(
            packing,
            weight_bits=weight_bits or packing.weight_bits,
            group=group_size if group_size and packing.group else packing.group,
        )
    plain = PACKINGS["BF16"] if packing.packs else packing
    mixture = architecture.is_mixture
    sizes: dict[tuple[tuple[int, ...], bool], int] = {}
    stored = []
    for tensor in tensors(architecture):
        if tensor.role == "rope_factors":
            continue
        packed = is_packed(tensor, packing, mixture=mixture)
        form = packing if packed else plain
        key = (tensor.shape, packed)
        if key not in sizes:
            sizes[key] = form.stored_bytes(tensor.shape)
        stored.append(
            StoredTensor(tensor.name, tensor.shape, tensor.role, tensor.layer, form.kind, sizes[key])
        )
    return tuple(stored)
