"""``stillroom export``: what a person types, and what is done with the file afterwards."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from deploy.ports import free_port
from tests.cli.conftest import RTX_4090, refused
from tests.docker.conftest import require_schema

if TYPE_CHECKING:
    from tests.conftest import Home

SEVEN_BILLION = ("deepseek-r1:7b", *RTX_4090)
TWO_MACHINES = ("--nodes", "2", "--head-address", "10.0.0.1")


@pytest.mark.parametrize("engine", ["ollama", "vllm", "embedded"])
def test_a_compose_file_for_a_described_gpu_is_printed_alone(home: Home, engine: str) -> None:
    done = home.run("export", "compose", *SEVEN_BILLION, "--engine", engine)

    assert done.returncode == 0, done.stderr
    file = home.folder / "compose.yaml"
    file.write_text(done.stdout, encoding="utf-8")
    require_schema(file)
    assert engine in yaml.safe_load(done.stdout)["services"]
    assert not home.state_dir.exists()


def test_a_container_brings_its_engine_so_none_needs_to_be_installed(home: Home) -> None:
    home.environment["PATH"] = "/nowhere"

    exported = home.json("export", "compose", "deepseek-r1:1.5b", "--quant", "Q4_K_M")

    assert exported["engine"] == "ollama"


def test_a_modelfile_is_ollamas_unless_another_engine_was_named(home: Home) -> None:
    text = home.run("export", "modelfile", *SEVEN_BILLION, "--context", "4096").stdout

    instructions = [line.split(" ", 1) for line in text.splitlines() if line[:1] != "#"]
    assert instructions[0][0] == "FROM"
    assert ["PARAMETER", "num_ctx 4096"] in instructions


def test_a_script_carries_its_modelfile_once_and_writes_nothing_into_the_state_directory(home: Home) -> None:
    text = home.run("export", "argv", *SEVEN_BILLION, "--engine", "ollama").stdout

    assert text.count("PARAMETER num_ctx 8192") == 1
    assert str(home.state_dir) not in text


def test_a_modelfile_of_another_engine_is_refused_with_the_command_to_type(home: Home) -> None:
    refused(
        home.run("export", "modelfile", *SEVEN_BILLION, "--engine", "vllm"),
        "this plan is for the vllm engine",
        "stillroom export modelfile deepseek-r1:7b --engine ollama",
    )


def test_a_saved_plan_is_exported_as_it_is(home: Home) -> None:
    saved = home.run("plan", *SEVEN_BILLION, "--engine", "vllm", "--context", "4096", "--save", "plan.json")
    assert saved.returncode == 0, saved.stderr

    exported = home.json("export", "argv", "--plan", "plan.json", "--port", "9000")

    assert exported["base_url"] == "http://127.0.0.1:9000/v1"
    assert "--max-model-len 4096 " in exported["text"]
    assert exported["path"] is None


def test_a_saved_plan_says_it_all(home: Home) -> None:
    refused(
        home.run("export", "argv", "--plan", "plan.json", "--engine", "vllm"), "--plan says it all: name no"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compose", "nosuch:7b"), "the catalog has no model 'nosuch:7b'"),
        (("k8s",), "'k8s' is not one of"),
        (("compose", "--bundled", "--engine", "vllm"), "--bundled is one model, quantization and engine"),
        (("argv", "--plan", "gone.json"), "gone.json cannot be read"),
        (
            ("compose", "deepseek-r1:70b", "--engine", "vllm", "--gpu", "4x H100 80GB", *TWO_MACHINES),
            "a Compose file is for one machine, and the plan takes 2",
        ),
        (("compose", "deepseek-r1:7b", "--gpu", "RX 7900 XTX", "--engine", "ollama"), "gpu:0 is RX 7900 XTX"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(home: Home, words: tuple[str, ...], said: str) -> None:
    refused(home.run("export", *words), said)


def test_what_fits_nowhere_is_told_by_its_own_exit_code(home: Home) -> None:
    done = home.run("export", "compose", "deepseek-r1:671b", *RTX_4090)

    assert done.returncode == 3


def test_a_file_is_written_once_and_its_next_command_is_said(home: Home) -> None:
    words = ("export", "compose", *SEVEN_BILLION, "--engine", "vllm", "--output", "my compose.yaml")
    first = home.run(*words)
    again = home.run(*words)
    forced = home.run(*words, "--force")

    assert first.returncode == forced.returncode == 0, first.stderr
    assert first.stdout == "docker compose --file 'my compose.yaml' up --detach --wait\n"
    assert "docker compose --file 'my compose.yaml' up" in (home.folder / "my compose.yaml").read_text()
    refused(again, "my compose.yaml is there already", "--force")


def test_a_file_that_cannot_be_written_is_named(home: Home) -> None:
    refused(
        home.run("export", "argv", "--bundled", "--output", "gone/run.sh"),
        "gone/run.sh cannot be written: No such file or directory",
    )


def test_no_secret_of_the_settings_reaches_the_file(home: Home) -> None:
    home.environment["HF_TOKEN"] = "hf_private"
    home.environment["STILLROOM_ENGINE_API_KEY"] = "sk-private"

    for format_ in ("compose", "argv"):
        done = home.run("export", format_, *SEVEN_BILLION, "--engine", "vllm", "--json")
        assert done.returncode == 0, done.stderr
        assert "private" not in done.stdout + done.stderr
        assert set(json.loads(done.stdout)["variables"]) == {"HF_TOKEN", "STILLROOM_ENGINE_API_KEY"}


def test_weights_that_are_not_there_yet_are_said_to_be_missing(home: Home) -> None:
    home.environment["STILLROOM_CACHE_DIR"] = str(home.folder / "cache")

    done = home.run("export", "argv", "--bundled")

    assert done.returncode == 0, done.stderr
    assert "is not there yet: stillroom models pull smollm2:135m --quant Q4_1" in done.stderr


def test_the_exported_script_starts_the_real_engine_and_ends_with_it(home: Home) -> None:
    port = free_port()
    weights = home.json("models", "pull")
    done = home.run("export", "argv", "--bundled", "--port", str(port), "--output", "run.sh")
    assert done.returncode == 0, done.stderr
    assert weights["path"] in (home.folder / "run.sh").read_text(encoding="utf-8")
    assert (home.folder / "run.sh").stat().st_mode & stat.S_IXUSR

    with subprocess.Popen(
        ["./run.sh"],
        cwd=home.folder,
        env=home.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            root = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=root, timeout=60, trust_env=False) as client:
                deadline = time.monotonic() + 120
                while not _healthy(client):
                    assert server.poll() is None
                    assert time.monotonic() < deadline
                models = client.get("/v1/models").json()
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=120)

    assert [model["id"] for model in models["data"]] == ["smollm2:135m"]
    assert code == 0


def _healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health", timeout=30).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
