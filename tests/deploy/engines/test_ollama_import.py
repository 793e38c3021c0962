"""Giving Ollama what is on this machine: files, folders, adapters, and their quantization on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deploy.weights import BUNDLED_BYTES, BUNDLED_FILE, BUNDLED_SHA256
from stillroom.errors import EngineError, WeightsError
from tests.deploy.engines.recorded_ollama import CUTS, RECORDED_MODEL, RecordedOllama, derived, make
from tests.deploy.planning.conftest import TINY_CONFIG, tiny_gguf, tiny_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.weights import WeightsFile

LAYER = "sha256:96c415656d377afbff962f6cdb2394ab092ccbcbaab4b82525bc4ca800fe8a49"
BUNDLED_DIGEST = f"sha256:{BUNDLED_SHA256}"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A small model in 16 bits."""
    path = tmp_path / "tiny-f16.gguf"
    path.write_bytes(tiny_gguf(**{"general.file_type": 1}))
    return path


def test_a_file_that_ollama_has_is_not_sent_again_nor_read(
    recorded_ollama: RecordedOllama, bundled_weights: WeightsFile
) -> None:
    recorded_ollama.blobs[BUNDLED_DIGEST] = BUNDLED_BYTES

    said = make(recorded_ollama, derived(bundled_weights.path))

    assert [(asked.method, asked.path) for asked in recorded_ollama.requests] == [
        ("GET", "/api/version"),
        ("HEAD", f"/api/blobs/{BUNDLED_DIGEST}"),
        ("POST", "/api/create"),
    ]
    assert recorded_ollama.requests[-1].body["files"] == {BUNDLED_FILE: BUNDLED_DIGEST}
    assert "from" not in recorded_ollama.requests[-1].body
    assert not any("checksum" in sentence for sentence in said)


def test_a_file_that_ollama_lacks_is_read_once_for_its_checksum_and_sent_once(
    recorded_ollama: RecordedOllama, gguf: Path
) -> None:
    said = make(recorded_ollama, derived(gguf))

    (digest,) = recorded_ollama.blobs
    assert recorded_ollama.asked(f"/api/blobs/{digest}") == [0, gguf.stat().st_size]
    assert said[0] == "reads tiny-f16.gguf for its checksum: 1 of 3 MB"
    assert any(sentence.startswith("gives tiny-f16.gguf to Ollama: 3 of 3 MB") for sentence in said)
    assert recorded_ollama.asked("/api/create")[0]["files"] == {"tiny-f16.gguf": digest}


def test_a_file_that_changes_while_it_is_sent_is_told(recorded_ollama: RecordedOllama, gguf: Path) -> None:
    recorded_ollama.answer_with("blob_head_missing", "blob_post_wrong_digest")

    with pytest.raises(EngineError, match=r"the file changed while it was sent \(digest mismatch") as caught:
        make(recorded_ollama, derived(gguf))

    assert caught.value.hint == "run the same command again"


def test_a_file_cut_short_is_refused_before_anything_is_asked(
    recorded_ollama: RecordedOllama, gguf: Path
) -> None:
    gguf.write_bytes(gguf.read_bytes()[:-4096])

    with pytest.raises(WeightsError, match="tiny-f16"):
        make(recorded_ollama, derived(gguf))

    assert recorded_ollama.requests == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("create_truncated_gguf", "the file is damaged or no GGUF file (tensor"),
        ("create_not_gguf", "the file is damaged or no GGUF file (supplied file was not in GGUF format)"),
        ("create_missing_blob", "a file that was given to it is gone again (open MODELS/blobs/sha256-1111"),
        ("create_from_missing_model", "it cannot reach where its models come from (pull model manifest"),
        ("create_bad_template", "the model's template cannot be read (template error"),
        ("create_bad_name", "that is no name of a model (invalid model name)"),
        ("create_no_from", "neither 'from' or 'files' was specified"),
        ("create_quantize_from_quantized", "it cannot quantize that (quantization is only supported for"),
        ("create_quantize_bad_type", "it cannot quantize that (unsupported quantization type Q4_9"),
        ("create_quantize_q5_K_M", "it cannot quantize that (unsupported quantization type Q5_K_M"),
    ],
)
def test_a_model_that_ollama_will_not_make_is_told_with_its_words(
    recorded_ollama: RecordedOllama, gguf: Path, name: str, said: str
) -> None:
    recorded_ollama.answer_with(name)

    with pytest.raises(EngineError) as caught:
        make(recorded_ollama, derived(gguf))

    assert caught.value.message.startswith(
        f"Ollama could not make stillroom-tiny:ctx2048-01234567 from {gguf}"
    )
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("quantize", "name"), [("Q4_K_M", "q4_K_M"), ("Q8_0", "q8_0")])
@pytest.mark.parametrize("cut", CUTS)
def test_sixteen_bits_are_quantized_while_they_are_taken(
    recorded_ollama: RecordedOllama, gguf: Path, quantize: str, name: str, cut: str
) -> None:
    recorded_ollama.cut = cut
    recorded_ollama.answer_with(f"create_quantize_{name}")

    make(recorded_ollama, derived(gguf, quantize=quantize))

    assert recorded_ollama.asked("/api/create")[0]["quantize"] == quantize


