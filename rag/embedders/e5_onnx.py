"""The bundled embedder by onnxruntime: the package's weights, many times as fast as its own kernel.

It owns threads, windows of long texts and the way from ids to vectors. It does not know where the model came
from, nor caches of vectors.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from rag.embedders.e5_graph import INPUT, OUTPUT
from rag.embedders.e5_tokenizer import E5Tokenizer
from rag.embedders.e5_weights import unpacked
from rag.embedders.onnx_telemetry import switch_off_telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders.e5_weights import E5Weights

# Threads beyond this wait for memory more than they compute.
_MOST_THREADS: Final = 16


class OnnxE5:
    """multilingual-e5-small on this machine's cores: 384 dimensions, prompts as the model was trained with.

    Texts are computed one by one, each by one thread: no padding, no thread waits for another, and a text's
    vector does not depend on what is embedded beside it.

    Args:
        weights: the package's file; word vectors are read from it as they are needed.
        model: the serialized graph of `rag.embedders.e5_graph`.
        threads: texts computed at once.

    Raises:
        RuntimeError: onnxruntime cannot run the graph.
        ImportError: onnxruntime is not installed.
    """

    def __init__(self, weights: E5Weights, model: bytes, *, threads: int) -> None:
        self._weights = weights
        self._session = _session(model)
        self._threads = min(threads, _MOST_THREADS)
        self._starting = threading.Lock()
        shape, vocabulary = weights.shape, weights.vocabulary
        self.dimensions = shape.hidden
        self.max_tokens = shape.positions
        self._ends = (vocabulary.begin, vocabulary.end)
        self._words = weights.blocks("emb.word", shape.hidden)
        # All texts are of the first of two types.
        self._positions = (
            weights.vector("emb.pos").reshape(-1, shape.hidden) + weights.vector("emb.type")[: shape.hidden]
        )
        self._tokenizer = E5Tokenizer(vocabulary)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector a text, prompt included; shape ``(len(texts), 384)``."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        # The longest first, so that no thread begins with one when the others are done.
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        if self._threads > 1 and len(texts) > 1:
            computed = self._pool.map(self._embed_one, [texts[index] for index in order])
        else:
            computed = map(self._embed_one, [texts[index] for index in order])
        for index, vector in zip(order, computed, strict=True):
            vectors[index] = vector
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens of a text with its prompt, and the two special ones."""
        return len(self._tokenizer.ids(text)) + len(self._ends)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="embedder")

    def _embed_one(self, text: str) -> NDArray[np.float32]:
        """The mean over all tokens; a text of several windows is their mean, each by its length."""
        import numpy as np

        ids = self._tokenizer.ids(text)
        window = self.max_tokens - len(self._ends)
        total = np.zeros(self.dimensions, dtype=np.float32)
        for first in range(0, max(len(ids), 1), window):
            part = ids[first : first + window]
            total += self._mean(part) * np.float32(max(len(part), 1))
        vector: NDArray[np.float32] = total / max(np.linalg.norm(total), np.finfo(np.float32).tiny)
        return vector

    def _mean(self, ids: list[int]) -> NDArray[np.float32]:
        begin, end = self._ends
        whole = [begin, *ids, end]
        rows = unpacked(self._words[whole]) + self._positions[: len(whole)]
        mean: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: rows[None]})[0][0]
        return mean


def _session(model: bytes) -> Any:  # noqa: ANN401 - an untyped package's class
    switch_off_telemetry()
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = ort.SessionOptions()
    # One thread a text, and none that spins while a model on the same cores has work to do.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Further levels fuse the sums into the normalizations, which is slower: 1.41 s for what takes 1.21 s.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3  # errors; its warnings speak of the graph, which no reader can change
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NotImplemented,
        failures.RuntimeException,
    ) as error:
        raise RuntimeError(f"onnxruntime cannot run the embedding model: {error}") from error
