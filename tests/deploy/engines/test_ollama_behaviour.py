"""The whole way through Ollama: import, serve, look, quantize, let go.

``make test`` runs this against a stand-in made of recorded answers. ``make test-ollama`` runs the same tests
against a real one: the server that OLLAMA_HOST names, or else one started here with a model store of its own.
Nothing is pulled from a library, and what was made is deleted.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from deploy.chat import chat_model
from deploy.engines import engine
from deploy.engines.base import LaunchOptions, attached
from deploy.engines.ollama_library import OllamaLibrary
from deploy.engines.ollama_program import find_program
from deploy.launching.launch import start
from deploy.ports import free_port
from deploy.spec import DerivedModel, Workload
from stillroom.errors import EngineError
from stillroom.settings import load_settings
from tests.deploy.planning.conftest import tiny_gguf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.weights import WeightsFile
    from tests.deploy.engines.recorded_ollama import RecordedOllama

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = os.environ.get("TEST_OLLAMA") == "real"
OLLAMA = engine("ollama")
CONVERTS_UNTIL = (0, 34, 1)


@dataclass(frozen=True)
class Server:
    """An Ollama, real or not."""

    url: str

    def get(self, path: str) -> Any:  # noqa: ANN401  whatever it answers
        """What it answers there."""
        return httpx.get(self.url + path, trust_env=False, timeout=60).json()

    def models(self) -> dict[str, str]:
        """Quantization by name."""
        listed = self.get("/api/tags")["models"]
        return {model["name"]: model["details"]["quantization_level"] for model in listed}

    def delete(self, name: str) -> None:
        """Delete a model."""
        httpx.request("DELETE", f"{self.url}/api/delete", json={"model": name}, trust_env=False, timeout=60)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The person's own server, or one with an empty store."""
    if os.environ.get("OLLAMA_HOST"):
        yield load_settings().ollama_url
        return
    program = find_program()
    if program is None:
        pytest.fail("there is no program 'ollama' on the PATH, and OLLAMA_HOST names no server")
    url = f"http://127.0.0.1:{free_port()}"
    store = tmp_path_factory.mktemp("models")
    environment = {"OLLAMA_HOST": url, "OLLAMA_MODELS": str(store), "OLLAMA_NO_CLOUD": "1"}
    with psutil.Popen([str(program), "serve"], env={**os.environ, **environment}) as process:
        try:
            wait_until_it_answers(url)
            yield url
        finally:
            process.terminate()


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/api/version", trust_env=False, timeout=60)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"no Ollama answers at {url}")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that somebody else started; what a test made in it is deleted."""
    if REAL:
        found = Server(request.getfixturevalue("real_server"))
    else:
        recorded: RecordedOllama = request.getfixturevalue("recorded_ollama")
        found = Server(recorded.url)
    before = set(found.models())
    yield found
    for name in set(found.models()) - before:
        found.delete(name)
    assert set(found.models()) == before


@pytest.fixture
def plan(bundled_plan: Plan) -> Plan:
    """The bundled model on Ollama, on the CPU."""
    return replace(bundled_plan, engine="ollama", workload=Workload(2048, 1))


@pytest.fixture
def spec_for(bundled_weights: WeightsFile) -> Callable[[Plan, Server], LaunchSpec]:
    """How to attach to a server for a plan."""

    def make(plan: Plan, server: Server) -> LaunchSpec:
        own = OLLAMA.launch_spec(plan, LaunchOptions(port=1, weights=bundled_weights.path, keep_alive="2m"))
        return attached(own, url=server.url)

    return make


def answers(spec: LaunchSpec) -> dict[str, str]:
    return {url: httpx.get(url, trust_env=False, timeout=60).text for url in spec.memory_urls}


def test_the_bundled_model_is_given_once_and_then_made_over(
    server: Server, plan: Plan, spec_for: Callable[[Plan, Server], LaunchSpec]
) -> None:
    spec = spec_for(plan, server)
    first: list[str] = []
    second: list[str] = []

    OLLAMA.prepare(spec, on_progress=first.append)
    OLLAMA.prepare(spec, on_progress=second.append)

    assert server.models()[spec.served_model] == "Q4_1"
    assert not any(sentence.startswith("gives ") for sentence in second)
    assert any("writing manifest" in sentence for sentence in second)


def test_a_server_attached_to_serves_the_plan_and_is_left_as_it_was_found(
    server: Server, plan: Plan, spec_for: Callable[[Plan, Server], LaunchSpec], tmp_path: Path
) -> None:
    spec = spec_for(plan, server)

    with start(spec, log_path=tmp_path / "log", on_progress=lambda _: None) as running:
        model = chat_model(running.endpoint(plan), max_tokens=16)
        streamed = "".join(chunk.text for chunk in model.stream("What is the capital of France?"))
        asked = model.invoke("What is the capital of France?").text

        assert "Paris" in streamed
        assert "Paris" in asked
        assert OLLAMA.deviations(spec, plan, "", answers(spec)) == ()
        assert any(one["name"] == spec.served_model for one in server.get("/api/ps")["models"])

    OLLAMA.release(spec)
    assert all(one["name"] != spec.served_model for one in server.get("/api/ps")["models"])


