"""What is typed of a launch: what means nothing to the plan is refused, and so are other machines' plans."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Home

BUNDLED = ("up", "--bundled", "--dry-run")
OLLAMA = ("up", "--dry-run", "--engine", "ollama", "--gpu", "RTX 4090", "deepseek-r1:7b")
VLLM = ("up", "--dry-run", "--engine", "vllm", "--gpu", "H100 80GB", "deepseek-r1:7b")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*BUNDLED, "--quantize", "q4_K_M"), "--quantize is for ollama, and the plan is for the embedded"),
        ((*BUNDLED, "--keep-alive", "10m"), "--keep-alive is for ollama"),
        ((*BUNDLED, "--exact-kv-cache"), "--exact-kv-cache is for vllm"),
        ((*BUNDLED, "--lora", "adapter"), "name no other beside it"),
        ((*BUNDLED, "--gpu", "RTX 4090"), "name no other beside it"),
        ((*BUNDLED, "--host", "http://127.0.0.1"), "--host takes an address or a name"),
        ((*BUNDLED, "--host", ""), "--host takes an address or a name"),
        ((*OLLAMA, "--keep-alive", "soon"), "--keep-alive takes a duration such as 10m or -1, not 'soon'"),
        ((*OLLAMA, "--nodes", "2", "--head-address", "10.0.0.1"), "--nodes is for vllm"),
        ((*VLLM, "--head-address", "10.0.0.1"), "belong to --nodes, of 2 or more"),
        (
            (*VLLM, "--gpus", "2", "--nodes", "2", "--head-address", "a b; rm"),
            "--head-address takes an address",
        ),
    ],
)
def test_an_option_without_a_use_is_a_mistake_of_usage(
    home: Home, arguments: tuple[str, ...], told: str
) -> None:
    done = home.run(*arguments)

    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_an_address_of_another_machine_is_told_before_a_key_is_asked_for(home: Home) -> None:
    done = home.run(*BUNDLED, "--host", "192.0.2.1")

    assert done.returncode == 1
    assert "192.0.2.1 is no address of this machine" in done.stderr
    assert "--host 127.0.0.1" in done.stderr


def test_every_address_is_opened_only_with_a_key_and_reached_through_loopback(home: Home) -> None:
    refused = home.run(*BUNDLED, "--host", "0.0.0.0")
    home.environment["STILLROOM_ENGINE_API_KEY"] = "k3y"
    spec = home.json(*BUNDLED, "--host", "0.0.0.0")

    assert refused.returncode == 1
    assert "it needs a key" in refused.stderr
    assert "STILLROOM_ENGINE_API_KEY" in refused.stderr
    assert spec["host"] == "0.0.0.0"
    assert spec["base_url"].startswith("http://127.0.0.1:")
    assert "k3y" not in json.dumps(spec)


def test_a_plan_for_gpus_that_are_not_here_is_refused_before_anything_starts(home: Home) -> None:
    path = str(home.folder / "plan.json")
    vllm = ("--engine", "vllm", "--gpu", "RTX 4090", "deepseek-r1:7b")
    assert home.run("plan", *vllm, "--save", path).returncode == 0

    done = home.run("up", "--plan", path)
    printed = home.json("up", "--plan", path, "--dry-run")

    assert done.returncode == 1
    assert "the plan puts deepseek-r1:7b on gpu:0, and this machine has " in done.stderr
    assert "stillroom plan" in done.stderr
    assert printed["environment"]["CUDA_VISIBLE_DEVICES"] == "0"


def test_two_machines_share_every_gpu_that_was_named(home: Home) -> None:
    wide = ("--gpus", "16", "--nodes", "2", "--head-address", "10.0.0.1")
    spec = home.json("up", "--dry-run", "--engine", "vllm", "--gpu", "H100 80GB", *wide, "deepseek-r1:70b")

    commands = [" ".join(node["commands"][0]) for node in spec["nodes"]]
    assert len(commands) == 2
    for command in commands:
        assert "--tensor-parallel-size 8 --pipeline-parallel-size 2" in command
        assert "CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7" in command
        assert "VLLM_NO_USAGE_STATS=1" in command


def test_the_ladder_is_told_on_the_way_and_the_plan_that_came_up_is_named(home: Home) -> None:
    bundled = ("up", "--bundled", "--context", "8192", "--users", "8", "--json")
    limited = ["prlimit", "--as=1600000000", sys.executable, "-m", "stillroom", *bundled]
    try:
        done = subprocess.run(
            limited,
            capture_output=True,
            text=True,
            check=False,
            cwd=home.folder,
            env=home.variables(),
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)["deployment"]
        assert shown["steps"][0]["kind"] == "kv_cache"
        assert "it ran out of memory; trying a KV cache in q8_0 instead of f16" in done.stderr
        plan = home.state_dir / "plan.json"
        assert f"stillroom up --plan {plan}" in done.stderr
        saved = json.loads(plan.read_text(encoding="utf-8"))["plan"]
        assert saved["serving"]["kv_cache_type"] == shown["kv_cache_type"]
    finally:
        home.run("down")


def test_up_can_do_without_a_damaged_calibration(home: Home) -> None:
    home.state_dir.mkdir()
    (home.state_dir / "calibration.json").write_text("", encoding="utf-8")

    stopped = home.run(*BUNDLED)

    assert stopped.returncode == 1
    assert "stillroom calibration reset --yes" in stopped.stderr
    assert home.run(*BUNDLED, "--no-calibration").returncode == 0
