"""A real server with OpenAI's API: llama.cpp with the bundled model, which gives vectors if not good ones."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import numpy as np
import platformdirs
import pytest

from deploy.ports import free_port
from deploy.weights import pull_bundled
from rag.embedders import open_embedder
from rag.embedders.cache import VectorCache
from rag.embedders.embedding_server import EmbeddingServer
from rag.embedders.openai_compatible import OpenAiApi, with_version
from rag.embedders.options import EmbedderOptions
from rag.embedders.served import ServedEmbedder
from stillroom.errors import ModelError
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag.embedders import Embedder

_SERVER = """
import sys, threading, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.port, parameters.api_keys = sys.argv[1], int(sys.argv[2]), ["secret"]
parameters.model_alias, parameters.hostnames = {"smollm2"}, ["127.0.0.1"]
parameters.embedding, parameters.n_gpu_layers = True, 0
parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 256
parameters.n_parallel = 1
parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(parameters)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The root of a server that embeds, for as long as the tests of this file run."""
    weights = pull_bundled(cache_dir=platformdirs.user_cache_path("stillroom"), on_progress=lambda _: None)
    port = free_port()
    argv = [sys.executable, "-c", _SERVER, str(weights.path), str(port)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: _healthy(port), seconds=120)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def served(url: str, tmp_path: Path) -> Embedder:
    """The embedder on it, without what is put around it: this model is slow."""
    return _opened(url, tmp_path)


def test_a_real_server_gives_a_unit_vector_a_text(served: Embedder) -> None:
    texts = [f"a text of its own, number {number}" for number in range(5)]
    vectors = served.embed_documents(texts)
    assert vectors.shape == (5, 576)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert served.embed_query("a text").shape == (576,)


def test_its_limit_is_found_and_a_longer_text_is_embedded_whole(served: Embedder) -> None:
    assert served.max_tokens == 256
    # Its vocabulary makes three tokens of a Chinese character, which the estimate does not know.
    vectors = served.embed_documents(["word " * 300, "知识蒸馏" * 25])
    assert np.isfinite(vectors).all()


def test_its_fingerprint_is_the_same_at_each_opening(url: str, served: Embedder, tmp_path: Path) -> None:
    again = _opened(f"{url}/v1/", tmp_path / "another")
    assert again.fingerprint == served.fingerprint


def test_it_refuses_a_wrong_key_and_so_do_we(url: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="refuses the key"):
        open_embedder("openai:smollm2", cache_dir=tmp_path, options=EmbedderOptions(url=url, api_key="wrong"))


def _opened(url: str, cache_dir: Path) -> ServedEmbedder:
    server = EmbeddingServer(with_version(url), "secret")
    api = OpenAiApi("smollm2", server, VectorCache(cache_dir / "vectors.sqlite3"))
    return ServedEmbedder(api, EmbedderOptions())


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200
    except httpx.TransportError:
        return False
