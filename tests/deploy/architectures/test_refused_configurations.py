"""Configurations that no shape is read from: each is refused by the field or the file that is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deploy.architectures.hugging_face import load_config
from deploy.architectures.tensors import parameter_count
from stillroom.errors import PlanError, StillroomError
from tests.deploy.architectures.conftest import LLAMA, MODELS, NAMED, shape


@pytest.mark.parametrize(
    "field",
    [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "vocab_size",
        "model_type",
    ],
)
def test_a_missing_field_is_named(field: str) -> None:
    config = {name: value for name, value in LLAMA.items() if name != field}
    with pytest.raises(PlanError, match=field):
        shape(config)


@pytest.mark.parametrize("value", [0, -1, True, "4096", 10**8, 1.5, [4096], {}, float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "num_key_value_heads", "vocab_size"])
def test_a_value_that_no_model_has_is_refused_with_its_field(field: str, value: object) -> None:
    with pytest.raises(PlanError, match=field) as caught:
        shape({**LLAMA, field: value})
    assert caught.value.hint


def test_heads_that_the_kv_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(
        PlanError, match=r"num_key_value_heads is 7, and a divisor of num_attention_heads, which is 32"
    ):
        shape({**LLAMA, "num_key_value_heads": 7})


def test_more_active_experts_than_there_are_is_refused() -> None:
    with pytest.raises(PlanError, match="num_experts_per_tok is 9"):
        shape({**NAMED["Qwen/Qwen3-30B-A3B"]["config"], "num_experts": 8, "num_experts_per_tok": 9})


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({**LLAMA, "layer_types": ["mamba"] * 32}, "mamba"),
        ({**LLAMA, "layer_types": ["full_attention"]}, "layer_types"),
        ({**LLAMA, "hybrid_override_pattern": "M-M*"}, "hybrid_override_pattern"),
        ({**LLAMA, "model_type": "bert"}, "bert"),
        ({**LLAMA, "is_encoder_decoder": True}, "model_type"),
        ({**LLAMA, "text_config": 3}, "text_config"),
        ({**LLAMA, "rope_scaling": "linear"}, "rope_scaling"),
        ({**LLAMA, "model_type": 7}, "model_type"),
    ],
)
def test_what_is_no_such_decoder_is_refused_by_name(config: dict[str, Any], named: str) -> None:
    with pytest.raises(PlanError, match=named):
        shape(config)


ONE_A_FAMILY = {model["config"]["model_type"]: model for model in reversed(MODELS)}.values()
WRONG: list[object] = [None, True, -1, 0, 1, 3, 10**30, 1e300, "x", "", [], [None], [1], {}, {"a": {}}, b"x"]
MORE_FIELDS = [
    "first_k_dense_replace",
    "kv_lora_rank",
    "layer_types",
    "linear_num_value_heads",
    "mlp_layer_types",
    "mlp_only_layers",
    "moe_layer_freq",
    "n_routed_experts",
    "num_kv_shared_layers",
    "partial_rotary_factor",
    "quantization_config",
    "rope_scaling",
    "sliding_window",
    "sliding_window_pattern",
    "text_config",
    "torch_dtype",
]


@pytest.mark.parametrize("model", ONE_A_FAMILY, ids=lambda model: str(model["config"]["model_type"]))
def test_no_single_wrong_value_raises_anything_but_our_errors(model: dict[str, Any]) -> None:
    for field in [*model["config"], *MORE_FIELDS]:
        for value in WRONG:
            try:
                architecture = shape({**model["config"], field: value})
            except StillroomError:
                continue
            assert parameter_count(architecture) > 0


def test_a_file_or_its_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert load_config(tmp_path) == load_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"{", "not JSON"), (b"[1]", "is a list"), (b"\xff\xfe\xfa", "not JSON"), (b"[" * 100_000, "not JSON")],
    ids=["cut", "list", "binary", "deep"],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=named) as caught:
        load_config(path)
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nothing\.json cannot be read"):
        load_config(tmp_path / "nothing.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_or_has_no_end_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is a pipe"),
        (tmp_path / "huge.json", "more than 16,777,216 bytes"),
        (Path("/dev/zero"), "it is a device"),
    ):
        with pytest.raises(PlanError, match=reason) as caught:
            load_config(path)
        assert str(path) in caught.value.message
