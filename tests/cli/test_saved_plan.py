"""A saved plan, and what ``up`` makes of it and of a machine that is not here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import ONE_MODEL, RTX_4090, refused

if TYPE_CHECKING:
    from tests.conftest import Home


def test_a_saved_plan_is_what_is_started(home: Home) -> None:
    done = home.run("plan", "deepseek-r1:14b", *ONE_MODEL, "--save", "plan.json")
    assert done.returncode == 0, done.stderr
    assert "stillroom up --plan plan.json" in done.stderr

    spec = home.json("up", "--plan", "plan.json", "--dry-run", "--port", "12345")

    assert (spec["engine"], spec["port"]) == ("ollama", 12345)
    assert spec["derived_model"]["parameters"]["num_ctx"] == 8192
    assert not home.state_dir.exists()


def test_the_hint_of_a_saved_plan_can_be_typed(home: Home) -> None:
    done = home.run("plan", "deepseek-r1:14b", *ONE_MODEL, "--save", "my plan.json")

    assert "stillroom up --plan 'my plan.json'" in done.stderr


def test_an_edited_plan_starts_nothing_and_adds_no_option(home: Home) -> None:
    home.run("plan", "deepseek-r1:7b", "--engine", "vllm", *RTX_4090, "--save", "plan.json")
    path = home.folder / "plan.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["plan"]["weights_name"] = "--trust-remote-code"
    path.write_text(json.dumps(document), encoding="utf-8")

    refused(
        home.run("up", "--plan", "plan.json", "--dry-run"),
        "plan.json holds no plan: at plan.weights_name: '--trust-remote-code'",
    )


def test_a_plan_is_not_read_from_a_device(home: Home) -> None:
    refused(home.run("up", "--plan", "/dev/zero", "--dry-run"), "/dev/zero cannot be read")


def test_a_plan_of_a_shape_alone_cannot_be_started_and_says_what_can(home: Home) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "vocab_size": 1024,
        "max_position_embeddings": 8192,
    }
    (home.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = home.run("plan", "--config", "config.json", *ONE_MODEL, "--save", "plan.json")
    assert done.returncode == 0, done.stderr

    refused(
        home.run("up", "--plan", "plan.json", "--dry-run"), "are not on this machine", "stillroom up ./FILE"
    )


@pytest.mark.parametrize(
    "more", [("--context", "4096"), ("--users", "2"), ("--kv-cache", "q8_0"), ("deepseek-r1:7b",), RTX_4090]
)
def test_a_saved_plan_is_not_changed_on_the_way(home: Home, more: tuple[str, ...]) -> None:
    refused(home.run("up", "--plan", "plan.json", "--dry-run", *more), "--plan says it all")


def test_a_plan_that_cannot_be_saved_is_an_error_and_no_plan(home: Home) -> None:
    done = home.run("plan", "deepseek-r1:14b", *ONE_MODEL, "--save", ".", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["message"].startswith("the plan cannot be written")


def test_a_file_that_is_no_plan_is_refused_with_its_place(home: Home) -> None:
    (home.folder / "plan.json").write_text('{"kind": "stillroom-plan", "version": 7}', encoding="utf-8")

    refused(home.run("up", "--plan", "plan.json", "--dry-run"), "plan.json holds no plan: at version")


@pytest.mark.parametrize(
    ("engine", "argument"),
    [("vllm", "--gpu-memory-utilization"), ("ollama", "serve"), ("embedded", "--gpu-layers")],
)
def test_a_dry_run_for_another_machine_prints_its_command(home: Home, engine: str, argument: str) -> None:
    spec = home.json("up", "--dry-run", "--engine", engine, "--model", "deepseek-r1:7b", *RTX_4090)

    assert spec["engine"] == engine
    assert argument in spec["argv"]


def test_nothing_is_started_for_another_machine(home: Home) -> None:
    refused(home.run("up", "deepseek-r1:7b", *RTX_4090), "--dry-run")
