"""The catalog: what is in it, how models are found, and that a bad file is refused."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import deploy
from deploy.architectures.tensors import parameter_count
from deploy.catalog import Catalog, CatalogModel, load_catalog
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.quantizations.quantization import FORMATS
from stillroom.errors import PlanError

CATALOG = load_catalog()
MODELS = [pytest.param(model, id=model.tag) for model in CATALOG.models]


@pytest.mark.parametrize("model", MODELS)
def test_a_models_shape_gives_exactly_its_parameters(model: CatalogModel) -> None:
    assert parameter_count(model.architecture) == model.parameters
    assert model.architecture.estimated == ""


@pytest.mark.parametrize("model", MODELS)
def test_every_number_names_its_source(model: CatalogModel) -> None:
    assert model.source
    assert model.parameters_source
    assert bool(model.scores) == bool(model.scores_source)
    assert all(0 < score <= 100 for name, score in model.scores.items() if name != "codeforces_rating")
    assert model.license
    assert model.license_note or not model.license.startswith("LicenseRef-")


@pytest.mark.parametrize("model", MODELS)
def test_weights_are_listed_by_quantizations_that_exist_in_their_file_format(model: CatalogModel) -> None:
    gguf = {*model.gguf_files, *model.ollama_tags}
    assert gguf <= {name for name, file_format in FORMATS if file_format == "gguf"}
    assert {*model.repos, model.published_in} <= {name for name, kind in FORMATS if kind == "safetensors"}
    assert bool(model.gguf_repo) or model.bundled or not model.gguf_files
    for quantization in gguf:
        assert compute_checkpoint(model.architecture, quantization, file_format="gguf").tensor_bytes > 0


@pytest.mark.parametrize("model", MODELS)
def test_every_name_of_a_model_finds_it(model: CatalogModel) -> None:
    for name in model.names:
        assert CATALOG.resolve(name) == (model, None)
    for name, quantization in model.quantized_names.items():
        assert CATALOG.resolve(name) == (model, quantization)


def test_no_two_models_share_a_name() -> None:
    names = [name.lower() for model in CATALOG.models for name in (*model.names, *model.quantized_names)]
    assert len(names) == len(set(names))


def test_the_catalog_holds_the_distills_their_teacher_and_the_models_that_people_run() -> None:
    tags = {model.tag for model in CATALOG.models}
    distills = {
        f"deepseek-r1:{size}" for size in ("1.5b", "7b", "8b", "8b-llama-distill", "14b", "32b", "70b")
    }
    others = {"deepseek-r1:671b", "qwen3:30b-a3b", "llama3.3:70b", "gpt-oss:20b", "gemma3:27b", "phi4:14b"}
    assert distills | others <= tags
    assert CATALOG.bundled.tag == "smollm2:135m"


def test_every_distill_names_its_teacher_its_base_and_its_score() -> None:
    for model in CATALOG.models:
        if "Distill" in model.id or model.id.endswith("0528-Qwen3-8B"):
            assert model.teacher.startswith("deepseek-ai/DeepSeek-R1")
            assert model.base
            assert model.scores["gpqa_diamond_pass1"] > 30
            assert model.gguf_files["Q4_K_M"].endswith("Q4_K_M.gguf")


@pytest.mark.parametrize(
    ("name", "tag", "quantization"),
    [
        ("deepseek-r1", "deepseek-r1:8b", None),
        ("deepseek-r1:latest", "deepseek-r1:8b", None),
        ("DeepSeek-R1:14B", "deepseek-r1:14b", None),
        (" deepseek-r1:7b-qwen-distill ", "deepseek-r1:7b", None),
        ("deepseek-ai/DeepSeek-R1", "deepseek-r1:671b", None),
        ("DeepSeek-R1-Distill-Qwen-14B", "deepseek-r1:14b", None),
        ("https://huggingface.co/Qwen/Qwen3-8B/", "qwen3:8b", None),
        ("deepseek-r1:14b-qwen-distill-q4_K_M", "deepseek-r1:14b", "Q4_K_M"),
        ("deepseek-r1:14b-q8_0", "deepseek-r1:14b", "Q8_0"),
        ("llama3.1:8b-instruct-q3_K_L", "llama3.1:8b", "Q3_K_L"),
        ("qwen3:8b-fp16", "qwen3:8b", "F16"),
        ("hf.co/bartowski/phi-4-GGUF:Q6_K", "phi4:14b", "Q6_K"),
        ("phi-4-Q4_K_M.gguf", "phi4:14b", "Q4_K_M"),
        ("Qwen/Qwen3-8B-AWQ", "qwen3:8b", "AWQ"),
        ("RedHatAI/DeepSeek-R1-Distill-Qwen-7B-FP8-dynamic", "deepseek-r1:7b", "FP8"),
        ("gpt-oss:20b", "gpt-oss:20b", None),
    ],
)
def test_ollamas_and_hugging_faces_names_are_both_understood(
    name: str, tag: str, quantization: str | None
) -> None:
    model, found = CATALOG.resolve(name)
    assert (model.tag, found) == (tag, quantization)
    assert CATALOG.find(name) is model


@pytest.mark.parametrize("name", ["deepseek-r1:17b", "deepseek-r1:17b-q4_K_M"])
def test_an_unknown_model_is_refused_with_near_names(name: str) -> None:
    with pytest.raises(PlanError, match=rf"{name}.*deepseek-r1:7b") as raised:
        CATALOG.find(name)
    assert raised.value.hint == "stillroom models list"


@pytest.mark.parametrize("name", ["", "  ", "zzz", "phi-4-", "phi-4-Q9_K", ":Q4_K_M"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="the catalog has no model"):
        CATALOG.find(name)


def test_what_ollama_builds_differently_is_told() -> None:
    ollama_bytes = {
        "deepseek-r1:8b": 5_225_376_047,
        "deepseek-r1:671b": 404_430_188_519,
        "qwen3:0.6b": 522_653_767,
    }
    for tag, file_bytes in ollama_bytes.items():
        model = CATALOG.find(tag)
        told = compute_checkpoint(model.architecture, "Q4_K_M", **model.ollama_build)
        assert 0 < file_bytes - told.tensor_bytes < 10_000_000


def test_a_catalog_without_a_bundled_model_says_so() -> None:
    with pytest.raises(PlanError, match="no bundled model"):
        _ = Catalog(()).bundled


def test_models_are_frozen() -> None:
    model = CATALOG.models[0]
    with pytest.raises(FrozenInstanceError):
        model.tag = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        model.scores["gpqa_diamond_pass1"] = 100.0  # type: ignore[index]


def test_a_catalog_with_a_wrong_type_is_refused_at_its_place(tmp_path: Path) -> None:
    document = json.loads(Path(deploy.__file__).with_name("catalog.json").read_text())
    document["models"][1]["parameters"] = "7B"
    broken = tmp_path / "catalog.json"
    broken.write_text(json.dumps(document))
    with pytest.raises(PlanError, match=r"models\.1\.parameters"):
        load_catalog(broken)


def test_a_catalog_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        load_catalog(tmp_path / "missing.json")
