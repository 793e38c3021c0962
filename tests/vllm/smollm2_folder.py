"""The bundled model as a folder in Hugging Face's layout, because vLLM serves no GGUF file on a CPU.

Weights are those of the GGUF file, turned from its blocks into bfloat16; the tokenizer and the chat template
are its own too. Only what that one file holds is read: a Llama, Q4_1 and Q8_0 blocks, a GPT-2 tokenizer.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import filelock
import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from deploy.checkpoints.byte_source import LocalFile
from deploy.checkpoints.gguf_file import read_gguf
from deploy.checkpoints.gguf_values import GgufCursor
from deploy.download import sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deploy.checkpoints.gguf_file import GgufFile, GgufTensor
    from deploy.weights import WeightsFile

_NAME: Final = "SmolLM2-135M-Instruct"
_ORIGIN: Final = "converted.json"

# llama.cpp's names of a Llama's tensors, gguf-py/gguf/constants.py, beside those of transformers.
_LAYER_TENSORS: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OTHER_TENSORS: Final = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
}

_STRING_LISTS: Final = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")


def smollm2_folder(weights: WeightsFile) -> Path:
    """The folder beside the bundled GGUF file, made where it is not there or was made by another version.

    Args:
        weights: the bundled model, as ``pull_bundled`` gives it.
    """
    folder = weights.path.parent / _NAME
    origin = {"gguf": weights.sha256, "converter": sha256_of(Path(__file__))}
    with filelock.FileLock(folder.with_suffix(".lock")):
        if not _is_made_from(folder, origin):
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="converting-") as draft:
                whole = Path(draft) / _NAME
                whole.mkdir()
                _convert(weights.path, whole)
                (whole / _ORIGIN).write_text(json.dumps(origin), encoding="utf-8")
                whole.rename(folder)
    return folder


def _is_made_from(folder: Path, origin: dict[str, str]) -> bool:
    try:
        return bool(json.loads((folder / _ORIGIN).read_text(encoding="utf-8")) == origin)
    except (OSError, ValueError):
        return False


def _convert(path: Path, folder: Path) -> None:
    file = read_gguf(LocalFile(path))
    _write_json(folder / "config.json", _config(file))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(file))
    _tokenizer(path).save(str(folder / "tokenizer.json"))
    tensors = {
        _transformers_name(tensor.name): _bfloat16(_in_transformers_order(tensor, values, file))
        for tensor, values in ((tensor, _values(path, file, tensor)) for tensor in file.tensors)
    }
    _write_safetensors(folder / "model.safetensors", tensors)


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def _config(file: GgufFile) -> dict[str, Any]:
    shape = {
        key.removeprefix("llama."): value for key, value in file.metadata.items() if key.startswith("llama.")
    }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": shape["embedding_length"],
        "intermediate_size": shape["feed_forward_length"],
        "num_hidden_layers": shape["block_count"],
        "num_attention_heads": shape["attention.head_count"],
        "num_key_value_heads": shape["attention.head_count_kv"],
        "head_dim": shape["rope.dimension_count"],
        "max_position_embeddings": shape["context_length"],
        "rms_norm_eps": shape["attention.layer_norm_rms_epsilon"],
        "rope_theta": shape["rope.freq_base"],
        "tie_word_embeddings": True,
        "vocab_size": shape["vocab_size"],
        "bos_token_id": file.metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": file.metadata["tokenizer.ggml.eos_token_id"],
        "pad_token_id": file.metadata["tokenizer.ggml.padding_token_id"],
    }


def _tokenizer_config(file: GgufFile) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "model_max_length": file.metadata["llama.context_length"],
        "chat_template": file.metadata["tokenizer.chat_template"],
    }


def _tokenizer(path: Path) -> Tokenizer:
    """GPT-2's byte pairs with each digit a token of its own: what llama.cpp calls the ``smollm`` kind."""
    lists = _string_lists(path)
    tokens = lists["tokenizer.ggml.tokens"]
    merges = [(left, right) for left, right in (pair.split(" ") for pair in lists["tokenizer.ggml.merges"])]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    digits = pre_tokenizers.Split(Regex(r"\p{N}"), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token in tokens if re.fullmatch(r"<[|\w]+>", token)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def _string_lists(path: Path) -> dict[str, list[str]]:
    """The vocabulary and its merges, which ``read_gguf`` only counts."""
    cursor = GgufCursor(LocalFile(path))
    cursor.position_bytes = 8  # the magic bytes and the version, which read_gguf has checked
    cursor.u64()  # tensors
    found: dict[str, list[str]] = {}
    for _ in range(cursor.u64()):
        key = cursor.string("a key")
        if key in _STRING_LISTS:
            cursor.u32()  # an array
            cursor.u32()  # of strings
            found[key] = [cursor.string(key) for _ in range(cursor.u64())]
        else:
            cursor.value(key)
    return found


def _transformers_name(name: str) -> str:
    if name in _OTHER_TENSORS:
        return _OTHER_TENSORS[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_LAYER_TENSORS[part]}.weight"


def _values(path: Path, file: GgufFile, tensor: GgufTensor) -> NDArray[np.float32]:
    data = LocalFile(path).read(file.data_offset + tensor.offset_bytes, tensor.stored_bytes)
    return _UNPACK[tensor.kind](data).reshape(tensor.shape)


def _float32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, np.float32)


def _q8_0(data: bytes) -> NDArray[np.float32]:
    """Blocks of a scale and 32 bytes: ``block_q8_0`` of llama.cpp's ggml-common.h."""
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("weights", "i1", 32)]))
    values: NDArray[np.float32] = blocks["scale"].astype(np.float32)[:, None] * blocks["weights"]
    return values


def _q4_1(data: bytes) -> NDArray[np.float32]:
    """Blocks of a scale, a minimum and 16 bytes, the low halves before the high ones: ``block_q4_1``."""
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("halves", "u1", 16)]))
    weights = np.concatenate([blocks["halves"] & 0xF, blocks["halves"] >> 4], axis=1)
    scale, minimum = (blocks[part].astype(np.float32)[:, None] for part in ("scale", "minimum"))
    values: NDArray[np.float32] = scale * weights + minimum
    return values


_UNPACK: Final = {"F32": _float32, "Q8_0": _q8_0, "Q4_1": _q4_1}


def _in_transformers_order(
    tensor: GgufTensor, values: NDArray[np.float32], file: GgufFile
) -> NDArray[np.float32]:
    """Rotary pairs lie side by side in llama.cpp, half a head apart in transformers.

    llama.cpp's conversion/llama.py swaps the rows of queries and keys; this swaps them back.
    """
    part = tensor.name.split(".")[-2]
    if part not in {"attn_q", "attn_k"}:
        return values
    head = file.metadata["llama.rope.dimension_count"]
    assert isinstance(head, int)
    rows, columns = tensor.shape
    return values.reshape(rows // head, head // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper half of each number, rounded to the nearest, ties to even; numpy has no such type."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def _write_safetensors(path: Path, tensors: dict[str, NDArray[np.uint16]]) -> None:
    """A length, a JSON header padded with spaces to 8 bytes, and the data: the format's README."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in tensors.values():
            file.write(tensor.tobytes())
