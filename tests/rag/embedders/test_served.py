"""Embedders behind a server: asked as their APIs want it, never cut off, and refused with what to do next."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag.embedders import open_embedder
from rag.embedders.cache import VectorCache
from rag.embedders.embedding_server import EmbeddingServer
from rag.embedders.ollama import OllamaApi
from rag.embedders.openai_compatible import OpenAiApi
from rag.embedders.options import EmbedderOptions
from rag.embedders.outline import outline_hash
from rag.embedders.served import ServedEmbedder
from stillroom.errors import LibraryError, ModelError
from tests.deploy.probing.standing_in import NOT_FOUND, recorded, serving
from tests.deploy.raw_server import raw_server, reset

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.deploy.probing.standing_in import Answer
    from tests.deploy.raw_server import Request

DIMENSIONS = 16
SECRET = "sk-very-secret"


def vector(text: str) -> list[float]:
    """Some vector that is this text's alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return [float(value) for value in np.random.default_rng(seed).normal(size=DIMENSIONS)]


def ollama_answer(request: Request) -> Answer:
    """What Ollama answers where the model embeds, in the shape that its documentation gives."""
    if request.path == "/api/tags":
        return recorded("ollama/tags")
    if request.path == "/api/show":
        return 200, {"model_info": {"general.architecture": "bert", "bert.context_length": 512}}
    if any(len(text) > 2000 for text in request.body["input"]):
        return 400, {"error": "the input length exceeds the context length"}
    rows = [vector(text) for text in request.body["input"]]
    return 200, {"model": request.body["model"], "embeddings": rows, "prompt_eval_count": 3}


def openai_answer(request: Request) -> Answer:
    """The same as vLLM gives it, its rows in another order."""
    if request.path == "/v1/models":
        return recorded("vllm/embed_models")
    rows = [
        {"index": index, "object": "embedding", "embedding": vector(text)}
        for index, text in enumerate(request.body["input"])
    ]
    return 200, {"object": "list", "data": rows[::-1]}


def ollama(url: str, **options: Any) -> ServedEmbedder:  # noqa: ANN401
    """An embedder on a stand-in for Ollama; waits are short."""
    given = EmbedderOptions(**options)
    server = EmbeddingServer(url, given.api_key, first_wait_s=0.001)
    return ServedEmbedder(OllamaApi("smollm2:135m", server), given)


def openai(url: str, cache: Path, model: str = "minilm", **options: Any) -> ServedEmbedder:  # noqa: ANN401
    """An embedder on a stand-in for vLLM."""
    given = EmbedderOptions(**options)
    server = EmbeddingServer(f"{url}/v1", given.api_key, first_wait_s=0.001)
    return ServedEmbedder(OpenAiApi(model, server, VectorCache(cache / "vectors.sqlite3")), given)


def replaced(of: Callable[[Request], Answer], path: str, answer: Answer) -> Callable[[Request], Answer]:
    """The same server, with one path answered otherwise."""
    return lambda request: answer if request.path == path else of(request)


