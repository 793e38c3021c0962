"""Models opened from folders, a hub, and plain web servers, without their weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.hub import open_model
from deploy.checkpoints.opened_model import quantization_of_name
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deploy.checkpoints.patience import Patience
    from deploy.weights import WeightsFile
    from tests.deploy.checkpoints.conftest import FileServer

REPO = "owner/model"
TREE = f"/api/models/{REPO}/tree/main"
TOKEN = "hf_made_up"
LFS_BYTES = 5_027_784_512


def tensors(count: int) -> list[tuple[str, tuple[int, ...], int]]:
    return [(f"blk.{layer}.ffn_up.weight", (512, 256), 12) for layer in range(count)]


def serve_repository(
    server: FileServer, files: Mapping[str, bytes], *, sizes: Mapping[str, int] | None = None
) -> None:
    """A hub with one repository, its list included."""
    listed = [{"type": "directory", "path": "folder", "oid": "x"}]
    for path, data in files.items():
        size = (sizes or {}).get(path, len(data))
        server.put(f"/{REPO}/resolve/main/{path}", data, size=size)
        listed.append({"type": "file", "path": path, "size": size})  # type: ignore[dict-item]
    server.put(TREE, json.dumps(listed).encode())


@pytest.fixture
def ggufs(write_gguf: Callable[..., bytes]) -> dict[str, bytes]:
    """A repository of several quantizations, one of them in parts, beside a projector."""
    split = {"split.count": 2, "split.tensors.count": 2}
    return {
        "README.md": b"# model",
        "model-Q4_K_M.gguf": write_gguf({"general.file_type": 15}, tensors(3)),
        "model-Q8_0.gguf": write_gguf({"general.file_type": 7}, tensors(4)),
        "BF16/model-BF16-00001-of-00002.gguf": write_gguf({"general.file_type": 32, **split}, tensors(1)),
        "BF16/model-BF16-00002-of-00002.gguf": write_gguf(split, [("output_norm.weight", (256,), 0)]),
        "mmproj-F16.gguf": b"not read",
    }


def test_the_bundled_file_is_opened_by_its_path(bundled_weights: WeightsFile) -> None:
    model = open_model(str(bundled_weights.path))

    assert model.checkpoint.file_bytes == bundled_weights.bytes
    assert model.gguf_metadata is not None
    assert model.gguf_metadata["llama.block_count"] == 30
    assert model.tensor_shapes["blk.0.ffn_down.weight"] == (576, 1536)
    assert str(bundled_weights.path) in model.checkpoint.source


@pytest.mark.parametrize(
    ("reference", "quantization", "found", "count"),
    [
        (REPO, None, "Q4_K_M", 3),
        (REPO, "q8_0", "Q8_0", 4),
        (f"{REPO}:Q8_0", "Q4_K_M", "Q8_0", 4),
        (f"hf.co/{REPO}:BF16", None, "BF16", 2),
        (f"https://huggingface.co/{REPO}", None, "Q4_K_M", 3),
        (f"https://huggingface.co/{REPO}/tree/main/BF16", "BF16", "BF16", 2),
        (f"https://huggingface.co/{REPO}/blob/main/model-Q8_0.gguf", None, "Q8_0", 4),
        (f"https://huggingface.co/{REPO}/resolve/main/BF16/model-BF16-00002-of-00002.gguf", None, "BF16", 2),
    ],
)
def test_a_repository_gives_the_quantization_that_is_asked_for(  # noqa: PLR0917  one row a parameter
    server: FileServer,
    ggufs: dict[str, bytes],
    hasty: Patience,
    reference: str,
    quantization: str | None,
    found: str,
    count: int,
) -> None:
    serve_repository(server, ggufs)

    model = open_model(reference, quantization=quantization, hub_url=server.url, patience=hasty)

    assert model.checkpoint.quantization == found
    assert len(model.checkpoint.tensors) == count
    assert model.config is None


def test_a_quantization_that_is_not_there_lists_those_that_are(
    server: FileServer, ggufs: dict[str, bytes], hasty: Patience
) -> None:
    serve_repository(server, ggufs)

    with pytest.raises(WeightsError, match="no GGUF file at Q2_K; there are BF16, Q4_K_M, Q8_0"):
        open_model(REPO, quantization="Q2_K", hub_url=server.url, patience=hasty)


@pytest.mark.parametrize(
    ("names", "said", "hint"),
    [
        (["model-Q8_0.gguf", "model-BF16.gguf"], "BF16, Q8_0", "--quant BF16"),
        (["one.gguf", "two.gguf"], "one.gguf, two.gguf", "the path of one of them"),
    ],
)
def test_several_files_of_which_none_was_chosen_are_listed(
    tmp_path: Path, ggufs: dict[str, bytes], names: list[str], said: str, hint: str
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(ggufs["model-Q8_0.gguf"])

    with pytest.raises(WeightsError) as raised:
        open_model(str(tmp_path))

    assert raised.value.message == f"{tmp_path} has several GGUF files, and none was chosen: {said}"
    assert hint in raised.value.hint


def test_gigabytes_of_weights_are_known_from_less_than_a_megabyte(
    server: FileServer, write_gguf: Callable[..., bytes], hasty: Patience
) -> None:
    name = "model-Q4_K_M.gguf"
    header = write_gguf({"tokenizer.ggml.tokens": ["token"] * 5000}, tensors(36), with_data=False)
    serve_repository(server, {name: header}, sizes={name: LFS_BYTES})

    model = open_model(REPO, hub_url=server.url, patience=hasty)

    assert model.checkpoint.file_bytes == LFS_BYTES
    assert server.sent_bytes < 1_000_000


def test_the_token_goes_to_the_hub_and_never_to_its_storage(
    make_server: Callable[[], FileServer], ggufs: dict[str, bytes], hasty: Patience
) -> None:
    hub, storage = make_server(), make_server()
    serve_repository(hub, ggufs)
    stored = storage.put("/signed", ggufs["model-Q4_K_M.gguf"])
    hub.always[f"/{REPO}/resolve/main/model-Q4_K_M.gguf"] = hub.redirect(f"{stored}?Signature=1")

    open_model(REPO, hub_url=hub.url, token=TOKEN, patience=hasty)

    assert {seen.authorization for seen in hub.seen} == {f"Bearer {TOKEN}"}
    assert {seen.authorization for seen in storage.seen} == {None}


def test_the_token_stays_at_home_when_another_server_is_read(
    make_server: Callable[[], FileServer], write_gguf: Callable[..., bytes], hasty: Patience
) -> None:
    hub, other = make_server(), make_server()
    url = other.put("/files/a.gguf", write_gguf({"general.file_type": 7}, tensors(1)))

    model = open_model(url, hub_url=hub.url, token=TOKEN, patience=hasty)

    assert model.checkpoint.quantization == "Q8_0"
    assert {seen.authorization for seen in other.seen} == {None}
    assert hub.seen == []


def test_a_list_that_goes_on_elsewhere_is_not_followed_with_the_token(
    make_server: Callable[[], FileServer], ggufs: dict[str, bytes], hasty: Patience
) -> None:
    hub, other = make_server(), make_server()
    serve_repository(hub, ggufs)
    page = hub.files[TREE].head
    hub.always[TREE] = hub.status(200, {"Link": f'<{other.url}/more>; rel="next"'}, page)
    other.put("/more", b"[]")

    open_model(REPO, hub_url=hub.url, token=TOKEN, patience=hasty)

    assert {seen.authorization for seen in other.seen} == {None}


def test_a_list_of_several_pages_is_read_to_its_end(
    server: FileServer, ggufs: dict[str, bytes], hasty: Patience
) -> None:
    serve_repository(server, ggufs)
    page = server.files[TREE].head
    server.scripts[TREE] = [
        server.status(200, {"Link": f'<{server.url}{TREE}?cursor=2>; rel="next"'}, b"[]"),
        server.status(200, {}, page),
    ]

    assert open_model(REPO, hub_url=server.url, patience=hasty).checkpoint.quantization == "Q4_K_M"
    assert [seen.path for seen in server.seen[:2]] == [f"{TREE}?recursive=true", f"{TREE}?cursor=2"]


def test_a_gated_repository_names_its_address_and_the_token_settings(
    server: FileServer, hasty: Patience
) -> None:
    server.always[TREE] = server.status(401)

    with pytest.raises(WeightsError, match=rf"{TREE} answers with status 401") as caught:
        open_model(REPO, hub_url=server.url, patience=hasty)
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize("answer", [b"{}", b"nonsense", b"<html>"])
def test_a_mirror_that_is_no_hub_is_told_so(server: FileServer, hasty: Patience, answer: bytes) -> None:
    server.put(TREE, answer)

    with pytest.raises(WeightsError, match="the list of") as caught:
        open_model(REPO, hub_url=server.url, patience=hasty)
    assert "STILLROOM_HUB_URL" in caught.value.hint


def test_a_repository_without_weights_is_told_so(server: FileServer, hasty: Patience) -> None:
    serve_repository(server, {"README.md": b"", "pytorch_model.bin": b""})

    with pytest.raises(WeightsError, match=r"neither a \.gguf file nor config\.json"):
        open_model(REPO, hub_url=server.url, patience=hasty)


def sharded(write_safetensors: Callable[..., bytes], shards: int) -> dict[str, bytes]:
    """A model in safetensors, one layer a shard."""
    files: dict[str, bytes] = {}
    weight_map = {}
    for number in range(1, shards + 1):
        file, tensor = (
            f"model-{number:05d}-of-{shards:05d}.safetensors",
            f"model.layers.{number}.mlp.up_proj.weight",
        )
        files[file] = write_safetensors({tensor: ("BF16", (64, 32))})
        weight_map[tensor] = file
    index = {"metadata": {"total_size": shards * 4096}, "weight_map": weight_map}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    files["config.json"] = b'{"model_type": "llama"}'
    files["tokenizer.json"] = bytes(1000)
    return files


@pytest.mark.parametrize("suffix", ["", "/blob/main/model-00003-of-00020.safetensors"])
def test_a_sharded_repository_is_read_shard_by_shard(
    server: FileServer, write_safetensors: Callable[..., bytes], hasty: Patience, suffix: str
) -> None:
    files = sharded(write_safetensors, 20)
    serve_repository(server, files)

    model = open_model(f"https://huggingface.co/{REPO}{suffix}", hub_url=server.url, patience=hasty)

    assert model.checkpoint.tensor_bytes == 20 * 64 * 32 * 2
    assert model.checkpoint.quantization == "BF16"
    assert model.checkpoint.file_bytes == sum(len(data) for data in files.values())
    assert model.config == {"model_type": "llama"}
    assert model.gguf_metadata is None


def test_a_missing_shard_is_named(
    server: FileServer, write_safetensors: Callable[..., bytes], hasty: Patience
) -> None:
    serve_repository(server, sharded(write_safetensors, 3))
    del server.files[f"/{REPO}/resolve/main/model-00002-of-00003.safetensors"]

    with pytest.raises(WeightsError, match=r"model-00002-of-00003\.safetensors answers with status 404"):
        open_model(REPO, hub_url=server.url, patience=hasty)


def test_a_folder_on_this_machine_is_opened_like_a_repository(
    tmp_path: Path, write_safetensors: Callable[..., bytes], ggufs: dict[str, bytes]
) -> None:
    for name, data in sharded(write_safetensors, 2).items():
        (tmp_path / name).write_bytes(data)
    plain = open_model(str(tmp_path))
    (tmp_path / "model-Q8_0.gguf").write_bytes(ggufs["model-Q8_0.gguf"])

    assert plain.checkpoint.file_format == "safetensors"
    assert len(plain.checkpoint.tensors) == 2
    assert open_model(str(tmp_path), quantization="Q8_0").checkpoint.file_format == "gguf"
    with pytest.raises(WeightsError, match="has no GGUF file at Q6_K; there are Q8_0"):
        open_model(str(tmp_path), quantization="Q6_K")


def test_a_packed_checkpoint_is_called_what_its_configuration_says(
    tmp_path: Path, write_safetensors: Callable[..., bytes]
) -> None:
    layer = "model.layers.0.mlp.up_proj"
    data = {f"{layer}.qweight": ("I32", (256, 64)), f"{layer}.scales": ("F16", (2, 512))}
    (tmp_path / "model.safetensors").write_bytes(write_safetensors(data))
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "awq", "bits": 4}}')

    model = open_model(str(tmp_path))

    assert model.checkpoint.quantization == "AWQ"
    assert model.tensor_shapes == {f"{layer}.weight": (512, 256)}
    with pytest.raises(WeightsError, match="holds safetensors in AWQ, and Q4_K_M is asked for"):
        open_model(str(tmp_path), quantization="Q4_K_M")


def test_a_file_on_a_plain_web_server_takes_the_configuration_beside_it_if_there_is_one(
    server: FileServer, write_safetensors: Callable[..., bytes], hasty: Patience
) -> None:
    data = write_safetensors({"model.norm.weight": ("F32", (4,))})
    with_config = server.put("/a/model.safetensors", data)
    server.put("/a/config.json", b'{"model_type": "qwen2"}')
    without = server.put("/b/model.safetensors", data)
    server.always["/b/config.json"] = server.status(403)  # what object storage answers

    assert open_model(with_config, patience=hasty).config == {"model_type": "qwen2"}
    assert open_model(without, patience=hasty).config is None


@pytest.mark.parametrize("config", [b"[]", b"{", b"[" * 100_000])
def test_a_configuration_that_is_none_is_refused(
    tmp_path: Path, write_safetensors: Callable[..., bytes], config: bytes
) -> None:
    (tmp_path / "model.safetensors").write_bytes(write_safetensors({"a": ("F32", (2,))}))
    (tmp_path / "config.json").write_bytes(config)

    with pytest.raises(WeightsError, match=r"the config\.json of"):
        open_model(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("UD-IQ1_S/DeepSeek-R1-0528-UD-IQ1_S-00001-of-00004.gguf", "UD-IQ1_S"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("qwen2.5-7b-instruct-q5_k_m.gguf", "Q5_K_M"),
        ("model-bf16.gguf", "BF16"),
        ("model.gguf", ""),
    ],
)
def test_a_files_name_tells_its_quantization(name: str, expected: str) -> None:
    assert quantization_of_name(name) == expected
