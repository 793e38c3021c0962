"""A GGUF file's header: metadata, and where each tensor lies with its type and bytes.

It follows the specification in ggml's docs/gguf.md. It reads no tensor, and
makes nothing of names or metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.checkpoints.gguf_values import GgufCursor
from deploy.quantizations.block_types import BLOCK_TYPES, stored_bytes
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.checkpoints.byte_source import ByteSource

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = frozenset({2, 3})
_DEFAULT_ALIGNMENT: Final = 32
_MOST_DIMENSIONS: Final = 4  # GGML_MAX_DIMS of ggml.h
# A metadata entry has at least a key's length, a type and a byte; a tensor its name's length, the number of
# dimensions, a type and an offset.
_SMALLEST_ENTRY_BYTES: Final = 13
_SMALLEST_TENSOR_BYTES: Final = 24
_LFS_POINTER: Final = b"version https://git-lfs"
_DOWNLOAD_HINT: Final = "fetch the file again; it is incomplete or damaged"

# ggml.h, enum ggml_type. 4, 5, 31 to 33 and 36 to 38 were types that no reader supports any more.
GGML_TYPES: Final = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    9: "Q8_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    29: "IQ1_M",
    30: "BF16",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
    42: "Q2_0",
}


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor of a file.

    Attributes:
        shape: rows first, the reverse of the file's order.
        kind: ggml's name of its type.
        offset_bytes: from the start of the data.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    offset_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A header, checked against the file's length; or those of all parts of a split file together.

    Attributes:
        metadata: numbers, bools and strings as such, short arrays as tuples, long ones as an ``ArrayLength``.
        data_offset: where the first file's tensors begin.
        file_bytes: the whole length, of all parts.
    """

    version: int
    metadata: Mapping[str, object]
    tensors: tuple[GgufTensor, ...]
    data_offset: int
    file_bytes: int


def read_gguf(source: ByteSource) -> GgufFile:
    """Read and check one file's header.

    Raises:
        WeightsError: it is no GGUF file, one that no engine here reads, damaged, or shorter than its tensors.
    """
    cursor = GgufCursor(source)
    _check_magic(source)
    cursor.position_bytes = len(_MAGIC)
    version = _version(cursor, source.name)
    tensor_count = cursor.count("tensors", smallest_bytes=_SMALLEST_TENSOR_BYTES)
    metadata = _metadata(cursor)
    alignment = _alignment(metadata, cursor)
    tensors = _tensors(cursor, tensor_count)
    data_offset = -(-cursor.position_bytes // alignment) * alignment
    file = GgufFile(version, metadata, tensors, data_offset, source.size_bytes())
    _check_data(file, source.name)
    return file


def _check_magic(source: ByteSource) -> None:
    size_bytes = source.size_bytes()
    start = source.read(0, min(size_bytes, len(_LFS_POINTER)))
    if start.startswith(_MAGIC):
        return
    if start == _LFS_POINTER:
        raise WeightsError(
            f"{source.name} is a Git LFS pointer, not the file itself", hint="git lfs pull, in its folder"
        )
    raise WeightsError(
        f"{source.name} is no GGUF file: it starts with {start[:4]!r}, and GGUF with {_MAGIC!r}",
        hint="give a .gguf file, or a folder with config.json and .safetensors files",
    )


def _version(cursor: GgufCursor, name: str) -> int:
    version = cursor.u32()
    if version in _VERSIONS:
        return version
    if version & 0xFFFF == 0:
        raise WeightsError(
            f"{name} is a big-endian GGUF file, and only little-endian ones are read",
            hint="convert it with gguf-py's gguf_convert_endian.py, or fetch a little-endian file",
        )
    raise WeightsError(
        f"{name} has GGUF version {version}, and versions 2 and 3 are read",
        hint="convert the model again with a current llama.cpp",
    )


def _metadata(cursor: GgufCursor) -> dict[str, object]:
    metadata: dict[str, object] = {}
    for _ in range(cursor.count("metadata entries", smallest_bytes=_SMALLEST_ENTRY_BYTES)):
        key = cursor.string("a metadata key")
        if key in metadata:
            raise cursor.damaged(f"the metadata key {key!r} appears twice")
        metadata[key] = cursor.value(key)
    return metadata


def _alignment(metadata: Mapping[str, object], cursor: GgufCursor) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        raise cursor.damaged(f"general.alignment is {alignment!r}, and a power of two is needed")
    return alignment


def _tensors(cursor: GgufCursor, count: int) -> tuple[GgufTensor, ...]:
    tensors: dict[str, GgufTensor] = {}
    for _ in range(count):
        tensor = _tensor(cursor)
        if tensor.name in tensors:
            raise cursor.damaged(f"the tensor {tensor.name!r} appears twice")
        tensors[tensor.name] = tensor
    return tuple(tensors.values())


def _tensor(cursor: GgufCursor) -> GgufTensor:
    name = cursor.string("a tensor's name")
    dimensions = cursor.u32()
    if dimensions > _MOST_DIMENSIONS:
        raise cursor.damaged(
            f"{name} has {dimensions:,} dimensions, and at most {_MOST_DIMENSIONS} are possible"
        )
    shape = tuple(cursor.u64() for _ in range(dimensions))[::-1]
    number, offset_bytes = cursor.u32(), cursor.u64()
    kind = GGML_TYPES.get(number)
    if kind is None:
        raise WeightsError(
            f"{name} has the ggml type {number}, which is none of llama.cpp's as of its Q2_0 (42)",
            hint="fetch a file in another quantization, such as Q4_K_M",
        )
    columns = shape[-1] if shape else 1
    if columns % BLOCK_TYPES[kind].weights:
        raise cursor.damaged(
            f"{name} has rows of {columns:,} elements, and {kind} has blocks of {BLOCK_TYPES[kind].weights}"
        )
    return GgufTensor(name, shape, kind, offset_bytes, stored_bytes(shape, kind))


def _check_data(file: GgufFile, name: str) -> None:
    """Each tensor within the file, and all together no more than it: a tensor may not be told twice."""
    available_bytes = file.file_bytes - file.data_offset
    last_byte = max((tensor.offset_bytes + tensor.stored_bytes for tensor in file.tensors), default=0)
    needed_bytes = max(last_byte, sum(tensor.stored_bytes for tensor in file.tensors))
    if needed_bytes > max(available_bytes, 0):
        raise WeightsError(
            f"{name} has {file.file_bytes:,} bytes, and its tensors need {file.data_offset + needed_bytes:,}",
            hint=_DOWNLOAD_HINT,
        )