def test_ollama_is_told_not_to_cut_texts_and_how_much_the_model_reads() -> None:
    with raw_server(serving(ollama_answer)) as server:
        embedder = ollama(server.url)
        vectors = embedder.embed_documents(["one", "two"])
        asked = server.requests[-1]
    assert asked.path == "/api/embed"
    assert asked.body["truncate"] is False
    assert asked.body["options"] == {"num_ctx": 512}
    assert asked.body["input"] == ["one", "two"]
    assert embedder.dimensions == DIMENSIONS
    expected = np.array([vector("one"), vector("two")])
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_vectors_of_the_openai_api_are_put_in_order_by_their_index(tmp_path: Path) -> None:
    with raw_server(serving(openai_answer)) as server:
        vectors = openai(server.url, tmp_path).embed_documents(["one", "two", "three"])
    expected = np.array([vector("one"), vector("two"), vector("three")])
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_what_vllm_answered_gives_unit_vectors_near_in_meaning(tmp_path: Path) -> None:
    answer = recorded("vllm/embed_embeddings")

    def choose(request: Request) -> Answer:
        if request.path == "/v1/models":
            return recorded("vllm/embed_models")
        status, body = answer
        return status, {**body, "data": body["data"][: len(request.body["input"])]}

    with raw_server(serving(choose)) as server:
        embedder = openai(server.url, tmp_path)
        vectors = embedder.embed_documents(["a cat sits", "a kitten is sitting", "quarterly tax report"])
    assert embedder.dimensions == 384
    assert embedder.max_tokens == 256
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_texts_go_in_batches(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(70)]
    with raw_server(serving(openai_answer)) as server:
        embedder = openai(server.url, tmp_path)
        vectors = embedder.embed_documents(texts)
        sizes = [len(request.body["input"]) for request in server.requests[2:]]
        small = openai(server.url, tmp_path, batch_size=8).embed_documents(texts)
    assert sizes == [32, 32, 6]
    np.testing.assert_array_equal(vectors, small)
    assert len({row.tobytes() for row in vectors}) == 70


def test_a_text_that_is_too_long_is_embedded_in_parts_and_nothing_is_cut_off() -> None:
    text = " ".join(f"word{number}" for number in range(1200))
    with raw_server(serving(ollama_answer)) as server:
        embedder = ollama(server.url)
        (whole,) = embedder.embed_documents([text])
        parts = [part for request in server.requests[3:] for part in request.body["input"]]
    assert "".join(parts) == text
    assert max(map(len, parts)) < 2000
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)
    assert embedder.count_tokens(text) > embedder.max_tokens


def test_what_the_server_refuses_as_too_long_is_halved_until_it_fits(tmp_path: Path) -> None:
    refusal = recorded("vllm/embed_embeddings_toolong")

    def choose(request: Request) -> Answer:
        if request.path == "/v1/embeddings" and any(len(text) > 100 for text in request.body["input"]):
            return refusal
        return openai_answer(request)

    text = "x" * 300
    with raw_server(serving(choose)) as server:
        embedder = openai(server.url, tmp_path)
        vectors = embedder.embed_documents([text, "short"])
        np.testing.assert_array_equal(vectors[1], embedder.embed_documents(["short"])[0])
        seen = [text for request in server.requests[2:] for text in request.body["input"]]
    assert "x" * 75 in seen


def test_a_text_that_no_half_of_fits_is_refused_with_its_length(tmp_path: Path) -> None:
    refusal = recorded("vllm/embed_embeddings_toolong")

    def choose(request: Request) -> Answer:
        long = request.path == "/v1/embeddings" and any(len(text) > 50 for text in request.body["input"])
        return refusal if long else openai_answer(request)

    with raw_server(serving(choose)) as server:
        embedder = openai(server.url, tmp_path)
        with pytest.raises(ModelError, match=r"refuses a text of 100 characters .* 256 tokens"):
            embedder.embed_documents(["x" * 100])


def test_a_blank_text_is_not_sent_as_such(tmp_path: Path) -> None:
    with raw_server(serving(openai_answer)) as server:
        assert openai(server.url, tmp_path).embed_documents([" \n"]).shape == (1, DIMENSIONS)
        assert server.requests[-1].body["input"] == ["."]


def test_prompts_come_from_the_models_name_or_are_given(tmp_path: Path) -> None:
    with raw_server(serving(openai_answer)) as server:
        known = openai(server.url, tmp_path, model="intfloat/e5-base-v2")
        known.embed_query("tea")
        assert server.requests[-1].body["input"] == ["query: tea"]
        known.embed_documents(["tea"])
        assert server.requests[-1].body["input"] == ["passage: tea"]
        given = openai(
            server.url, tmp_path, model="intfloat/e5-base-v2", query_prompt="", document_prompt="d "
        )
        given.embed_query("tea")
        assert server.requests[-1].body["input"] == ["tea"]
        given.embed_documents(["tea"])
        assert server.requests[-1].body["input"] == ["d tea"]
    assert known.fingerprint != given.fingerprint