def test_more_context_than_the_model_has_is_told_after_the_first_answer(
    server: Server, plan: Plan, spec_for: Callable[[Plan, Server], LaunchSpec], tmp_path: Path
) -> None:
    longer = replace(plan, workload=Workload(16_384, 1))
    spec = spec_for(longer, server)

    with start(spec, log_path=tmp_path / "log", on_progress=lambda _: None):
        (sentence, *_) = OLLAMA.deviations(spec, longer, "", answers(spec))

    assert sentence == (
        "Ollama serves 8,192 tokens of context, and 16,384 were planned: longer prompts are cut"
    )
    OLLAMA.release(spec)


def test_sixteen_bits_are_quantized_or_the_version_says_that_it_no_longer_does(
    server: Server, tmp_path: Path
) -> None:
    source = tmp_path / "tiny-f16.gguf"
    # What llama.cpp's quantizer asks of a header, beyond what a planner reads.
    metadata: dict[str, Any] = {"general.file_type": 1, "llama.attention.layer_norm_rms_epsilon": 1e-5}
    source.write_bytes(tiny_gguf(**metadata))
    derived = DerivedModel("stillroom-tiny:q8", str(source), {"num_ctx": 512}, quantize="Q8_0")
    version = tuple(int(part) for part in server.get("/api/version")["version"].split("-")[0].split("."))
    library = OllamaLibrary(server.url, lambda _: None)

    if (0, 0, 0) < version < CONVERTS_UNTIL:
        library.make(derived)
        assert server.models()["stillroom-tiny:q8"] == "Q8_0"
    else:
        with pytest.raises(EngineError, match="quantiz"):
            library.make(derived)


def test_what_is_quantized_already_is_refused_and_nothing_is_made(
    server: Server, bundled_weights: WeightsFile
) -> None:
    derived = DerivedModel("stillroom-bundled:q8", str(bundled_weights.path), {}, quantize="Q8_0")

    with pytest.raises(EngineError):
        OllamaLibrary(server.url, lambda _: None).make(derived)

    assert "stillroom-bundled:q8" not in server.models()


def test_a_model_of_no_library_is_told_by_its_name(server: Server) -> None:
    derived = DerivedModel("stillroom-none:1", "stillroom-nobody/never-made:0b", {})

    with pytest.raises(EngineError, match="could not pull stillroom-nobody/never-made:0b: "):
        OllamaLibrary(server.url, lambda _: None).make(derived)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ollama`` on the PATH with a store of its own: the real program, or one that serves the stand-in."""
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    if REAL:
        if find_program() is None:
            pytest.skip("OLLAMA_HOST names a server, and there is no program on the PATH to start another")
        return
    path = tmp_path / "bin" / "ollama"
    path.parent.mkdir()
    module = "tests.deploy.engines.recorded_ollama"
    path.write_text(
        f"#!/bin/sh\n[ \"$1\" = serve ] && exec '{sys.executable}' -m {module}\n", encoding="utf-8"
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


@pytest.mark.usefixtures("program")
def test_a_server_of_ours_serves_the_plan_tells_its_memory_and_leaves_nothing_behind(
    plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    served = replace(plan, workload=Workload(4096, 1))
    spec = OLLAMA.launch_spec(served, LaunchOptions(port=free_port(), weights=bundled_weights.path))

    with start(spec, log_path=tmp_path / "log", on_progress=lambda _: None) as running:
        assert running.pid is not None
        family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        found = answers(spec)
        terms = {term.name: term.measured_bytes for term in OLLAMA.read_memory(running.log(), found)}
        assert terms["weights"] == pytest.approx(92.1 * 1024**2, rel=0.01)
        assert terms["kv_cache"] == 2 * 30 * 3 * 64 * 2 * 4096
        assert OLLAMA.read_activity(running.log(), "").requests
        assert OLLAMA.deviations(spec, served, running.log(), found) == ()

    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


@pytest.mark.usefixtures("program")
def test_a_server_of_ours_that_cannot_make_the_model_is_stopped_again(
    plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    options = LaunchOptions(port=free_port(), weights=bundled_weights.path, quantize="Q8_0")
    spec = OLLAMA.launch_spec(plan, options)
    said: list[str] = []

    with pytest.raises(EngineError):
        start(spec, log_path=tmp_path / "log", on_progress=said.append)

    assert said[0].startswith("ollama started as pid ")
    assert not psutil.pid_exists(int(said[0].split("pid ")[1].split(",")[0]))
