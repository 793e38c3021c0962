"""Shared by the tests of planning: a tiny model in every form that can be opened, who opens it, and plans."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest
from deploy.planning.opening import Opener
from deploy.planning.planner import PlanReport, catalog_subjects, plan
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, Gpu, Machine, Workload
from tests.deploy.checkpoints.conftest import (
    gguf_bytes,
    make_server,
    safetensors_bytes,
    server,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Change, Rejection
    from deploy.spec import EngineName

__all__ = ["make_server", "server"]

CATALOG = load_catalog()
# Nothing listens there: whoever asks it finds no server.
NOBODY = "http://127.0.0.1:9"

TINY_CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 1024,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
# Embedding and output; a layer's projections and its two norms; the last norm.
TINY_PARAMETERS = 2 * 1024 * 256 + 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256 + 2 * 256) + 256
F32, F16, Q4_K = 0, 1, 12
_METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 256,
    "llama.feed_forward_length": 512,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.vocab_size": 1024,
}
_MATRICES = {
    "attn_q": (256, 256),
    "attn_k": (128, 256),
    "attn_v": (128, 256),
    "attn_output": (256, 256),
    "ffn_gate": (512, 256),
    "ffn_up": (512, 256),
    "ffn_down": (256, 512),
}
_PROJECTIONS = {
    "self_attn.q_proj": (256, 256),
    "self_attn.k_proj": (128, 256),
    "self_attn.v_proj": (128, 256),
    "self_attn.o_proj": (256, 256),
    "mlp.gate_proj": (512, 256),
    "mlp.up_proj": (512, 256),
    "mlp.down_proj": (256, 512),
}


def tiny_gguf(*, matrices: int = F16, **metadata: object) -> bytes:
    """A GGUF file of two Llama layers whose matrices are of that ggml type."""
    tensors = [
        ("token_embd.weight", (1024, 256), matrices),
        ("output.weight", (1024, 256), matrices),
        ("output_norm.weight", (256,), F32),
    ]
    for layer in range(2):
        tensors += [(f"blk.{layer}.{name}.weight", shape, matrices) for name, shape in _MATRICES.items()]
        tensors += [(f"blk.{layer}.{name}.weight", (256,), F32) for name in ("attn_norm", "ffn_norm")]
    return gguf_bytes({**_METADATA, **metadata}, tensors)


def tiny_safetensors() -> bytes:
    """The same in 16 bits, as Hugging Face names it."""
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("BF16", (1024, 256)),
        "lm_head.weight": ("BF16", (1024, 256)),
        "model.norm.weight": ("BF16", (256,)),
    }
    for layer in range(2):
        start = f"model.layers.{layer}."
        tensors |= {f"{start}{name}.weight": ("BF16", shape) for name, shape in _PROJECTIONS.items()}
        tensors |= {
            f"{start}{name}.weight": ("BF16", (256,))
            for name in ("input_layernorm", "post_attention_layernorm")
        }
    return safetensors_bytes(tensors)


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """A folder as Hugging Face lays it out."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_CONFIG), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(tiny_safetensors())
    return folder


@pytest.fixture
def make_opener() -> Callable[..., Opener]:
    """An opener with the real catalog, whose servers are those that a test names."""

    def make(*, hub_url: str = NOBODY, ollama_url: str = NOBODY, registry_url: str = NOBODY) -> Opener:
        return Opener(
            load_catalog(), hub_url=hub_url, token=None, ollama_url=ollama_url, registry_url=registry_url
        )

    return make


def machine(*gpus_gib: float, ram_gib: float = 16, cores: int = 8) -> Machine:
    gpus = tuple(
        Gpu(
            index,
            "a GPU",
            int(size * GIB),
            int(size * GIB),
            bandwidth_bytes_per_s=1e12,
            compute_capability=8.9,
        )
        for index, size in enumerate(gpus_gib)
    )
    ram = int(ram_gib * GIB)
    return Machine("a processor", cores, ram, ram, "physical", 1000 * GIB, gpus)


def planned(
    where: Machine,
    model: str,
    workload: Workload | None = None,
    **asked: Any,  # noqa: ANN401 -- fields
) -> PlanReport:
    request = PlanRequest(workload or Workload(), **asked)
    subject = from_catalog(CATALOG.find(model))
    return plan(where, request, (subject,), named=True, others=catalog_subjects(CATALOG))


def rejection(report: PlanReport, quantization: str, engine: EngineName) -> Rejection:
    (found,) = (one for one in report.rejections if (one.quantization, one.engine) == (quantization, engine))
    return found


def of_kind(report: PlanReport, kind: str) -> Change:
    return next(found for found in report.changes if found.kind == kind)