def test_another_digest_under_the_same_name_is_another_fingerprint() -> None:
    status, tags = recorded("ollama/tags")
    pulled_again = [{**entry, "digest": "0" * 64} for entry in tags["models"]]
    with raw_server(serving(ollama_answer)) as server:
        before = ollama(server.url).fingerprint
        assert ollama(server.url).fingerprint == before
    changed = replaced(ollama_answer, "/api/tags", (status, {"models": pulled_again}))
    with raw_server(serving(changed)) as server:
        assert ollama(server.url).fingerprint != before


def test_other_weights_behind_an_openai_name_are_another_fingerprint(tmp_path: Path) -> None:
    def near(request: Request, difference: float) -> Answer:
        status, body = openai_answer(request)
        if request.path == "/v1/models":
            return status, body
        noise = np.random.default_rng(3).normal(size=DIMENSIONS) * difference
        rows = [{**row, "embedding": (np.array(row["embedding"]) + noise).tolist()} for row in body["data"]]
        return status, {**body, "data": rows}

    with raw_server(serving(openai_answer)) as server:
        before = openai(server.url, tmp_path).fingerprint
    with raw_server(serving(lambda request: near(request, 0.001))) as server:
        assert openai(server.url, tmp_path).fingerprint == before
        assert openai(server.url, tmp_path / "elsewhere").fingerprint == before
    with raw_server(serving(lambda request: near(request, 0.5))) as server:
        assert openai(server.url, tmp_path).fingerprint != before


def test_small_errors_do_not_change_the_outline_of_a_vector() -> None:
    random = np.random.default_rng(7)
    changed = 0
    for _ in range(300):
        exact = random.normal(size=384).astype(np.float32)
        exact /= np.linalg.norm(exact)
        noisy = exact + random.normal(size=384).astype(np.float32) * 1e-6
        changed += outline_hash(exact) != outline_hash(noisy)
        assert outline_hash(exact) != outline_hash(-exact)
    assert changed <= 1


def test_a_model_that_was_not_pulled_names_the_command_that_pulls_it() -> None:
    with (
        raw_server(serving(ollama_answer)) as server,
        pytest.raises(ModelError, match="no model 'bge-m3'") as e,
    ):
        ServedEmbedder(OllamaApi("bge-m3", EmbeddingServer(server.url, None)), EmbedderOptions())
    assert e.value.hint == "ollama pull bge-m3"


def test_a_model_that_is_removed_meanwhile_is_named_likewise() -> None:
    gone = replaced(ollama_answer, "/api/embed", recorded("ollama/embed_missing_model"))
    with raw_server(serving(gone)) as server, pytest.raises(ModelError) as e:
        ollama(server.url)
    assert e.value.hint == "ollama pull smollm2:135m"


def test_a_model_that_makes_no_vectors_is_refused_with_one_that_does() -> None:
    no_vectors = replaced(ollama_answer, "/api/embed", recorded("ollama/embed_llm"))
    with (
        raw_server(serving(no_vectors)) as server,
        pytest.raises(ModelError, match="not support embeddings") as e,
    ):
        ollama(server.url)
    assert "STILLROOM_EMBEDDER=ollama:" in e.value.hint


def test_a_vllm_that_serves_a_chat_model_is_told_how_it_would_serve_vectors(tmp_path: Path) -> None:
    chat_only = replaced(openai_answer, "/v1/embeddings", recorded("vllm/err_embeddings_on_generate"))
    with raw_server(serving(chat_only)) as server, pytest.raises(ModelError, match="answered 404") as e:
        openai(server.url, tmp_path)
    assert "--runner pooling" in e.value.hint


