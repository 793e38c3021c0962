"""A stand-in for Ollama, made of what a real one answered: its statuses, headers and bodies.

It remembers what was given to it and made in it, as Ollama does; a recorded answer gets the name that was
asked for in place of the recorded one, and nothing else is changed. Its bytes go out in pieces that a test
chooses, because a network cuts them anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from deploy.engines.ollama_library import OllamaLibrary
from deploy.spec import DerivedModel

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDINGS: Final = Path(__file__).parents[1] / "recordings" / "ollama"
# The model that the recordings are of.
RECORDED_MODEL: Final = "smollm2:135m"
# It is never served with more, as options_num_ctx_over_train shows.
TRAINED_TOKENS: Final = 8192
UNQUANTIZED: Final = {"F16", "BF16", "F32"}
MADE_TYPES: Final = {"F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0"}

# How a body is cut into pieces, each sent by itself.
CUTS: Final[dict[str, Callable[[bytes], list[bytes]]]] = {
    "whole": lambda body: [body],
    "by line": lambda body: body.splitlines(keepends=True),
    "by byte": lambda body: [body[at : at + 1] for at in range(len(body))],
    "every seven bytes": lambda body: [body[at : at + 7] for at in range(0, len(body), 7)],
}


def recording(name: str) -> dict[str, Any]:
    """One request and its answer."""
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def recorded_log(name: str) -> str:
    """What a real server wrote."""
    return (RECORDINGS / "logs" / f"{name}.txt").read_text(encoding="utf-8")


def body_bytes(body: object) -> bytes:
    """A recorded body as Go's encoder had written it; a stream is a list of its lines."""
    if isinstance(body, list):
        return "".join(f"{line}\n" for line in body).encode()
    if isinstance(body, str):
        return body.encode()
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text).encode()


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    body: Any


