"""A safetensors file's header, and the index of a model that is spread over several such files.

The format is eight bytes of length, a JSON object, and the tensors' bytes. It makes nothing of the names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final, TypeGuard

from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.checkpoints.byte_source import ByteSource

# safetensors/src/tensor.rs: MAX_HEADER_SIZE.
_MOST_HEADER_BYTES: Final = 100_000_000
_LENGTH_BYTES: Final = 8
_MOST_DIMENSIONS: Final = 16
_AGAIN_HINT: Final = "fetch the file again; it is incomplete or damaged"

# safetensors/src/tensor.rs: Dtype::bitsize.
DTYPE_BITS: Final = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}


@dataclass(frozen=True, slots=True)
class SafetensorsTensor:
    """One tensor of a file, its shape as the file tells it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """A header, checked against the file's length; or those of all shards together.

    Attributes:
        file_bytes: the whole length, of all shards.
    """

    tensors: tuple[SafetensorsTensor, ...]
    file_bytes: int


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """Which file holds which tensor: ``model.safetensors.index.json``.

    Attributes:
        total_bytes: what the index says that all tensors take; 0 where it does not.
    """

    weight_map: Mapping[str, str]
    total_bytes: int

    @property
    def shards(self) -> tuple[str, ...]:
        """Each file once, in order."""
        return tuple(sorted(set(self.weight_map.values())))


def read_safetensors(source: ByteSource) -> SafetensorsFile:
    """Read and check one file's header.

    Raises:
        WeightsError: it is no safetensors file, damaged, or shorter than its tensors.
    """
    file_bytes = source.size_bytes()
    if file_bytes < _LENGTH_BYTES:
        raise _damaged(source.name, f"it has {file_bytes} bytes")
    header_bytes = int.from_bytes(source.read(0, _LENGTH_BYTES), "little")
    if header_bytes > min(_MOST_HEADER_BYTES, file_bytes - _LENGTH_BYTES):
        raise _damaged(
            source.name,
            f"it announces a header of {header_bytes:,} bytes, has {file_bytes:,} itself, "
            f"and {_MOST_HEADER_BYTES:,} are allowed",
        )
    header = _json_object(source.read(_LENGTH_BYTES, header_bytes), source.name)
    data_bytes = file_bytes - _LENGTH_BYTES - header_bytes
    spans = [_tensor(name, entry, source.name) for name, entry in header.items() if name != "__metadata__"]
    _check_spans([span for _, span in spans], data_bytes, source.name)
    return SafetensorsFile(tuple(tensor for tensor, _ in spans), file_bytes)


def parse_index(text: bytes, name: str) -> ShardIndex:
    """Read the index of a sharded model.

    Raises:
        WeightsError: it is not what such an index is, or names files outside its own folder.
    """
    index = _json_object(text, name)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _damaged(name, "it has no weight_map")
    for tensor, file in weight_map.items():
        if not isinstance(file, str) or not file.endswith(".safetensors") or set(file) & set('/\\:?#"'):
            raise _damaged(
                name, f"{tensor} is said to be in {file!r}, which is no .safetensors file beside it"
            )
    metadata = index.get("metadata")
    total = metadata.get("total_size", 0) if isinstance(metadata, dict) else 0
    # Some are written as 1.5e10.
    usable = isinstance(total, (int, float)) and not isinstance(total, bool) and 0 <= total < 2**63
    return ShardIndex(weight_map, int(total) if usable else 0)


def join_shards(index: ShardIndex, files: Mapping[str, SafetensorsFile], name: str) -> SafetensorsFile:
    """All shards as one, every tensor from the shard that the index names.

    Raises:
        WeightsError: a shard lacks a tensor that it should hold.
    """
    found = {file_name: {tensor.name: tensor for tensor in file.tensors} for file_name, file in files.items()}
    tensors = []
    for tensor_name, file_name in index.weight_map.items():
        tensor = found[file_name].get(tensor_name)
        if tensor is None:
            raise WeightsError(
                f"{file_name} lacks {tensor_name}, which {name} says it holds",
                hint="fetch index and shards again, from one place",
            )
        tensors.append(tensor)
    return SafetensorsFile(tuple(tensors), sum(file.file_bytes for file in files.values()))


def _tensor(name: str, entry: object, file: str) -> tuple[SafetensorsTensor, tuple[int, int]]:
    if not isinstance(entry, dict):
        raise _damaged(file, f"the entry of {name} is {entry!r}")
    dtype, shape, span = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _damaged(file, f"{name} has the unknown dtype {dtype!r}")
    if not _are_counts(shape) or len(shape) > _MOST_DIMENSIONS:
        raise _damaged(file, f"{name} has the shape {shape!r}")
    if not _are_counts(span) or len(span) != 2:  # noqa: PLR2004  begin and end
        raise _damaged(file, f"{name} has the data_offsets {span!r}")
    start, end = span
    bits = prod(shape) * DTYPE_BITS[dtype]
    if (end - start) * 8 != bits:
        raise _damaged(
            file, f"{name} takes {end - start:,} bytes, and {dtype} of the shape {shape} {bits / 8:,.0f}"
        )
    return SafetensorsTensor(name, dtype, tuple(shape), end - start), (start, end)


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _check_spans(spans: list[tuple[int, int]], data_bytes: int, name: str) -> None:
    """The format has the tensors one after another, without holes, up to the end of the file."""
    position = 0
    for start, end in sorted(spans):
        if start != position:
            raise _damaged(
                name, f"its tensors leave a hole or overlap at byte {min(start, position):,} of the data"
            )
        position = end
    if position != data_bytes:
        raise _damaged(
            name, f"it holds {data_bytes:,} bytes of tensors, and its header tells of {position:,}"
        )


def _json_object(text: bytes, name: str) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name appears twice")
        return result

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets within brackets without end
        raise _damaged(name, f"its header or text is not the JSON that it should be ({error})") from error
    if not isinstance(value, dict):
        raise _damaged(name, "it holds no JSON object")
    return value


def _damaged(name: str, reason: str) -> WeightsError:
    return WeightsError(f"{name} cannot be used: {reason}", hint=_AGAIN_HINT)
