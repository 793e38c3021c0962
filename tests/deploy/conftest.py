"""Shared by the tests of launching: the bundled model's real weights, a plan for them, recorded servers."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

from deploy.plan import Limits, Plan, Unknown
from deploy.serving import Placement, Serving
from deploy.spec import Artefact, MemoryEstimate, MemoryTerm, Workload
from deploy.weights import BUNDLED_BYTES, WeightsFile, pull_bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RECORDINGS = Path(__file__).parent / "recordings"


@pytest.fixture(scope="session")
def bundled_weights() -> WeightsFile:
    """The bundled model, fetched once and kept in the cache that the program itself uses."""
    return pull_bundled(cache_dir=Path(platformdirs.user_cache_dir("stillroom")), on_progress=lambda _: None)


@pytest.fixture(scope="session")
def bundled_plan() -> Plan:
    """SmolLM2-135M at Q4_1 with a context of 2048 tokens on the CPU."""
    weights = MemoryTerm("weights", BUNDLED_BYTES, BUNDLED_BYTES, BUNDLED_BYTES, "file", device="cpu")
    kv_bytes = 2 * 30 * 3 * 64 * 2 * 2048
    kv_cache = MemoryTerm(
        "kv_cache", kv_bytes, kv_bytes, kv_bytes, "2·layers·heads·head_dim·2 B·tokens", device="cpu"
    )
    return Plan(
        model_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        model_tag="smollm2:135m",
        model_type="llama",
        layer_count=30,
        artefact=Artefact("Q4_1", BUNDLED_BYTES, 0, exact=True, source="file"),
        engine="embedded",
        workload=Workload(context_tokens=2048, concurrent_sequences=1),
        serving=Serving(),
        placement=Placement(),
        budgets={"cpu": 2 * 1024**3},
        decode=Unknown("not estimated"),
        prefill=Unknown("not estimated"),
        limits=Limits(2048, 1),
        memory=MemoryEstimate((weights, kv_cache)),
        rule_of_thumb_gb=0.1,
        languages=("en",),
        native_tools=False,
        reasoning=False,
    )


@dataclass
class Replay:
    """A local server that gives recorded answers, and keeps what it was asked.

    Attributes:
        requests: method, path and JSON body of each request, in order.
    """

    url: str
    requests: list[tuple[str, str, Any]] = field(default_factory=list)


@pytest.fixture
def replay() -> Iterator[Callable[..., Replay]]:
    """Serve recordings such as ``ollama/version``: each answers its own method and path."""
    with ExitStack() as servers:

        def serve(*names: str) -> Replay:
            recordings = [
                json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8")) for name in names
            ]
            by_route = {(r["request"]["method"], r["request"]["path"]): r for r in recordings}
            server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
            replayed = Replay(f"http://127.0.0.1:{server.server_port}")
            server.RequestHandlerClass = replaying(by_route, replayed)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            servers.callback(server.server_close)
            servers.callback(server.shutdown)
            return replayed

        yield serve


def replaying(by_route: Mapping[tuple[str, str], Any], replayed: Replay) -> type[BaseHTTPRequestHandler]:
    """A request handler over those recordings."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            replayed.requests.append((self.command, self.path, body))
            recording = by_route.get((self.command, self.path))
            if recording is None:
                self.send_error(404)
                return
            answer = recording["body"]
            text = "\n".join(answer) if isinstance(answer, list) else json.dumps(answer)
            payload = text.encode()
            self.send_response(recording["status"])
            self.send_header("Content-Type", recording["headers"]["content-type"])
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815  the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing."""

    return Handler
