"""docker/compose.yaml: three profiles whose services find each other, on loopback alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.exports import container_images
from deploy.ports import free_port
from stillroom.handed_settings import as_environment
from stillroom.settings import load_settings
from tests.docker.conftest import (
    DOCKER,
    REPOSITORY,
    Document,
    dangling_names,
    one_shots,
    published_addresses,
    read_compose,
    require_schema,
    without_health_check,
)

if TYPE_CHECKING:
    from tests.conftest import Home

FILE = DOCKER / "compose.yaml"
ENGINES = ("ollama", "vllm")


@pytest.fixture(scope="module")
def compose() -> Document:
    """The whole file."""
    return read_compose(FILE)


def default(text: str) -> str:
    """A value with each variable's default in its place."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_file_is_valid_and_names_nothing_that_is_not_there(compose: Document) -> None:
    require_schema(FILE)
    assert list(dangling_names(compose)) == []


def test_there_are_three_profiles_and_no_service_outside_them(compose: Document) -> None:
    profiles = [service["profiles"] for service in compose["services"].values()]

    assert all(len(names) == 1 for names in profiles)
    assert {names[0] for names in profiles} == {"ollama", "vllm", "chroma"}


def test_a_service_waits_only_for_services_of_its_own_profile(compose: Document) -> None:
    services = compose["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert services[needed]["profiles"] == service["profiles"]
            finished = needed in one_shots(compose)
            assert how["condition"] == ("service_completed_successfully" if finished else "service_healthy")


def test_every_service_that_stays_has_a_health_check(compose: Document) -> None:
    assert without_health_check(compose) == one_shots(compose) == {"ollama-model"}


def test_no_port_is_opened_beyond_loopback_by_default(compose: Document) -> None:
    assert published_addresses(compose) == {"${PUBLISH_ADDRESS:-127.0.0.1}"}
    assert all(service.get("network_mode") is None for service in compose["services"].values())


def test_no_two_services_want_the_same_port_of_this_machine(compose: Document) -> None:
    ports = [
        port["published"] for service in compose["services"].values() for port in service.get("ports", [])
    ]

    assert len(ports) == len(set(ports)) == 5


def test_both_engines_reserve_gpus(compose: Document) -> None:
    for name in ENGINES:
        (device,) = compose["services"][name]["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


def test_images_are_those_that_exports_name(compose: Document) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}

    assert images["ollama"] == images["ollama-model"] == container_images.OLLAMA
    assert images["vllm"] == container_images.VLLM
    assert images["stillroom-ollama"] == images["stillroom-vllm"] == container_images.STILLROOM
    assert all(re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", image) for image in images.values())


def test_the_vector_server_is_of_the_release_whose_client_is_locked(compose: Document) -> None:
    constraints = (REPOSITORY / "requirements" / "constraints.txt").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^chromadb==(\S+)$", constraints, re.MULTILINE)

    assert compose["services"]["chroma"]["image"] == f"chromadb/chroma:{locked}"


@pytest.mark.parametrize("engine", ENGINES)
def test_stillroom_is_told_where_its_engine_is_and_what_it_serves(
    compose: Document, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, server = compose["services"][f"stillroom-{engine}"], compose["services"][engine]
    for name, value in service["environment"].items():
        if value is not None:
            monkeypatch.setenv(name, default(value))

    settings = load_settings()

    # Read back by the program itself: a name that is no setting would have been refused.
    assert settings.endpoint_engine == engine
    assert settings.endpoint_url == f"http://{engine}:{server['ports'][0]['target']}/v1"
    assert settings.context_tokens == 8192
    assert set(service["environment"]) <= set(as_environment(settings))
    # An empty variable is no key.
    assert not settings.endpoint_api_key
    words = server["command"] if engine == "vllm" else compose["services"]["ollama-model"]["command"]
    assert words[words.index("--served-model-name" if engine == "vllm" else "create") + 1] == (
        settings.endpoint_model
    )


@pytest.mark.parametrize("token", ["", "made-up-by-a-person-0123456789"])
def test_stillroom_serves_mcp_beyond_its_container_only_with_a_token(
    compose: Document, home: Home, token: str
) -> None:
    for engine in ENGINES:
        service = compose["services"][f"stillroom-{engine}"]
        assert service["ports"][0]["target"] == 8620
        assert service["environment"]["STILLROOM_MCP_TOKEN"] == "${STILLROOM_MCP_TOKEN:-}"
    replaced = {"${STILLROOM_MCP_TOKEN:+0.0.0.0}": "0.0.0.0" if token else "", "8620": "0"}
    command = [str(word) for word in service["command"]]
    for text, value in replaced.items():
        command = [word.replace(text, value) for word in command]
    home.environment["STILLROOM_MCP_TOKEN"] = token
    *probe, url = service["healthcheck"]["test"][1:]

    with home.start(*command, "--json") as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            script = str(DOCKER / Path(probe[-1]).name)
            asked = [sys.executable, "-I", script, url.replace("8620", str(told["port"]))]
            assert subprocess.run(asked, capture_output=True, check=False).returncode == 0
        finally:
            process.kill()
    assert told["host"] == ("0.0.0.0" if token else "127.0.0.1")
    assert told["token_needed"] is bool(token)


def test_the_engines_carry_the_context_that_stillroom_counts_on(compose: Document) -> None:
    modelfile = default(compose["configs"]["modelfile"]["content"])
    command = [default(word) for word in compose["services"]["vllm"]["command"]]

    assert "PARAMETER num_ctx 8192" in modelfile.splitlines()
    assert command[command.index("--max-model-len") + 1] == "8192"


def test_the_vector_servers_health_check_fails_until_a_real_one_answers(
    compose: Document, tmp_path: Path
) -> None:
    port = free_port()
    program, *words = compose["services"]["chroma"]["healthcheck"]["test"][1:]
    probe = [shutil.which(program) or program, *(word.replace("/8000", f"/{port}") for word in words)]
    chroma = Path(sys.executable).with_name("chroma")
    serve = [str(chroma), "run", "--path", str(tmp_path), "--port", str(port), "--host", "127.0.0.1"]

    assert subprocess.run(probe, capture_output=True, check=False).returncode != 0
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 120
            while (code := subprocess.run(probe, capture_output=True, check=False).returncode) != 0:
                assert server.poll() is None
                assert time.monotonic() < deadline
        finally:
            server.terminate()
    assert code == 0