def test_what_is_quantized_already_is_refused_before_it_is_sent(
    recorded_ollama: RecordedOllama, bundled_weights: WeightsFile
) -> None:
    with pytest.raises(EngineError, match="is Q4_1 already, and only F16, BF16 and F32 can be"):
        make(recorded_ollama, derived(bundled_weights.path, quantize="Q8_0"))
    with pytest.raises(EngineError, match="smollm2:135m is Q4_1 already"):
        make(recorded_ollama, derived(RECORDED_MODEL, quantize="Q8_0"))

    assert {asked.method for asked in recorded_ollama.requests} == {"GET"}


def test_a_folder_of_safetensors_goes_with_its_configuration_and_vocabulary(
    recorded_ollama: RecordedOllama, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY_CONFIG), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(tiny_safetensors())
    (tmp_path / "tokenizer.model").write_bytes(b"words")
    (tmp_path / "README.md").write_text("not asked for", encoding="utf-8")

    make(recorded_ollama, derived(tmp_path))

    files = recorded_ollama.asked("/api/create")[0]["files"]
    assert set(files) == {"config.json", "model.safetensors", "tokenizer.model"}
    assert set(files.values()) == set(recorded_ollama.blobs)


@pytest.mark.parametrize("form", ["a GGUF file", "a folder with one", "a folder of safetensors"])
def test_a_lora_adapter_goes_by_its_files(
    recorded_ollama: RecordedOllama, tmp_path: Path, form: str, write_adapter: Callable[[str], Path]
) -> None:
    adapter = write_adapter(form)

    make(recorded_ollama, derived(RECORDED_MODEL, adapters=(str(adapter),)))

    sent = recorded_ollama.asked("/api/create")[0]["adapters"]
    expected = {"adapter_config.json", "adapter_model.safetensors"}
    assert set(sent) == (expected if "safetensors" in form else {"lora.gguf"})
    assert set(sent.values()) == set(recorded_ollama.blobs)
    assert list(tmp_path.iterdir())


@pytest.fixture
def write_adapter(tmp_path: Path) -> Callable[[str], Path]:
    """A LoRA adapter in one of its forms."""

    def write(form: str) -> Path:
        folder = tmp_path / "lora"
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
        (folder / "adapter_model.safetensors").write_bytes(tiny_safetensors())
        if "safetensors" in form:
            return folder
        (folder / "lora.gguf").write_bytes(b"GGUF")
        return folder / "lora.gguf" if "file" in form else folder

    return write


def test_an_adapter_that_is_not_there_is_told(recorded_ollama: RecordedOllama, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"there is no LoRA adapter in .*nowhere"):
        make(recorded_ollama, derived(RECORDED_MODEL, adapters=(str(tmp_path / "nowhere"),)))


def test_versions_that_no_longer_convert_are_told_before_gigabytes_are_sent(
    recorded_ollama: RecordedOllama, gguf: Path, tmp_path: Path
) -> None:
    recorded_ollama.version = "0.34.2"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_CONFIG), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(tiny_safetensors())

    with pytest.raises(EngineError, match=r"Ollama 0\.34\.2 takes no LoRA adapters.*0\.34\.0 was the last"):
        make(recorded_ollama, derived(RECORDED_MODEL, adapters=("/loras/mine",)))
    with pytest.raises(EngineError, match=r"Ollama 0\.34\.2 does not quantize, and .*tiny-f16\.gguf"):
        make(recorded_ollama, derived(gguf, quantize="Q8_0"))
    with pytest.raises(EngineError, match="does not convert safetensors to GGUF") as caught:
        make(recorded_ollama, derived(folder))

    assert caught.value.hint.startswith(f"convert_hf_to_gguf.py {folder}")
    assert {asked.path for asked in recorded_ollama.requests} == {"/api/version"}
    make(recorded_ollama, derived(gguf))
    assert recorded_ollama.asked("/api/create")
