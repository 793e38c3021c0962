"""A GGUF file with the real shapes and types of a model, and nothing but zeros in its tensors.

The file is sparse: a few megabytes of disk hold a header with a model of any size behind it. llama.cpp loads
it, maps it and answers (nonsense), and what it allocates is what the real model takes. The tokenizer is
borrowed from another GGUF file and padded to the vocabulary. Speed of such a file says nothing; neither does
what it writes.

Layout after https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, keys after llama.cpp's ``gguf-py``
(``constants.py``) and its converters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from deploy.architectures.shape import Attention, Experts, FeedForward, LatentAttention, LinearAttention

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import Checkpoint

ALIGNMENT: Final = 32
_MAGIC: Final = b"GGUF"
_VERSION: Final = 3

# Value types of GGUF.
_U32, _F32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_I32: Final = 5
_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_UNUSED_TOKEN: Final = 5

# enum ggml_type, ggml/include/ggml.h
TYPE_NUMBERS: Final = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q5_0": 6,
    "Q5_1": 7,
    "Q8_0": 8,
    "Q2_K": 10,
    "Q3_K": 11,
    "Q4_K": 12,
    "Q5_K": 13,
    "Q6_K": 14,
    "IQ4_NL": 20,
    "IQ3_S": 21,
    "IQ4_XS": 23,
    "BF16": 30,
    "MXFP4": 39,
}

# GGUF's names of the architectures that can be written.
GGUF_NAMES: Final = {
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen3_moe": "qwen3moe",
    "qwen3_next": "qwen3next",
    "llama": "llama",
    "deepseek_v2": "deepseek2",
    "deepseek_v3": "deepseek2",
    "gemma3": "gemma3",
    "gemma3_text": "gemma3",
    "gpt_oss": "gpt-oss",
}

Value = int | float | bool | str


@dataclass(frozen=True)
class Tokenizer:
    """What is borrowed: tokens and their types, and the merges of a byte-pair encoding."""

    tokens: list[bytes]
    kinds: list[int]
    merges: list[bytes]

    def padded(self, vocabulary_size: int) -> Tokenizer:
        """The same with as many tokens as the model has rows of embeddings."""
        missing = vocabulary_size - len(self.tokens)
        names = [b"<unused%d>" % number for number in range(missing)]
        kinds = self.kinds + [_UNUSED_TOKEN] * missing
        return Tokenizer(
            (self.tokens + names)[:vocabulary_size],
            kinds[:vocabulary_size],
            self.merges if missing >= 0 else [],
        )


def write_shape_gguf(
    path: Path, architecture: Architecture, checkpoint: Checkpoint, *, tokenizer: Tokenizer
) -> int:
    """Write the file; its length in bytes, nearly all of them a hole.

    Raises:
        KeyError: the architecture or a tensor's type has no name in GGUF here.
    """
    metadata = _metadata(architecture)
    padded = tokenizer.padded(architecture.vocabulary_size)
    with path.open("wb") as file:
        file.write(_MAGIC + struct.pack("<IQQ", _VERSION, len(checkpoint.tensors), len(metadata) + 8))
        for key, value in metadata.items():
            _write_pair(file, key, value)
        _write_tokenizer(file, padded)
        offset = 0
        for tensor in checkpoint.tensors:
            shape = tensor.shape[::-1]  # GGUF puts the contiguous dimension first
            _write_string(file, tensor.name.encode())
            file.write(struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            file.write(struct.pack("<IQ", TYPE_NUMBERS[tensor.kind], offset))
            offset += _aligned(tensor.stored_bytes)
        total = _aligned(file.tell()) + offset
        file.truncate(total)
    return total


def read_tokenizer(path: Path) -> Tokenizer:
    """The byte-pair tokenizer of a GGUF file.

    Raises:
        KeyError: it has none.
    """
    with path.open("rb") as file:
        file.seek(len(_MAGIC) + 4)
        _, pairs = struct.unpack("<QQ", file.read(16))
        found: dict[bytes, list[bytes] | list[int]] = {}
        for _ in range(pairs):
            key = _read_string(file)
            (kind,) = struct.unpack("<I", file.read(4))
            found[key] = _read_value(file, kind)
    tokens = [token for token in found[b"tokenizer.ggml.tokens"] if isinstance(token, bytes)]
    kinds = [kind for kind in found[b"tokenizer.ggml.token_type"] if isinstance(kind, int)]
    merges = [merge for merge in found[b"tokenizer.ggml.merges"] if isinstance(merge, bytes)]
    return Tokenizer(tokens, kinds, merges)


def _metadata(architecture: Architecture) -> dict[str, Value]:
    name = GGUF_NAMES[architecture.model_type]
    attention = architecture.layers[-1].attention
    values: dict[str, Value] = {
        "block_count": architecture.layer_count,
        "context_length": architecture.max_context_tokens,
        "embedding_length": architecture.hidden_size,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 10_000.0,
        "vocab_size": architecture.vocabulary_size,
    }
    if isinstance(attention, LatentAttention):
        values |= _latent(attention)
    elif isinstance(attention, Attention):
        values |= {
            "attention.head_count": attention.heads,
            "attention.head_count_kv": attention.kv_heads,
            "attention.key_length": attention.key_dim,
            "attention.value_length": attention.value_dim,
            "rope.dimension_count": attention.key_dim,
        }
        windows = {getattr(layer.attention, "window_tokens", 0) for layer in architecture.layers} - {0}
        if windows:
            values["attention.sliding_window"] = max(windows)
    for layer in architecture.distinct_layers:
        if isinstance(layer.attention, LinearAttention):
            values |= _linear(layer.attention)
    values |= _feed_forward(architecture)
    return {"general.architecture": name} | {f"{name}.{key}": value for key, value in values.items()}


def _latent(attention: LatentAttention) -> dict[str, Value]:
    """The cache holds one head of compressed keys, whose first part is the values too."""
    ranks: dict[str, Value] = {"attention.q_lora_rank": attention.query_rank} if attention.query_rank else {}
    return ranks | {
        "attention.head_count": attention.heads,
        "attention.head_count_kv": 1,
        "attention.kv_lora_rank": attention.kv_rank,
        "attention.key_length": attention.kv_rank + attention.rope_dim,
        "attention.value_length": attention.kv_rank,
        "attention.key_length_mla": attention.nope_dim + attention.rope_dim,
        "attention.value_length_mla": attention.value_dim,
        "rope.dimension_count": attention.rope_dim,
    }


def _linear(attention: LinearAttention) -> dict[str, Value]:
    """llama.cpp knows a gated delta network by the words of state space models."""
    return {
        "ssm.conv_kernel": attention.conv_kernel,
        "ssm.state_size": attention.key_dim,
        "ssm.group_count": attention.key_heads,
        "ssm.time_step_rank": attention.value_heads,
        "ssm.inner_size": attention.value_heads * attention.value_dim,
    }


def _feed_forward(architecture: Architecture) -> dict[str, Value]:
    blocks = [layer.feed_forward for layer in architecture.layers]
    dense = [block for block in blocks if isinstance(block, FeedForward)]
    experts = [block for block in blocks if isinstance(block, Experts)]
    width = (
        dense[0].intermediate_size if dense else experts[0].intermediate_size
    )  # the key is required, and unused where no layer is dense
    values: dict[str, Value] = {"feed_forward_length": width}
    if not experts:
        return values
    first = experts[0]
    values |= {
        "expert_count": first.total,
        "expert_used_count": first.active,
        "expert_feed_forward_length": first.intermediate_size,
        "expert_weights_scale": 1.0,
        "expert_gating_func": 1,  # softmax
    }
    if first.shared_intermediate_size:
        values["expert_shared_count"] = first.shared_intermediate_size // first.intermediate_size
        values["expert_shared_feed_forward_length"] = first.shared_intermediate_size
    if dense:
        values["leading_dense_block_count"] = len(dense)
    return values


def _write_tokenizer(file: BinaryIO, tokenizer: Tokenizer) -> None:
    _write_pair(file, "tokenizer.ggml.model", "gpt2")
    _write_pair(file, "tokenizer.ggml.pre", "qwen2")
    _write_key(file, "tokenizer.ggml.tokens", _ARRAY)
    _write_strings(file, tokenizer.tokens)
    _write_key(file, "tokenizer.ggml.token_type", _ARRAY)
    file.write(struct.pack("<IQ", _I32, len(tokenizer.kinds)))
    file.write(struct.pack(f"<{len(tokenizer.kinds)}i", *tokenizer.kinds))
    _write_key(file, "tokenizer.ggml.merges", _ARRAY)
    _write_strings(file, tokenizer.merges)
    _write_pair(file, "tokenizer.ggml.bos_token_id", 1)
    _write_pair(file, "tokenizer.ggml.eos_token_id", 2)
    _write_pair(file, "general.alignment", ALIGNMENT)


def _write_pair(file: BinaryIO, key: str, value: Value) -> None:
    if isinstance(value, str):
        _write_key(file, key, _STRING)
        _write_string(file, value.encode())
    elif isinstance(value, bool):
        _write_key(file, key, _BOOL)
        file.write(struct.pack("<?", value))
    elif isinstance(value, int):
        _write_key(file, key, _U32)
        file.write(struct.pack("<I", value))
    else:
        _write_key(file, key, _F32)
        file.write(struct.pack("<f", value))


def _write_key(file: BinaryIO, key: str, kind: int) -> None:
    _write_string(file, key.encode())
    file.write(struct.pack("<I", kind))


def _write_strings(file: BinaryIO, strings: list[bytes]) -> None:
    file.write(struct.pack("<IQ", _STRING, len(strings)))
    for string in strings:
        _write_string(file, string)


def _write_string(file: BinaryIO, string: bytes) -> None:
    file.write(struct.pack("<Q", len(string)) + string)


def _read_string(file: BinaryIO) -> bytes:
    (length,) = struct.unpack("<Q", file.read(8))
    return file.read(length)


def _read_value(file: BinaryIO, kind: int) -> list[bytes] | list[int]:
    """An array's elements; a lone value as a list of one."""
    count = 1
    if kind == _ARRAY:
        kind, count = struct.unpack("<IQ", file.read(12))
    if kind == _STRING:
        return [_read_string(file) for _ in range(count)]
    code = f"<{count}{_SCALARS[kind]}"
    return list(struct.unpack(code, file.read(struct.calcsize(code))))


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT
