"""A checkpoint: the tensors of a model as they are stored, in GGUF or safetensors, with their bytes.

Whether it was computed from an architecture or read from a file's header, the memory model takes the same
value. Nothing here reads a file or chooses a type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from deploy.spec import Artefact

if TYPE_CHECKING:
    from deploy.architectures.tensor import Role

FileFormat = Literal["gguf", "safetensors"]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a checkpoint.

    Attributes:
        name: as the file names it, for example ``blk.0.attn_q.weight`` or
            ``model.layers.0.self_attn.q_proj.weight``.
        shape: rows first: (output features, input features), or (experts, output features, input features).
        layer: the decoder layer from 0, or None outside the layers.
        kind: a ggml type (``Q4_K``) or a safetensors dtype (``BF16``), or the name of a packed format
            (``AWQ``).
        stored_bytes: what it takes in the file, with its scales and zero points.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    layer: int | None
    kind: str
    stored_bytes: int


@dataclass(frozen=True)
class Checkpoint:
    """The stored tensors of one model.

    Attributes:
        quantization: what people call the mix: ``Q4_K_M``, ``AWQ``, ``BF16``.
        file_bytes: all files together, headers and tokenizer included; what a download takes. Where it was
            computed and no file is known, the tensors' bytes.
        exact: read from a real file's header, not computed.
        source: where the figures come from, for a reader.
    """

    quantization: str
    file_format: FileFormat
    tensors: tuple[StoredTensor, ...]
    file_bytes: int
    exact: bool
    source: str

    def __hash__(self) -> int:
        """Without the tensors, which take long to hash: what is computed from them is kept by checkpoint."""
        return hash((self.quantization, self.file_format, self.file_bytes, len(self.tensors)))

    @cached_property
    def tensor_bytes(self) -> int:
        """All tensors together."""
        return sum(tensor.stored_bytes for tensor in self.tensors)

    @property
    def artefact(self) -> Artefact:
        """The same without its tensors, as a plan carries it."""
        embedding = sum(tensor.stored_bytes for tensor in self.tensors if tensor.role == "token_embedding")
        return Artefact(
            quantization=self.quantization,
            total_bytes=self.tensor_bytes,
            cpu_resident_bytes=embedding if self.file_format == "gguf" else 0,
            file_bytes=self.file_bytes,
            exact=self.exact,
            source=self.source,
        )
