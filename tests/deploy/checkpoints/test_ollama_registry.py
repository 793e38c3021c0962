"""Models of Ollama's registry, from their manifests and their weights' headers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.ollama_registry import MODEL_MEDIA_TYPE, OllamaName, open_library_model, read_manifest
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.checkpoints.patience import Patience
    from tests.deploy.checkpoints.conftest import FileServer

# deepseek-r1:7b as the registry lists it (a manifest kept in github.com/TheNotary/tool-ruby-ollama-find). The
# sum is the 4,683,075,271 bytes that Ollama's /api/tags tells of it.
MODEL_DIGEST = "sha256:96c415656d377afbff962f6cdb2394ab092ccbcbaab4b82525bc4ca800fe8a49"
LAYERS = [
    (MODEL_MEDIA_TYPE, MODEL_DIGEST, 4_683_073_184),
    (
        "application/vnd.ollama.image.template",
        "sha256:369ca498f347f710d068cbb38bf0b8692dd3fa30f30ca2ff755e211c94768150",
        387,
    ),
    (
        "application/vnd.ollama.image.license",
        "sha256:6e4c38e1172f42fdbff13edf9a7a017679fb82b0fde415a3e8b3c31c6ed4a4e4",
        1065,
    ),
    (
        "application/vnd.ollama.image.params",
        "sha256:f4d24e9138dd4603380add165d2b0d970bef471fac194b436ebd50e6147c6588",
        148,
    ),
]
CONFIG_BYTES = 487
MANIFEST_PATH = "/v2/library/deepseek-r1/manifests/7b"
BLOB_PATH = f"/v2/library/deepseek-r1/blobs/{MODEL_DIGEST}"


def manifest(layers: object) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "digest": "sha256:40fb844194b25e429204e5163fb379ab462978a262b86aadd73d8944445c09fd",
                "size": CONFIG_BYTES,
            },
            "layers": layers,
        }
    ).encode()


@pytest.fixture
def registry(server: FileServer) -> FileServer:
    layers = [{"mediaType": kind, "digest": digest, "size": size} for kind, digest, size in LAYERS]
    server.put(MANIFEST_PATH, manifest(layers))
    return server


def test_a_manifest_tells_what_a_pull_takes(registry: FileServer, hasty: Patience) -> None:
    found = read_manifest("deepseek-r1:7b", registry_url=registry.url, patience=hasty)

    assert found.model_bytes == 4_683_073_184
    assert found.total_bytes == 4_683_075_271
    assert [layer.digest for layer in found.layers] == [digest for _, digest, _ in LAYERS]


def test_the_weights_header_is_read_from_where_the_registry_redirects(
    registry: FileServer,
    make_server: Callable[[], FileServer],
    write_gguf: Callable[..., bytes],
    hasty: Patience,
) -> None:
    storage = make_server()
    header = write_gguf(
        {"general.file_type": 15, "general.architecture": "qwen2"},
        [("token_embd.weight", (1024, 256), 12)],
        with_data=False,
    )
    blob = storage.put("/object", header, size=4_683_073_184)
    registry.always[BLOB_PATH] = registry.status(307, {"Location": blob})

    model = open_library_model("deepseek-r1:7b", registry_url=registry.url, patience=hasty)

    assert model.checkpoint.quantization == "Q4_K_M"
    assert model.checkpoint.tensor_bytes == 1024 * 144
    assert model.checkpoint.file_bytes == 4_683_075_271
    assert model.gguf_metadata is not None
    assert model.gguf_metadata["general.architecture"] == "qwen2"
    assert storage.sent_bytes < 1_000_000


@pytest.mark.parametrize(
    ("name", "base_url", "tag"),
    [
        ("qwen3", "https://registry.ollama.ai/v2/library/qwen3", "latest"),
        ("qwen3:8b-q8_0", "https://registry.ollama.ai/v2/library/qwen3", "8b-q8_0"),
        ("someone/model:tag", "https://registry.ollama.ai/v2/someone/model", "tag"),
        ("hf.co/owner/repo-GGUF:Q4_K_M", "https://hf.co/v2/owner/repo-GGUF", "Q4_K_M"),
        ("http://localhost:5000/a/b:c", "http://localhost:5000/v2/a/b", "c"),
    ],
)
def test_a_name_is_completed_as_ollama_completes_it(name: str, base_url: str, tag: str) -> None:
    parsed = OllamaName.parse(name)

    assert (parsed.base_url, parsed.tag) == (base_url, tag)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b/c/d", "model:", "x:y:z", "ftp://host/a/b", "a//b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="is no name of a model"):
        OllamaName.parse(name)


def test_a_model_that_is_not_there_is_named_by_its_address(server: FileServer, hasty: Patience) -> None:
    with pytest.raises(WeightsError, match=r"/v2/library/none/manifests/latest answers with status 404"):
        read_manifest("none", registry_url=server.url, patience=hasty)


def test_a_model_of_the_cloud_has_no_weights_to_read(server: FileServer, hasty: Patience) -> None:
    layer = {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "6" * 64, "size": 1}
    server.put(MANIFEST_PATH, manifest([layer]))

    with pytest.raises(WeightsError, match="has no layer with a GGUF file"):
        open_library_model("deepseek-r1:7b", registry_url=server.url, patience=hasty)


def test_a_blob_of_another_length_than_the_manifest_says_is_refused(
    registry: FileServer, write_gguf: Callable[..., bytes], hasty: Patience
) -> None:
    registry.put(BLOB_PATH, write_gguf({}, []))

    with pytest.raises(WeightsError, match="and the manifest says 4,683,073,184"):
        open_library_model("deepseek-r1:7b", registry_url=registry.url, patience=hasty)


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b"{}",
        manifest([]),
        manifest([3]),
        manifest([{"mediaType": MODEL_MEDIA_TYPE, "digest": "../../etc", "size": 1}]),
        manifest([{"mediaType": MODEL_MEDIA_TYPE, "digest": MODEL_DIGEST, "size": -1}]),
        manifest([{"mediaType": MODEL_MEDIA_TYPE, "digest": MODEL_DIGEST, "size": "1"}]),
    ],
)
def test_what_is_no_manifest_is_refused(server: FileServer, hasty: Patience, body: bytes) -> None:
    server.put(MANIFEST_PATH, body)

    with pytest.raises(WeightsError, match="gives no manifest of a model"):
        read_manifest("deepseek-r1:7b", registry_url=server.url, patience=hasty)