def test_an_unknown_model_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    unknown = replaced(openai_answer, "/v1/embeddings", recorded("vllm/embed_unknown"))
    with (
        raw_server(serving(unknown)) as server,
        pytest.raises(ModelError, match="'nope'; it has minilm") as e,
    ):
        openai(server.url, tmp_path, model="nope")
    assert e.value.hint == "STILLROOM_EMBEDDER=openai:minilm"


def test_a_wrong_key_is_named_as_such_and_never_printed(tmp_path: Path) -> None:
    status, _ = recorded("vllm/err_wrong_key")
    echoing = (status, {"error": {"message": f"Incorrect API key provided: {SECRET}."}})
    with (
        raw_server(serving(lambda _: echoing)) as server,
        pytest.raises(ModelError, match="refuses the key") as e,
    ):
        openai(server.url, tmp_path, api_key=SECRET)
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in f"{e.value}{e.value.hint}{EmbedderOptions(api_key=SECRET)!r}"
    assert e.value.hint == "STILLROOM_EMBEDDER_API_KEY=KEY"


def test_an_address_that_is_no_api_is_explained(tmp_path: Path) -> None:
    with raw_server(serving(lambda _: NOT_FOUND)) as server, pytest.raises(ModelError, match="404") as e:
        openai(server.url, tmp_path)
    assert "usually ends in /v1" in e.value.hint


def test_nobody_at_the_address_is_an_error_that_names_it(tmp_path: Path) -> None:
    with raw_server(serving(ollama_answer)) as server:
        url = server.url
    with pytest.raises(ModelError, match=f"no embedding server answers at {url}") as e:
        open_embedder("ollama:bge-m3", cache_dir=tmp_path, options=EmbedderOptions(url=url))
    assert "STILLROOM_EMBEDDER_URL" in e.value.hint


def test_a_busy_server_and_a_broken_connection_are_tried_again() -> None:
    refused = iter(["busy", "broken", "busy"])

    def answer(request: Request, connection: socket.socket) -> None:
        trouble = next(refused, "") if request.path == "/api/embed" else ""
        if trouble == "broken":
            reset(connection)
            return
        serving(lambda asked: (503, {"error": "loading"}) if trouble else ollama_answer(asked))(
            request, connection
        )

    with raw_server(answer) as server:
        assert ollama(server.url).dimensions == DIMENSIONS
        assert [request.path for request in server.requests].count("/api/embed") == 4


def test_a_server_that_stays_busy_is_given_up() -> None:
    busy = replaced(ollama_answer, "/api/embed", (503, {"error": "server busy, please try again"}))
    with raw_server(serving(busy)) as server, pytest.raises(ModelError, match=r"503 .* server busy"):
        ollama(server.url)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 vectors for 1 texts"),
        ([[1.0, None]], "no numbers"),
        ([["a", "b"]], "no numbers"),
        ([[[1.0, 2.0]]], "instead of one vector a text"),
        ([[]], "instead of one vector a text"),
        ("page", "0 vectors"),
    ],
)
def test_an_answer_without_usable_vectors_is_refused(rows: object, message: str) -> None:
    broken = replaced(ollama_answer, "/api/embed", (200, {"embeddings": rows}))
    with raw_server(serving(broken)) as server, pytest.raises(ModelError, match=message):
        ollama(server.url)


def test_a_model_that_changes_its_dimensions_while_it_is_used_is_an_error() -> None:
    with raw_server(serving(ollama_answer)) as server:
        embedder = ollama(server.url)
        embedder.dimensions = DIMENSIONS + 1
        with pytest.raises(ModelError, match=rf"\[{DIMENSIONS}\] dimensions where it gave {DIMENSIONS + 1}"):
            embedder.embed_documents(["tea"])


def test_a_served_model_without_an_address_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="needs the address") as e:
        open_embedder("openai:bge-m3", cache_dir=tmp_path)
    assert e.value.hint.startswith("STILLROOM_EMBEDDER_URL=")
