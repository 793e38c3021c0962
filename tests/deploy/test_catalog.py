"""The catalog: what is in it, how models are found, and that a bad file is refused."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import deploy
from deploy.catalog import load_catalog
from stillroom.errors import PlanError


def test_catalog_holds_the_distills_the_0528_student_and_the_bundled_model() -> None:
    tags = {model.tag for model in load_catalog().models}
    assert tags == {
        "deepseek-r1:1.5b",
        "deepseek-r1:7b",
        "deepseek-r1:8b",
        "deepseek-r1:8b-llama-distill",
        "deepseek-r1:14b",
        "deepseek-r1:32b",
        "deepseek-r1:70b",
        "smollm2:135m",
    }
    assert load_catalog().bundled.tag == "smollm2:135m"


def test_every_distill_names_its_teacher_its_base_its_scores_and_their_source() -> None:
    for model in load_catalog().models:
        if not model.bundled:
            assert model.teacher.startswith("deepseek-ai/DeepSeek-R1")
            assert model.base
            assert model.scores["gpqa_diamond_pass1"] > 30
            assert model.scores_source
            assert model.gguf_files["Q4_K_M"].endswith("Q4_K_M.gguf")


@pytest.mark.parametrize(
    "name",
    [
        "deepseek-r1:7b",
        "DeepSeek-R1:7B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "DeepSeek-R1-Distill-Qwen-7B",
        " deepseek-r1:7b-qwen-distill ",
    ],
)
def test_a_model_is_found_by_tag_id_or_alias_in_any_case(name: str) -> None:
    assert load_catalog().find(name).id == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"


def test_no_two_models_share_a_name() -> None:
    names = [name.lower() for model in load_catalog().models for name in model.names]
    assert len(names) == len(set(names))


def test_an_unknown_model_is_refused_with_near_names() -> None:
    with pytest.raises(PlanError, match=r"deepseek-r1:17b.*deepseek-r1:7b") as raised:
        load_catalog().find("deepseek-r1:17b")
    assert raised.value.hint == "stillroom models list"


def test_models_are_frozen() -> None:
    model = load_catalog().models[0]
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
