"""A person's own terminal, in a house of its own: settings point into a temporary folder.

Weights are shared between tests and with ``make demo``: they come from the platform's cache directory.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

from deploy.catalog import load_catalog
from deploy.endpoint import Capabilities, Endpoint
from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.hardware.detect import detect_machine
from deploy.launching.launch import start
from deploy.plan import PlanRequest
from deploy.planning.planner import plan_bundled
from deploy.ports import free_port
from deploy.spec import Workload
from deploy.weights import pull_bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """Where one person's library, state and settings are, and how that person runs commands.

    Attributes:
        environment: is added to every command's environment.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Libraries."""
        return self.folder / "data"

    @property
    def state_dir(self) -> Path:
        """The running engine's record and logs."""
        return self.folder / "state"

    def variables(self) -> dict[str, str]:
        """The environment that commands run in: nobody's settings but these."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("STILLROOM_")}
        own = {
            "STILLROOM_DATA_DIR": str(self.data_dir),
            "STILLROOM_STATE_DIR": str(self.state_dir),
            "STILLROOM_CACHE_DIR": str(platformdirs.user_cache_path("stillroom")),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        return {**inherited, **own, **self.environment}

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start ``stillroom ARGUMENTS`` and do not wait; with ``subprocess.PIPE`` it can be written to."""
        return subprocess.Popen(
            [sys.executable, "-m", "stillroom", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.variables(),
        )

    def run(self, *arguments: str, seconds: float = 480) -> subprocess.CompletedProcess[str]:
        """Run ``stillroom ARGUMENTS`` to its end."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run ``stillroom ARGUMENTS --json``, which must succeed, and parse its one line."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def pytest_configure(config: pytest.Config) -> None:
    """Let generated examples be the same everywhere, however busy the machine is."""
    if not config.pluginmanager.hasplugin("hypothesispytest"):
        return  # as in the environment of the sentence-transformers extra
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "same-everywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("same-everywhere")


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """Undo what ``nohup`` and a shell's job in the background have ignored: children would inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A house with nothing in it."""
    return Home(tmp_path)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A house whose library holds the example documents; tests only read it."""
    home = Home(tmp_path_factory.mktemp("furnished"))
    done = home.run("ingest", str(REPOSITORY / "examples" / "library"))
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def bundled_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The real embedded engine with the real bundled model, for as long as tests run."""
    folder = tmp_path_factory.mktemp("engine")
    cache = platformdirs.user_cache_path("stillroom")
    weights = pull_bundled(cache_dir=cache, on_progress=lambda _: None)
    plan = plan_bundled(
        detect_machine(disk_path=folder), PlanRequest(Workload(context_tokens=4096)), load_catalog()
    )
    spec = engine("embedded").launch_spec(
        plan, LaunchOptions(weights=weights.path, port=free_port(), threads=2)
    )
    with start(spec, log_path=folder / "engine.log", on_progress=lambda _: None) as running:
        yield running.endpoint(plan)


@dataclass
class ScriptedChat:
    """A local server that speaks OpenAI's chat protocol and replies as a test says, in order.

    Real engines cannot be made to misbehave on demand. The bodies have the shape that a real vLLM gave.

    Attributes:
        replies: each a text, or a message's fields, or a status with an error's text.
        requests: the JSON bodies that came.
        choice: what it names where it is asked for a first choice of a tool, which takes none of the replies;
            empty for nothing that can be used.
        choices: those requests.
        prompt_tokens: what it says to have counted; None for what four characters a token make.
    """

    replies: list[str | dict[str, Any] | tuple[int, str]]
    requests: list[dict[str, Any]] = field(default_factory=list)
    base_url: str = ""
    choice: str | tuple[int, str] = ""
    choices: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int | None = None

    def endpoint(self, *, context_tokens: int = 4096, **capabilities: Any) -> Endpoint:  # noqa: ANN401
        """An endpoint of this server, with what its model is said to be able to do."""
        return Endpoint(self.base_url, "scripted", "vllm", context_tokens, Capabilities(**capabilities))

    def respond(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the next reply."""
        if request.get("logprobs"):
            self.choices.append(request)
            reply: str | dict[str, Any] | tuple[int, str] = self.choice
        else:
            self.requests.append(request)
            reply = self.replies.pop(0)
        if isinstance(reply, tuple):
            status, message = reply
            return status, {"error": {"message": message, "type": "Error", "param": None, "code": status}}
        recorded = REPOSITORY / "tests" / "recordings" / "vllm_chat.json"
        body = copy.deepcopy(json.loads(recorded.read_text(encoding="utf-8"))["body"])
        choice = body["choices"][0]
        choice["message"] |= {"content": reply} if isinstance(reply, str) else reply
        characters = sum(len(message["content"] or "") for message in request["messages"])
        body["usage"]["prompt_tokens"] = self.prompt_tokens or characters // 4
        return 200, body


def _events(body: dict[str, Any], request: dict[str, Any]) -> Iterator[str]:
    """A reply as vLLM streams it: the message in pieces, why it ended, and the usage if that is asked for."""
    if "choices" not in body:
        yield f"data: {json.dumps(body)}\n\n"
        return
    head = {key: body[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choice = body["choices"][0]

    def event(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
        return f"data: {json.dumps({**head, 'choices': choices})}\n\n"

    yield event({"role": "assistant", "content": ""})
    for key in ("reasoning", "content"):
        text = choice["message"].get(key) or ""
        yield from (event({key: text[start : start + 7]}) for start in range(0, len(text), 7))
    for index, call in enumerate(choice["message"].get("tool_calls") or ()):
        written = call["function"]["arguments"]
        opened = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        yield event({"tool_calls": [opened]})
        for at in range(0, len(written), 7):
            piece = {"index": index, "function": {"arguments": written[at : at + 7]}}
            yield event({"tool_calls": [piece]})
    yield event({}, choice["finish_reason"])
    if (request.get("stream_options") or {}).get("include_usage"):
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': body['usage']})}\n\n"
    yield "data: [DONE]\n\n"


@pytest.fixture
def scripted_chat() -> Callable[..., AbstractContextManager[ScriptedChat]]:
    """A server of the given replies, for as long as a ``with`` block runs."""

    @contextmanager
    def serve(*replies: str | dict[str, Any] | tuple[int, str]) -> Iterator[ScriptedChat]:
        chat = ScriptedChat(list(replies))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = chat.respond(request)
                streamed = status == HTTPStatus.OK and request.get("stream", False)
                payload = "".join(_events(body, request)).encode() if streamed else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        chat.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield chat
        finally:
            server.shutdown()
            server.server_close()

    return serve
