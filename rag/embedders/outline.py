"""Tells one model from another by where a fixed text comes to lie, small errors aside. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Any text would do.
PROBE: Final = "The quick brown fox jumps over the lazy dog."

# Between how many of a vector's largest elements the widest gap is looked for.
_FEWEST_LARGEST, _MOST_LARGEST = 8, 32


def outline_hash(vector: NDArray[np.float32]) -> str:
    """What the vector's largest elements are, and their signs, as a hash that small errors do not change.

    As many of the largest are taken as stand out most from the next: a cut in the widest gap.
    """
    import numpy as np

    order = np.argsort(-np.abs(vector), kind="stable")[: _MOST_LARGEST + 1]
    sizes = np.abs(vector[order])
    gaps = sizes[:-1] - sizes[1:]
    candidates = gaps[_FEWEST_LARGEST - 1 :]
    cut = _FEWEST_LARGEST + int(np.argmax(candidates)) if candidates.size else len(order)
    largest = sorted(int(index) if vector[index] > 0 else ~int(index) for index in order[:cut])
    return hashlib.sha256(repr(largest).encode()).hexdigest()[:12]
