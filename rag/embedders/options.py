"""What a person may say about an embedder besides its name; an embedder ignores what does not concern it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Backend = Literal["torch", "onnx"]


@dataclass(frozen=True, slots=True)
class EmbedderOptions:
    """How to reach and run an embedder; every default lets it decide.

    Attributes:
        url: the root of the server that ``ollama:`` and ``openai:`` ask; empty for Ollama's own default.
        api_key: its bearer token; never printed.
        device: where ``sentence-transformers:`` runs, such as ``cuda:1`` or ``cpu``; empty: where it likes.
        backend: what ``sentence-transformers:`` runs the model with.
        batch_size: texts at once; 0: the backend's own number.
        query_prompt: the text before a question; None: the model's own, or by its name.
        document_prompt: the text before a document, likewise.
    """

    url: str = ""
    api_key: str | None = field(default=None, repr=False)
    device: str = ""
    backend: Backend = "torch"
    batch_size: int = 0
    query_prompt: str | None = None
    document_prompt: str | None = None
