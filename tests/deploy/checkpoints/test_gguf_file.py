"""GGUF headers: small ones written here, the bundled model's, damaged and hostile ones."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.byte_source import LocalFile
from deploy.checkpoints.gguf_file import GGML_TYPES, GgufTensor, read_gguf
from deploy.checkpoints.gguf_parts import part_names, read_split_gguf
from deploy.checkpoints.gguf_values import ArrayLength
from deploy.quantizations.block_types import BLOCK_TYPES
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.checkpoints.gguf_file import GgufFile
    from deploy.weights import WeightsFile

HUGE = 2**60


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], GgufFile]:
    """Read bytes as a file."""

    def read_bytes(data: bytes) -> GgufFile:
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        return read_gguf(LocalFile(path))

    return read_bytes


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(tensors: int = 0, entries: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries)


def test_the_bundled_models_header_accounts_for_every_byte_of_the_file(bundled_weights: WeightsFile) -> None:
    file = read_gguf(LocalFile(bundled_weights.path))

    stored = sum(-(-tensor.stored_bytes // 32) * 32 for tensor in file.tensors)
    assert file.data_offset + stored == file.file_bytes == bundled_weights.bytes
    assert file.metadata["general.architecture"] == "llama"
    assert file.metadata["tokenizer.ggml.tokens"] == ArrayLength(49152)
    # 30 layers of 9 tensors each, the embedding (which is the output too) and the last norm.
    assert len(file.tensors) == 30 * 9 + 2
    assert file.tensors[0] == GgufTensor("token_embd.weight", (49152, 576), "Q8_0", 0, 49152 * 576 // 32 * 34)


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_are_read_with_shapes_rows_first(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes], version: int
) -> None:
    tensors = [("a.weight", (8, 4, 256), 12), ("b.weight", (3,), 0)]

    file = read(write_gguf({"general.alignment": 64}, tensors, version=version))

    assert file.version == version
    assert file.tensors == (
        GgufTensor("a.weight", (8, 4, 256), "Q4_K", 0, 8 * 4 * 144),
        GgufTensor("b.weight", (3,), "F32", 4608, 12),
    )
    assert file.data_offset % 64 == 0


def test_every_type_of_value_is_read(read: Callable[[bytes], GgufFile]) -> None:
    scalars = [
        (0, "<B", 200),
        (1, "<b", -3),
        (2, "<H", 60_000),
        (3, "<h", -300),
        (4, "<I", 4_000_000_000),
        (5, "<i", -5),
        (6, "<f", 0.5),
        (7, "<?", True),
        (10, "<Q", 2**63),
        (11, "<q", -(2**62)),
        (12, "<d", 1e-6),
    ]
    entries = [text(f"k{kind}") + struct.pack("<I", kind) + struct.pack(form, v) for kind, form, v in scalars]
    entries.append(text("s") + struct.pack("<I", 8) + text("hello"))
    entries.append(text("list") + struct.pack("<IIQ", 9, 4, 3) + struct.pack("<3I", 7, 8, 9))
    entries.append(text("names") + struct.pack("<IIQ", 9, 8, 2) + text("en") + text("zh"))
    entries.append(text("none") + struct.pack("<IIQ", 9, 8, 0))
    entries.append(text("long") + struct.pack("<IIQ", 9, 6, 2000) + bytes(8000))
    entries.append(text("last") + struct.pack("<Ii", 5, 1))

    metadata = read(header(entries=len(entries)) + b"".join(entries)).metadata

    assert [metadata[f"k{kind}"] for kind, _, _ in scalars] == [value for _, _, value in scalars]
    assert metadata["s"] == "hello"
    assert metadata["list"] == (7, 8, 9)
    assert metadata["names"] == ("en", "zh")
    assert metadata["none"] == ()
    assert metadata["long"] == ArrayLength(2000)
    assert metadata["last"] == 1


def test_a_vocabulary_is_passed_over_quickly_and_only_counted(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    tokens = [f"token {number}" for number in range(300_000)]
    data = write_gguf({"tokenizer.ggml.tokens": tokens, "after": "it"}, [("w", (32,), 8)])
    started = time.thread_time()

    file = read(data)

    assert time.thread_time() - started < 2.0  # about 0.1 s
    assert file.metadata["tokenizer.ggml.tokens"] == ArrayLength(300_000)
    assert file.metadata["after"] == "it"


def test_every_type_number_has_a_block_of_known_size() -> None:
    assert set(GGML_TYPES.values()) <= set(BLOCK_TYPES)


@pytest.mark.parametrize("number", [4, 31, 36, 43, 1000])
def test_a_type_that_nobody_reads_is_named_by_its_number(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes], number: int
) -> None:
    with pytest.raises(WeightsError, match=rf"a\.weight has the ggml type {number}"):
        read(write_gguf({}, [("a.weight", (32, 32), number)]))


def test_a_big_endian_file_is_refused_as_such(read: Callable[[bytes], GgufFile]) -> None:
    with pytest.raises(WeightsError, match="big-endian"):
        read(b"GGUF" + struct.pack(">IQQ", 3, 0, 0))


@pytest.mark.parametrize("version", [0x10001, 1, 4])
def test_other_versions_are_refused_by_number(read: Callable[[bytes], GgufFile], version: int) -> None:
    with pytest.raises(WeightsError, match=f"version {version}"):
        read(header(version=version))


@pytest.mark.parametrize("data", [b"", b"GG", b"\x80\x02ckpt", b"<!doctype html><html></html>"])
def test_what_is_no_gguf_file_is_refused(read: Callable[[bytes], GgufFile], data: bytes) -> None:
    with pytest.raises(WeightsError, match="is no GGUF file"):
        read(data)


def test_a_pointer_of_git_lfs_is_told_from_the_file(read: Callable[[bytes], GgufFile]) -> None:
    with pytest.raises(WeightsError, match="Git LFS pointer") as caught:
        read(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    assert caught.value.hint.startswith("git lfs pull")


def test_a_file_that_ends_before_its_tensors_says_how_much_is_missing(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    whole = write_gguf({}, [("a.weight", (64, 32), 0)])

    with pytest.raises(
        WeightsError, match=rf"has {len(whole) - 1:,} bytes, and its tensors need {len(whole):,}"
    ):
        read(whole[:-1])


def test_every_truncation_of_a_header_is_an_error_of_ours(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    whole = write_gguf({"a": 1, "b": ["x"] * 3, "c": [1, 2], "d": "s"}, [("w", (32,), 0), ("v", (2, 32), 0)])

    for length in range(len(whole)):
        with pytest.raises(WeightsError):
            read(whole[:length])


def test_a_damaged_byte_anywhere_is_read_or_refused_but_never_crashes(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    whole = write_gguf({"a": 1, "b": ["x"] * 3, "c": [1, 2], "d": "s"}, [("w", (32,), 0), ("v", (2, 32), 0)])
    refused = 0

    for position in range(200):
        for value in (0x00, 0x7F, 0xFF):
            damaged = whole[:position] + bytes([value]) + whole[position + 1 :]
            try:
                read(damaged)
            except WeightsError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("2^60 tensors", header(tensors=HUGE)),
        ("billions of tensors", header(tensors=3_000_000_000)),
        ("2^60 entries", header(entries=HUGE)),
        ("a negative count", header(entries=2**64 - 1)),
        ("a key of 2^60 bytes", header(entries=1) + struct.pack("<Q", HUGE)),
        ("a key of 2^63 bytes", header(entries=1) + struct.pack("<Q", 2**63)),
        ("2^60 strings", header(entries=1) + text("k") + struct.pack("<IIQ", 9, 8, HUGE)),
        ("4 billion numbers", header(entries=1) + text("k") + struct.pack("<IIQ", 9, 0, 4_000_000_000)),
        ("2^61 numbers", header(entries=1) + text("k") + struct.pack("<IIQ", 9, 12, 2**61)),
        ("nested arrays", header(entries=1) + text("k") + struct.pack("<IIQIQ", 9, 9, 1, 9, 1)),
        ("an unknown value type", header(entries=1) + text("k") + struct.pack("<I", 13)),
        ("4 billion dimensions", header(tensors=1) + text("w") + struct.pack("<I", 2**32 - 1)),
        ("2^61 rows", header(tensors=1) + text("w") + struct.pack("<IQQIQ", 2, 32, 2**61, 0, 0)),
        ("an offset of 2^63", header(tensors=1) + text("w") + struct.pack("<IQIQ", 1, 1, 0, 2**63)),
    ],
)
def test_hostile_lengths_are_refused_at_once(
    read: Callable[[bytes], GgufFile], what: str, data: bytes
) -> None:
    padded = data + bytes(4096)

    with pytest.raises(WeightsError):
        read(padded)
    assert what


def test_a_long_array_of_strings_that_run_past_the_end_is_refused(read: Callable[[bytes], GgufFile]) -> None:
    strings = struct.pack("<Q", 3) + b"abc" + struct.pack("<Q", HUGE)
    data = header(entries=1) + text("k") + struct.pack("<IIQ", 9, 8, 2000) + strings + bytes(40_000)

    with pytest.raises(WeightsError, match="strings of k"):
        read(data)


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(header(entries=1) + text("k") + struct.pack("<IIQ", 9, 0, 3_000_000_000))
        file.truncate(4_000_000_000)

    with pytest.raises(WeightsError, match="a header of more than 67,108,864 bytes"):
        read_gguf(LocalFile(path))


@pytest.mark.parametrize("alignment", [0, 3, -32, 2**31 - 1])
def test_an_alignment_that_is_no_power_of_two_is_refused(
    read: Callable[[bytes], GgufFile], alignment: int
) -> None:
    data = header(entries=1) + text("general.alignment") + struct.pack("<Ii", 5, alignment)

    with pytest.raises(WeightsError, match=r"general\.alignment"):
        read(data + bytes(64))


def test_names_that_appear_twice_are_refused(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    entry = text("k") + struct.pack("<Ii", 5, 1)
    with pytest.raises(WeightsError, match="'k' appears twice"):
        read(header(entries=2) + entry + entry)
    with pytest.raises(WeightsError, match="'w' appears twice"):
        read(write_gguf({}, [("w", (32,), 0), ("w", (32,), 0)]))


def test_rows_that_are_not_whole_blocks_are_refused(
    read: Callable[[bytes], GgufFile], write_gguf: Callable[..., bytes]
) -> None:
    with pytest.raises(WeightsError, match="rows of 100 elements, and Q4_K has blocks of 256"):
        read(write_gguf({}, [("w", (256, 100), 12)]))


def test_tensors_that_share_their_bytes_cannot_claim_more_than_the_file_holds(
    read: Callable[[bytes], GgufFile],
) -> None:
    tensors = b"".join(text(name) + struct.pack("<IQIQ", 1, 64, 0, 0) for name in "abc")

    with pytest.raises(WeightsError, match="its tensors need"):
        read(header(tensors=3) + tensors + bytes(-len(header() + tensors) % 32) + bytes(256))


def test_a_missing_or_unreadable_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.gguf: No such file"):
        read_gguf(LocalFile(tmp_path / "none.gguf"))
    with pytest.raises(WeightsError, match="cannot read"):
        LocalFile(tmp_path).read(0, 1)


def test_the_parts_of_a_split_model_are_read_as_one(tmp_path: Path, write_gguf: Callable[..., bytes]) -> None:
    split = {"split.count": 2, "split.tensors.count": 2}
    first = write_gguf({"general.architecture": "llama", **split}, [("a", (32,), 0)])
    second = write_gguf(split, [("b", (64,), 0)])
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(first)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(second)

    file = read_split_gguf("m-00002-of-00002.gguf", lambda name: LocalFile(tmp_path / name))

    assert [tensor.name for tensor in file.tensors] == ["a", "b"]
    assert file.file_bytes == len(first) + len(second)
    assert file.metadata["general.architecture"] == "llama"


def test_a_missing_part_and_a_part_under_another_name_are_refused(
    tmp_path: Path, write_gguf: Callable[..., bytes]
) -> None:
    first = write_gguf({"split.count": 2, "split.tensors.count": 2}, [("a", (32,), 0)])
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(first)
    (tmp_path / "renamed.gguf").write_bytes(first)

    with pytest.raises(WeightsError, match="m-00002-of-00002"):
        read_split_gguf("m-00001-of-00002.gguf", lambda name: LocalFile(tmp_path / name))
    with pytest.raises(WeightsError, match="one of 2 parts, and its name tells of 1"):
        read_split_gguf("renamed.gguf", lambda name: LocalFile(tmp_path / name))


def test_parts_of_different_models_do_not_pass_for_one(
    tmp_path: Path, write_gguf: Callable[..., bytes]
) -> None:
    split = {"split.count": 2, "split.tensors.count": 3}
    for number in (1, 2):
        path = tmp_path / f"m-0000{number}-of-00002.gguf"
        path.write_bytes(write_gguf(split, [(f"t{number}", (32,), 0)]))

    with pytest.raises(WeightsError, match="hold 2 tensors, not 3"):
        read_split_gguf("m-00001-of-00002.gguf", lambda name: LocalFile(tmp_path / name))


@pytest.mark.parametrize("name", ["m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-00001-of-99999.gguf"])
def test_part_numbers_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="is named part"):
        part_names(name)
