"""Shared by the tests of launching: the bundled model's real weights, and a plan for them written by hand."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from deploy.spec import Architecture, Artefact, MemoryEstimate, MemoryTerm, Plan, Workload
from deploy.weights import BUNDLED_BYTES, WeightsFile, pull_bundled


@pytest.fixture(scope="session")
def bundled_weights() -> WeightsFile:
    """The bundled model, fetched once and kept in the cache that the program itself uses."""
    return pull_bundled(cache_dir=Path(platformdirs.user_cache_dir("stillroom")), on_progress=lambda _: None)


@pytest.fixture
def bundled_plan() -> Plan:
    """SmolLM2-135M at Q4_1 with a context of 2048 tokens on the CPU."""
    weights = MemoryTerm("weights", BUNDLED_BYTES, BUNDLED_BYTES, BUNDLED_BYTES, "file")
    kv_bytes = 2 * 30 * 3 * 64 * 2 * 2048
    kv_cache = MemoryTerm("kv_cache", kv_bytes, kv_bytes, kv_bytes, "2·layers·heads·head_dim·2 B·tokens")
    return Plan(
        model_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        model_tag="smollm2:135m",
        architecture=Architecture("llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, tied_embeddings=True),
        artefact=Artefact("Q4_1", BUNDLED_BYTES, 0, exact=True, source="file"),
        engine="embedded",
        workload=Workload(context_tokens=2048, concurrent_sequences=1),
        device="cpu",
        budget_bytes=2 * 1024**3,
        memory=MemoryEstimate((weights, kv_cache)),
        rule_of_thumb_gb=0.1,
        languages=("en",),
        native_tools=False,
        reasoning=False,
    )
