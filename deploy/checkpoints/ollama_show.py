"""The checkpoint of a model that a running Ollama has, from its answer to ``/api/show``.

Ollama says each tensor's type and shape and nothing of the file; header and tokenizer are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.checkpoint import Checkpoint, StoredTensor
from deploy.checkpoints.tensor_roles import role_of_gguf
from deploy.quantizations.block_types import BLOCK_TYPES, stored_bytes
from deploy.quantizations.checkpoint import compute_checkpoint
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.architectures.shape import Architecture


def checkpoint_from_show(
    body: Mapping[str, object], architecture: Architecture, *, source: str
) -> Checkpoint:
    """The tensors as Ollama lists them; computed from the shape where it lists none, as before Ollama 0.6.

    Args:
        body: the answer of ``POST /api/show``.
        architecture: its shape, read from the same answer.
        source: who answered, for a reader.

    Raises:
        PlanError: the answer names no quantization, or a tensor's entry cannot be read.
    """
    details = body.get("details")
    quantization = details.get("quantization_level") if isinstance(details, dict) else None
    if not isinstance(quantization, str) or not quantization:
        raise PlanError(
            f"{source} does not say in which quantization the model is: {details!r}",
            hint="update Ollama, or plan from the weights: stillroom plan ./model.gguf",
        )
    listed = body.get("tensors")
    if not isinstance(listed, list) or not listed:
        return compute_checkpoint(architecture, quantization, file_format="gguf")
    tensors = tuple(_tensor(entry, source) for entry in listed)
    return Checkpoint(
        quantization=quantization,
        file_format="gguf",
        tensors=tensors,
        file_bytes=sum(tensor.stored_bytes for tensor in tensors),
        exact=True,
        source=f"tensors that {source} lists",
    )


def _tensor(entry: object, source: str) -> StoredTensor:
    """One entry: name, type, and shape in ggml's order, columns first."""
    if isinstance(entry, dict):
        name, kind, shape = entry.get("name"), entry.get("type"), _rows_first(entry.get("shape"))
        if isinstance(name, str) and isinstance(kind, str) and kind.upper() in BLOCK_TYPES and shape:
            role, layer = role_of_gguf(name)
            return StoredTensor(name, shape, role, layer, kind.upper(), stored_bytes(shape, kind.upper()))
    raise PlanError(
        f"{source} lists a tensor that cannot be read: {entry!r:.120}",
        hint="plan from the weights: stillroom plan ./model.gguf",
    )


def _rows_first(shape: object) -> tuple[int, ...]:
    """A shape in ggml's order, turned around; empty where it is none."""
    if not isinstance(shape, list) or not all(isinstance(size, int) and size > 0 for size in shape):
        return ()
    return tuple(reversed(shape))
