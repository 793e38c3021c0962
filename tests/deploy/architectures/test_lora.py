"""What a LoRA adapter adds, from its configuration and from its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.architectures.lora import load_adapter, read_adapter
from deploy.architectures.shape import Architecture, Attention, Experts, FeedForward, LatentAttention, Layer
from stillroom.errors import PlanError, StillroomError

if TYPE_CHECKING:
    from pathlib import Path

LLAMA = Architecture("llama", 64, 1000, (Layer(Attention(4, 2, 16, 16), FeedForward(128)),) * 2, 512)
QUERIES_AND_VALUES: dict[str, Any] = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"]}
# Rows plus columns of each projection of a layer.
QUERY = OUTPUT = 64 + 64
KEY = VALUE = 32 + 64
GATE = UP = DOWN = 128 + 64


def elements(config: dict[str, Any], architecture: Architecture = LLAMA) -> int:
    return read_adapter(config, architecture, source="adapter").total_bytes // 2


def test_two_matrices_a_projection_are_counted_in_every_layer() -> None:
    assert elements(QUERIES_AND_VALUES) == 2 * 8 * (QUERY + VALUE)


def test_all_linear_leaves_embedding_and_output_out() -> None:
    everything = {**QUERIES_AND_VALUES, "target_modules": "all-linear"}
    assert elements(everything) == 2 * 8 * (QUERY + KEY + VALUE + OUTPUT + GATE + UP + DOWN)


def test_a_regular_expression_is_read_for_the_names_in_it() -> None:
    pattern = {**QUERIES_AND_VALUES, "target_modules": r".*\.self_attn\.(q_proj|v_proj)"}
    assert elements(pattern) == elements(QUERIES_AND_VALUES)


def test_a_name_may_carry_its_block() -> None:
    assert elements({**QUERIES_AND_VALUES, "target_modules": ["self_attn.q_proj"]}) == 2 * 8 * QUERY


def test_ranks_of_their_own_are_applied_and_the_highest_is_the_adapters() -> None:
    adapter = read_adapter({**QUERIES_AND_VALUES, "rank_pattern": {"v_proj": 16}}, LLAMA, source="adapter")
    assert adapter.total_bytes == 2 * 2 * (8 * QUERY + 16 * VALUE)
    assert adapter.rank == 16


def test_only_the_named_layers_are_counted() -> None:
    assert elements({**QUERIES_AND_VALUES, "layers_to_transform": [1]}) == 8 * (QUERY + VALUE)
    assert elements({**QUERIES_AND_VALUES, "layers_to_transform": 0}) == 8 * (QUERY + VALUE)


def test_modules_saved_whole_are_counted_whole() -> None:
    saved = {**QUERIES_AND_VALUES, "modules_to_save": ["lm_head", "embed_tokens"]}
    assert elements(saved) - elements(QUERIES_AND_VALUES) == 2 * 1000 * 64


def test_dora_adds_one_magnitude_a_row() -> None:
    assert elements({**QUERIES_AND_VALUES, "use_dora": True}) - elements(QUERIES_AND_VALUES) == 2 * (64 + 32)


def test_every_expert_has_an_adapter_of_its_own() -> None:
    mixture = Architecture("mixtral", 64, 1000, (Layer(Attention(4, 2, 16, 16), Experts(8, 2, 32)),), 512)
    assert elements({**QUERIES_AND_VALUES, "target_modules": ["up_proj"]}, mixture) == 8 * 8 * (32 + 64)


def test_the_split_expansion_of_latent_attention_counts_as_the_one_projection_that_it_was() -> None:
    latent = Architecture(
        "deepseek_v2", 64, 1000, (Layer(LatentAttention(4, 0, 32, 16, 8, 12), FeedForward(128)),), 512
    )
    expected = 8 * (32 + 4 * (16 + 12))
    assert elements({**QUERIES_AND_VALUES, "target_modules": ["kv_b_proj"]}, latent) == expected


def test_an_adapter_that_touches_nothing_of_the_model_is_refused() -> None:
    with pytest.raises(PlanError, match="target_modules"):
        read_adapter({**QUERIES_AND_VALUES, "target_modules": ["c_attn"]}, LLAMA, source="adapter")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("r", None),
        ("r", 0),
        ("r", "8"),
        ("peft_type", "PROMPT_TUNING"),
        ("target_modules", None),
        ("target_modules", 3),
        ("target_modules", [3]),
        ("rank_pattern", [1]),
        ("rank_pattern", {"q_proj": -1}),
        ("layers_to_transform", "all"),
        ("use_dora", "yes"),
    ],
)
def test_a_field_that_cannot_be_is_named(field: str, value: object) -> None:
    name = "q_proj" if value == {"q_proj": -1} else field
    with pytest.raises(StillroomError, match=name):
        read_adapter({**QUERIES_AND_VALUES, field: value}, LLAMA, source="adapter")


def test_weights_beside_the_configuration_are_known_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(QUERIES_AND_VALUES))
    assert not load_adapter(tmp_path, LLAMA).exact
    (tmp_path / "adapter_model.safetensors").write_bytes(b"\0" * 1234)
    adapter = load_adapter(tmp_path, LLAMA)
    assert (adapter.total_bytes, adapter.exact, adapter.rank, adapter.name) == (1234, True, 8, tmp_path.name)


@pytest.mark.parametrize(
    ("content", "named"), [(None, "cannot be read"), ("{", "not JSON"), ("[]", "is a list")]
)
def test_a_folder_without_an_adapter_is_named(tmp_path: Path, content: str | None, named: str) -> None:
    if content is not None:
        (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(PlanError, match=named):
        load_adapter(tmp_path, LLAMA)


def test_an_adapters_configuration_without_an_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "adapter_config.json").open("wb") as file:
        file.truncate(1024 * 1024 + 1)
    with pytest.raises(PlanError, match="cannot be read: it has more than 1,048,576 bytes"):
        load_adapter(tmp_path, LLAMA)
