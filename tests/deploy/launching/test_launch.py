"""Launching the real embedded engine, and every way in which a start can fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.launching.launch import start
from deploy.ports import free_port
from deploy.spec import MIB, LaunchSpec
from stillroom.errors import (
    EngineStartError,
    EngineUnavailableError,
    EnvironmentUnfitError,
    MissingExtraError,
    PortTakenError,
)
from tests.processes import runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.weights import WeightsFile


def embedded_spec(plan: Plan, weights: Path, port: int | None = None) -> LaunchSpec:
    return engine("embedded").launch_spec(
        plan, LaunchOptions(weights=weights, port=port or free_port(), threads=2)
    )


def script_spec(source: str, **changes: object) -> LaunchSpec:
    """An engine that is a line of Python: real enough to die, hang or ignore signals."""
    port = free_port()
    spec = LaunchSpec(
        engine="embedded",
        argv=(sys.executable, "-c", source),
        host="127.0.0.1",
        port=port,
        base_url=f"http://127.0.0.1:{port}/v1",
        readiness_url=f"http://127.0.0.1:{port}/health",
        served_model="none",
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def test_a_started_engine_answers_is_measured_and_leaves_nothing(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    steps: list[str] = []
    spec = embedded_spec(bundled_plan, bundled_weights.path)

    with start(spec, log_path=tmp_path / "engine.log", on_progress=steps.append) as running:
        assert running.alive()
        pid = running.pid
        assert pid is not None
        endpoint = running.endpoint(bundled_plan)
        reply = httpx.post(
            f"{endpoint.base_url}/chat/completions",
            json={"model": endpoint.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3},
            timeout=60,
            trust_env=False,
        )
        measured = running.measure()

    assert reply.status_code == 200
    assert endpoint.context_tokens == 2048
    assert endpoint.capabilities.languages == ("en",)
    kv_cache = next(term for term in measured.terms if term.name == "kv_cache")
    assert kv_cache.measured_bytes == bundled_plan.memory.term("kv_cache").expected_bytes
    weights = next(term for term in measured.terms if term.name == "weights")
    assert abs(weights.measured_bytes - bundled_weights.bytes) < 2 * MIB
    assert measured.rss_bytes > weights.measured_bytes
    if sys.platform == "linux":
        assert (measured.file_backed_bytes or 0) > 0
        assert (measured.anonymous_bytes or 0) > 0
    assert not psutil.pid_exists(pid)
    assert not running.alive()
    assert steps[-1] == f"smollm2:135m answers at {spec.base_url}"


def test_a_browser_page_may_not_read_the_embedded_endpoint(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    spec = embedded_spec(bundled_plan, bundled_weights.path)

    with start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None):
        reply = httpx.get(
            spec.readiness_url, headers={"Origin": "http://evil.example"}, trust_env=False, timeout=60
        )

    assert reply.headers["Access-Control-Allow-Origin"] == f"http://127.0.0.1:{spec.port}"


@pytest.mark.parametrize("moment", [b"loading model", b"serving at"])
def test_the_embedded_engine_dies_with_a_parent_that_is_killed(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path, moment: bytes
) -> None:
    argv = embedded_spec(bundled_plan, bundled_weights.path).argv
    parent_source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stderr=open('engine.log', 'wb'))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_source, *argv],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        log = tmp_path / "engine.log"
        assert wait_until(lambda: log.exists() and moment in log.read_bytes())
        parent.send_signal(signal.SIGKILL)

    assert wait_until(lambda: not runs(child_pid))


def test_the_embedded_engine_outlives_the_thread_that_started_it(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    spec = embedded_spec(bundled_plan, bundled_weights.path)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(start, spec, log_path=tmp_path / "log", on_progress=lambda _: None).result()

    with running:
        models = httpx.get(f"{spec.base_url}/models", trust_env=False, timeout=60)

    assert models.status_code == 200
    assert running.exit_code == 0


def test_a_missing_model_file_is_named(bundled_plan: Plan, tmp_path: Path) -> None:
    spec = embedded_spec(bundled_plan, tmp_path / "absent.gguf")
    log_path = tmp_path / "engine.log"

    with pytest.raises(EngineStartError, match=r"the model file .*absent\.gguf is missing") as caught:
        start(spec, log_path=log_path, on_progress=lambda _: None)

    assert str(log_path) in caught.value.hint


def test_a_model_file_that_is_no_gguf_is_said_so(bundled_plan: Plan, tmp_path: Path) -> None:
    text_file = tmp_path / "notes.gguf"
    text_file.write_text("nothing but text", encoding="utf-8")

    with pytest.raises(EngineStartError, match="the model file is not a GGUF file"):
        start(
            embedded_spec(bundled_plan, text_file),
            log_path=tmp_path / "engine.log",
            on_progress=lambda _: None,
        )


def test_a_model_file_that_was_cut_off_is_said_so(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    half = tmp_path / "half.gguf"
    with bundled_weights.path.open("rb") as whole:
        half.write_bytes(whole.read(bundled_weights.bytes // 2))

    with pytest.raises(EngineStartError, match="the model file is incomplete"):
        start(embedded_spec(bundled_plan, half), log_path=tmp_path / "engine.log", on_progress=lambda _: None)


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    spec = script_spec("raise SystemExit(3)")
    with socket.socket() as taken:
        taken.bind((spec.host, spec.port))
        taken.listen()

        with pytest.raises(
            PortTakenError, match=f"port {spec.port} .* is taken by .*pid {os.getpid()}"
        ) as caught:
            start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None)

    assert "--port 0" in caught.value.hint
    assert not (tmp_path / "engine.log").exists()


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    elsewhere = script_spec("pass", host="192.0.2.1")  # reserved for documentation by RFC 5737

    with pytest.raises(EnvironmentUnfitError, match=r"cannot listen on port \d+ of 192\.0\.2\.1"):
        start(elsewhere, log_path=tmp_path / "engine.log", on_progress=lambda _: None)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(MissingExtraError, match="'xllamacpp' is needed to run the embedded engine") as caught:
        start(script_spec("pass"), log_path=tmp_path / "engine.log", on_progress=lambda _: None)

    assert caught.value.hint == "pip install 'stillroom[embedded]'"


def test_a_module_missing_in_the_child_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match="the Python module 'not_there' is missing"):
        start(script_spec("import not_there"), log_path=tmp_path / "engine.log", on_progress=lambda _: None)


def test_an_engine_that_never_becomes_ready_is_stopped_at_its_deadline(tmp_path: Path) -> None:
    pids: list[int] = []
    spec = script_spec("import time; time.sleep(600)", start_deadline_seconds=0.5)

    with pytest.raises(EngineStartError, match="did not become ready within"):
        start(
            spec,
            log_path=tmp_path / "engine.log",
            on_progress=lambda step: pids.append(int(step.split("pid ")[1].split(",")[0])),
        )

    assert not psutil.pid_exists(pids[0])


def test_ctrl_c_while_loading_stops_the_whole_group_even_if_it_ignores_sigterm(tmp_path: Path) -> None:
    children = tmp_path / "pids"
    stubborn = (
        "import os, pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(children)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)\n"
    )

    def interrupt(_: str) -> None:
        assert wait_until(
            lambda: children.exists() and len(children.read_text(encoding="utf-8").split()) == 2
        )
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(
            script_spec(stubborn, stop_grace_seconds=0.3),
            log_path=tmp_path / "engine.log",
            on_progress=interrupt,
        )

    for pid in map(int, children.read_text(encoding="utf-8").split()):
        assert wait_until(lambda pid=pid: not runs(pid))  # type: ignore[misc]


def test_a_log_that_cannot_be_written_is_an_error_of_the_environment(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")

    with pytest.raises(EnvironmentUnfitError, match="cannot write"):
        start(script_spec("pass"), log_path=in_the_way / "engine.log", on_progress=lambda _: None)


def test_a_stranger_that_took_the_port_meanwhile_is_not_taken_for_the_engine(tmp_path: Path) -> None:
    stranger_source = (
        "import http.server, sys\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers()\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"
    )
    spec = script_spec("import time; time.sleep(600)", stop_grace_seconds=0.3)
    strangers: list[subprocess.Popen[bytes]] = []

    def take_the_port(_: int) -> None:
        strangers.append(subprocess.Popen([sys.executable, "-c", stranger_source, str(spec.port)]))

    try:
        with pytest.raises(PortTakenError, match=f"port {spec.port} on 127.0.0.1 is taken by pid"):
            start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None, on_spawn=take_the_port)
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


def test_a_program_that_may_not_be_executed_says_how_to_allow_it(tmp_path: Path) -> None:
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n", encoding="utf-8")

    with pytest.raises(EngineUnavailableError, match="is there and cannot be executed") as caught:
        start(
            script_spec("pass", engine="vllm", argv=(str(program), "serve")),
            log_path=tmp_path / "engine.log",
            on_progress=lambda _: None,
        )

    assert caught.value.hint == f"chmod +x {program}"


def test_a_key_is_asked_for_and_sent_and_stands_on_no_command_line(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    options = LaunchOptions(weights=bundled_weights.path, port=free_port(), threads=2, api_key="k3y")
    spec = engine("embedded").launch_spec(bundled_plan, options)

    with start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None) as running:
        endpoint = running.endpoint(bundled_plan)
        body = {"model": endpoint.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        url = f"{endpoint.base_url}/chat/completions"
        without = httpx.post(url, json=body, trust_env=False, timeout=60)
        bearer = {"Authorization": f"Bearer {endpoint.api_key}"}
        allowed = httpx.post(url, json=body, headers=bearer, trust_env=False, timeout=60)
        assert running.pid is not None
        assert not any("k3y" in word for word in psutil.Process(running.pid).cmdline())

    assert (without.status_code, allowed.status_code) == (401, 200)


def test_the_steps_of_a_start_are_told_from_the_engines_own_log(
    bundled_plan: Plan, bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    steps: list[str] = []
    spec = embedded_spec(bundled_plan, bundled_weights.path)

    with start(spec, log_path=tmp_path / "engine.log", on_progress=steps.append):
        pass

    own = [step for step in steps if step.startswith("embedded ") and "pid" not in step]
    assert own
    assert own[-1] in {"embedded opens its port", "embedded warms up", "embedded reserves compute buffers"}
