"""How ggml stores weights: every tensor type as a run of so many weights in so many bytes.

Sizes are those of the block structures in llama.cpp's ``ggml/src/ggml-common.h``, where ``static_assert``
holds each of them. Nothing here knows which tensor gets which type.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple


class Block(NamedTuple):
    """A run of weights that is stored as a unit."""

    weights: int
    bytes: int

    @property
    def bits_per_weight(self) -> float:
        """Scales and zero points included."""
        return self.bytes * 8 / self.weights


BLOCK_TYPES = {
    "F32": Block(1, 4),
    "F16": Block(1, 2),
    "BF16": Block(1, 2),
    "F64": Block(1, 8),
    "I8": Block(1, 1),
    "I16": Block(1, 2),
    "I32": Block(1, 4),
    "I64": Block(1, 8),
    "Q1_0": Block(128, 18),
    "Q2_0": Block(64, 18),
    "Q4_0": Block(32, 18),
    "Q4_1": Block(32, 20),
    "Q5_0": Block(32, 22),
    "Q5_1": Block(32, 24),
    "Q8_0": Block(32, 34),
    "Q8_1": Block(32, 36),
    "Q2_K": Block(256, 84),
    "Q3_K": Block(256, 110),
    "Q4_K": Block(256, 144),
    "Q5_K": Block(256, 176),
    "Q6_K": Block(256, 210),
    "Q8_K": Block(256, 292),
    "IQ1_S": Block(256, 50),
    "IQ1_M": Block(256, 56),
    "IQ2_XXS": Block(256, 66),
    "IQ2_XS": Block(256, 74),
    "IQ2_S": Block(256, 82),
    "IQ3_XXS": Block(256, 98),
    "IQ3_S": Block(256, 110),
    "IQ4_XS": Block(256, 136),
    "IQ4_NL": Block(32, 18),
    "TQ1_0": Block(256, 54),
    "TQ2_0": Block(256, 66),
    "MXFP4": Block(32, 17),
    "NVFP4": Block(64, 36),
}


def stored_bytes(shape: tuple[int, ...], block_type: str) -> int:
    """What a tensor takes in a ggml type; its rows must be whole blocks.

    Example:
        >>> stored_bytes((4096, 4096), "Q4_K")
        9437184
    """
    block = BLOCK_TYPES[block_type]
    return prod(shape) // block.weights * block.bytes
