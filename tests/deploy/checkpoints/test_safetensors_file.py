"""Safetensors headers and indexes: small ones written here, damaged and hostile ones."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.byte_source import LocalFile
from deploy.checkpoints.safetensors_file import (
    SafetensorsTensor,
    join_shards,
    parse_index,
    read_safetensors,
)
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.checkpoints.safetensors_file import SafetensorsFile


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], SafetensorsFile]:
    """Read bytes as a file."""

    def read_bytes(data: bytes) -> SafetensorsFile:
        path = tmp_path / "model.safetensors"
        path.write_bytes(data)
        return read_safetensors(LocalFile(path))

    return read_bytes


def file_of(header: object, data_bytes: int = 0) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(data_bytes)


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_every_tensor_is_read_with_its_bytes(
    read: Callable[[bytes], SafetensorsFile], write_safetensors: Callable[..., bytes]
) -> None:
    data = write_safetensors({"a.weight": ("BF16", (4, 3)), "b": ("F32", ()), "c.qweight": ("I32", (2, 2))})

    file = read(data)

    assert file.tensors == (
        SafetensorsTensor("a.weight", "BF16", (4, 3), 24),
        SafetensorsTensor("b", "F32", (), 4),
        SafetensorsTensor("c.qweight", "I32", (2, 2), 16),
    )
    assert file.file_bytes == len(data)


def test_types_of_less_than_a_byte_are_counted_in_bits(read: Callable[[bytes], SafetensorsFile]) -> None:
    file = read(file_of({"w": entry("F4", [4, 32], [0, 64]), "v": entry("F6_E2M3", [4], [64, 67])}, 67))

    assert [tensor.stored_bytes for tensor in file.tensors] == [64, 3]


def test_a_truncated_file_says_what_is_missing(
    read: Callable[[bytes], SafetensorsFile], write_safetensors: Callable[..., bytes]
) -> None:
    data = write_safetensors({"a": ("F32", (100,))})

    with pytest.raises(WeightsError, match="holds 399 bytes of tensors, and its header tells of 400"):
        read(data[:-1])
    for length in (0, 3, 8, 40):
        with pytest.raises(WeightsError):
            read(data[:length])


@pytest.mark.parametrize(
    ("header", "data_bytes"),
    [
        (b"[" * 100_000, 0),
        (b'{"a": 1', 0),
        (b"\xff\xfe", 0),
        (b"[]", 0),
        (b'{"a": ' + b"9" * 5000 + b"}", 0),
        (b'{"w": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}, "w": {}}', 8),
        ({"w": 3}, 0),
        ({"w": entry(dtype="F99")}, 8),
        ({"w": entry(dtype=["F32"])}, 8),
        ({"w": entry(shape=[-2])}, 8),
        ({"w": entry(shape=[True, 2])}, 8),
        ({"w": entry(shape=[2.0])}, 8),
        ({"w": entry(shape=[1] * 100)}, 8),
        ({"w": entry(shape=[2**70])}, 8),
        ({"w": entry(shape=[2**62, 2**62])}, 8),
        ({"w": entry(shape="2")}, 8),
        ({"w": entry(shape=[3])}, 8),
        ({"w": entry(offsets=[8, 0])}, 8),
        ({"w": entry(offsets=[0])}, 8),
        ({"w": entry(offsets=None)}, 8),
        ({"w": entry(), "v": entry()}, 8),
        ({"w": entry(), "v": entry(offsets=[12, 20])}, 20),
    ],
)
def test_headers_that_cannot_be_right_are_refused(
    read: Callable[[bytes], SafetensorsFile], header: object, data_bytes: int
) -> None:
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be used"):
        read(file_of(header, data_bytes))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 100_000_001, 5000])
def test_a_header_longer_than_the_file_or_the_format_allows_is_not_read(
    read: Callable[[bytes], SafetensorsFile], length: int
) -> None:
    with pytest.raises(WeightsError, match="announces a header of"):
        read(struct.pack("<Q", length) + bytes(100))


def test_an_index_joins_its_shards(tmp_path: Path, write_safetensors: Callable[..., bytes]) -> None:
    shards = {"one.safetensors": {"a": ("F32", (2,))}, "two.safetensors": {"b": ("F32", (3,))}}
    for name, tensors in shards.items():
        (tmp_path / name).write_bytes(write_safetensors(tensors))
    weight_map = {"a": "one.safetensors", "b": "two.safetensors"}
    index = parse_index(json.dumps({"metadata": {"total_size": 20}, "weight_map": weight_map}).encode(), "i")

    files = {name: read_safetensors(LocalFile(tmp_path / name)) for name in index.shards}
    file = join_shards(index, files, "i")

    assert index.total_bytes == sum(tensor.stored_bytes for tensor in file.tensors) == 20
    assert file.file_bytes == sum((tmp_path / name).stat().st_size for name in shards)


def test_a_tensor_that_no_shard_holds_is_named(
    tmp_path: Path, write_safetensors: Callable[..., bytes]
) -> None:
    (tmp_path / "one.safetensors").write_bytes(write_safetensors({"a": ("F32", (2,))}))
    index = parse_index(b'{"weight_map": {"gone": "one.safetensors"}}', "the index")

    with pytest.raises(WeightsError, match=r"one\.safetensors lacks gone, which the index says it holds"):
        join_shards(
            index, {"one.safetensors": read_safetensors(LocalFile(tmp_path / "one.safetensors"))}, "the index"
        )


@pytest.mark.parametrize(
    "file",
    [
        "../secret.safetensors",
        "/etc/x.safetensors",
        "https://evil.example/x.safetensors",
        "x.bin",
        7,
        "a\\b.safetensors",
    ],
)
def test_an_index_cannot_lead_out_of_its_folder(file: object) -> None:
    with pytest.raises(WeightsError, match=r"which is no \.safetensors file beside it"):
        parse_index(json.dumps({"weight_map": {"a": file}}).encode(), "the index")


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"weight_map": []}', b'{"weight_map": {}}', b"nonsense"])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    with pytest.raises(WeightsError, match="the index cannot be used"):
        parse_index(text, "the index")
