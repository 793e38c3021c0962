"""Reads the vectors in a server's answer, which may be anything. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillroom.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def vector_rows(rows: object, *, expected: int, source: str) -> NDArray[np.float32]:
    """The rows as an array: shape ``(expected, dimensions)``.

    Args:
        rows: what the answer's JSON has in the place of vectors.
        expected: how many texts were sent.
        source: what answered, for the message.

    Raises:
        ModelError: they are not that many lists of finite numbers of one length.

    Example:
        >>> vector_rows([[1, 2], [3, 4]], expected=2, source="a server").shape
        (2, 2)
    """
    import numpy as np

    count = len(rows) if isinstance(rows, list) else 0
    if count != expected:
        raise ModelError(f"{source} gave {count} vectors for {expected} texts", hint="look at its log")
    try:
        vectors = np.array(rows, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{source} gave vectors that are no numbers: {error}") from error
    if vectors.ndim != 2 or not vectors.shape[1]:  # noqa: PLR2004 - a table of rows
        raise ModelError(
            f"{source} gave arrays of shape {vectors.shape} instead of one vector a text",
            hint="a server that pools nothing gives one for each token: llama.cpp needs --pooling mean",
        )
    if not np.isfinite(vectors).all():
        raise ModelError(f"{source} gave vectors with values that are no numbers", hint="look at its log")
    return vectors