@dataclass
class RecordedOllama:
    """The stand-in.

    Attributes:
        cut: by which of ``CUTS`` streams are cut.
        instead: recordings that answer a method and path, in turn, whatever was asked; the last one stays.
        breaks_off_after: a stream ends without its end after so many bytes; None for never.
        models: what it has: quantization by name.
        parameters: of the models that were made here, by name.
        blobs: digests that it has; those that were given to it, with their length.
        loaded: names of models in memory.
        requests: what it was asked, in order; bytes are kept as their length.
        hung_up: a stream's reader went away before its end.
        log: where the recorded log of a start and of a load goes; None for nowhere.
    """

    url: str = ""
    cut: str = "by line"
    instead: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    breaks_off_after: int | None = None
    version: str = "0.33.0-rc2"
    models: dict[str, str] = field(default_factory=lambda: {RECORDED_MODEL: "Q4_1"})
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    log: TextIO | None = None

    def answer_with(self, *names: str) -> None:
        """Have these recordings answer their own methods and paths, in turn."""
        for name in names:
            found = recording(name)
            asked = found["request"]
            self.instead.setdefault((asked["method"], asked["path"].split("sha256:")[0]), []).append(found)

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests to that path, in order."""
        return [asked.body for asked in self.requests if asked.path == path]

    def respond(self, method: str, path: str, raw: bytes) -> dict[str, Any]:
        """The recording that answers a request."""
        blob = path.startswith("/api/blobs/")
        body: Any = len(raw) if blob else json.loads(raw) if raw else None
        self.requests.append(Asked(method, path, body))
        queue = self.instead.get((method, path.split("sha256:", maxsplit=1)[0]))
        if queue:
            return queue.pop(0) if len(queue) > 1 else queue[0]
        if blob:
            return self._blob(method, path.rsplit("/", 1)[-1], raw)
        handler = {
            ("GET", "/api/version"): self._version,
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/pull"): self._pull,
            ("POST", "/api/create"): self._create,
            ("POST", "/api/generate"): self._generate,
            ("POST", "/api/chat"): self._chat,
            ("POST", "/v1/chat/completions"): self._completion,
            ("DELETE", "/api/delete"): self._delete,
        }[method, path]
        return handler(body or {})

    def _version(self, _: dict[str, Any]) -> dict[str, Any]:
        found = recording("version")
        found["body"]["version"] = self.version
        return found

    def _tags(self, _: dict[str, Any]) -> dict[str, Any]:
        found = recording("tags")
        entry = found["body"]["models"][-1]
        found["body"]["models"] = [
            entry | {"name": name, "model": name, "details": entry["details"] | {"quantization_level": level}}
            for name, level in self.models.items()
        ]
        return found

    def _ps(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.loaded:
            return recording("ps_after_unload")
        found = recording("ps_after_load")
        name = self.loaded[-1]
        entry = found["body"]["models"][0] | {"name": name, "model": name}
        asked_for = self.parameters.get(name, {}).get("num_ctx", 4096)
        entry["context_length"] = min(asked_for, TRAINED_TOKENS)
        entry["details"] |= {"quantization_level": self.models[name]}
        found["body"]["models"] = [entry]
        return found

    def _blob(self, method: str, digest: str, raw: bytes) -> dict[str, Any]:
        if method == "HEAD":
            return recording("blob_head_existing" if digest in self.blobs else "blob_head_missing")
        if f"sha256:{hashlib.sha256(raw).hexdigest()}" != digest:
            return recording("blob_post_wrong_digest")
        self.blobs[digest] = len(raw)
        return recording("blob_post_truncated_gguf")

    def _pull(self, _: dict[str, Any]) -> dict[str, Any]:
        return recording("pull_no_network")

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = str(body.get("quantize", "")).upper()
        if wanted and wanted not in MADE_TYPES:
            return recording("create_quantize_bad_type")
        if "from" in body and body["from"] not in self.models:
            return recording("create_from_missing_model")
        if any(digest not in self.blobs for digest in body.get("files", {}).values()):
            return recording("create_missing_blob")
        held = self.models[body["from"]] if "from" in body else "Q4_1" if not wanted else "F16"
        if wanted and held not in UNQUANTIZED:
            return recording("create_quantize_from_quantized")
        self.models[body["model"]] = wanted or held
        self.parameters[body["model"]] = body.get("parameters", {})
        return recording("create_quantize_q8_0" if wanted else "create_http_api")

    def _generate(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["model"]
        if name not in self.models:
            return recording("generate_missing_model")
        if body.get("keep_alive") == 0:
            self.loaded = [one for one in self.loaded if one != name]
            return self._renamed("keep_alive_0_unload", name)
        self._load(name)
        return self._renamed("keep_alive_minus1", name)

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["model"] not in self.models:
            return recording("v1_chat_missing_model")
        self._load(body["model"])
        return self._renamed("v1_chat", body["model"])

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["model"] not in self.models:
            return recording("chat_missing_model")
        if body.get("tools"):
            return recording("chat_tools_unsupported")
        if body.get("think"):
            return recording("chat_think_unsupported")
        self._load(body["model"])
        return recording("chat_stream" if body.get("stream", True) else "chat_nonstream")

    def _load(self, name: str) -> None:
        if self.log and name not in self.loaded:
            # The first load that was recorded, up to the second.
            text = recorded_log("serve-main")
            self.log.write(text[: text.index('msg="invalid option')])
            self.log.flush()
        self.loaded = [name]

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["model"] not in self.models:
            return recording("delete_missing")
        del self.models[body["model"]]
        return recording("delete_ok")

    def _renamed(self, name: str, model: str) -> dict[str, Any]:
        found = recording(name)
        found["body"]["model"] = model
        return found


class Handler(BaseHTTPRequestHandler):
    """Writes what ``ollama`` answers, chunk by chunk where the recorded answer was chunked."""

    protocol_version = "HTTP/1.1"
    ollama: RecordedOllama

    def answer(self) -> None:
        """Answer any request."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = self.ollama.respond(self.command, self.path, raw)
        payload, headers = body_bytes(found["body"]), dict(found["headers"])
        self.send_response(found["status"])
        chunked = "transfer-encoding" in headers
        if not chunked:
            headers["content-length"] = str(len(payload))
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        # LangChain's clients are never closed: their connections would outlive the test.
        self.send_header("connection", "close")
        self.end_headers()
        if chunked:
            self.stream(payload)
        elif self.command != "HEAD":
            self.wfile.write(payload)

    def stream(self, payload: bytes) -> None:
        """Send a body in chunks."""
        sent = payload[: self.ollama.breaks_off_after]
        try:
            for piece in CUTS[self.ollama.cut](sent):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            if sent == payload:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.ollama.hung_up.set()

    do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815  the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


def server_of(ollama: RecordedOllama, *, port: int = 0) -> ThreadingHTTPServer:
    """A server of that stand-in, not yet serving; its URL is set."""
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Recorded", (Handler,), {"ollama": ollama}))
    server.daemon_threads = True
    ollama.url = f"http://127.0.0.1:{server.server_port}"
    return server


def main() -> None:
    """What ``ollama serve`` does: serve at ``OLLAMA_HOST`` until a signal, and write the recorded log."""
    port = int(os.environ["OLLAMA_HOST"].rsplit(":", 1)[1])
    server = server_of(RecordedOllama(log=sys.stderr), port=port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever(poll_interval=0.02)


if __name__ == "__main__":
    main()


def derived(base: object, **changes: Any) -> DerivedModel:  # noqa: ANN401  any field's
    """A model that is made of that base."""
    plain = DerivedModel("stillroom-tiny:ctx2048-01234567", str(base), {"num_ctx": 2048, "num_gpu": 0})
    return replace(plain, **changes)


def make(server: RecordedOllama, model: DerivedModel) -> list[str]:
    """Have the model made; what was said on the way."""
    said: list[str] = []
    OllamaLibrary(server.url, said.append).make(model)
    return said
