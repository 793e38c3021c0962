"""Shared by the tests of checkpoints: a web server that can misbehave, writers of small files."""

from __future__ import annotations

import json
import re
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import pytest

from deploy.checkpoints.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Script: TypeAlias = "Callable[[BaseHTTPRequestHandler, Content], None]"

GGML_SIZES = {0: (1, 4), 1: (1, 2), 8: (32, 34), 12: (256, 144), 14: (256, 210), 39: (32, 17)}
DTYPE_BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I32": 4, "F8_E4M3": 1, "U8": 1}


@dataclass(frozen=True)
class Content:
    """A file's bytes: those of its start, and zeros up to its size, which may be far more than memory."""

    head: bytes
    size: int

    def part(self, start: int, end: int) -> bytes:
        """The bytes from start to end."""
        end = min(end, self.size)
        head = self.head[start:end]
        return head + bytes(max(end - start - len(head), 0))


@dataclass(frozen=True)
class Seen:
    """One request that the server got."""

    path: str
    range: str | None
    authorization: str | None


@dataclass
class FileServer:
    """A web server of files with ranges.

    Attributes:
        files: by path.
        scripts: by path, what answers instead, one a request; the file itself once they are used up.
        always: by path, what answers every request.
        sent_bytes: of files' content, all answers together.
    """

    url: str = ""
    files: dict[str, Content] = field(default_factory=dict)
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    always: dict[str, Script] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    sent_bytes: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, data: bytes, *, size: int = 0) -> str:
        """Serve a file; return its URL."""
        self.files[path] = Content(data, max(size, len(data)))
        return self.url + path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        path = urlsplit(handler.path).path
        headers = handler.headers
        self.seen.append(Seen(handler.path, headers.get("Range"), headers.get("Authorization")))
        content = self.files.get(path, Content(b"", 0))
        scripts = self.scripts.get(path)
        if scripts:
            scripts.pop(0)(handler, content)
        elif path in self.always:
            self.always[path](handler, content)
        elif path in self.files:
            self.send(handler, content)
        else:
            handler.send_error(404)

    def send(
        self,
        handler: BaseHTTPRequestHandler,
        content: Content,
        *,
        ranges: bool = True,
        cut_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A file or the part that is asked for, in pieces, cut off where a test wants it."""
        start, end = 0, content.size
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        if ranges and match:
            start = int(match[1])
            end = min(int(match[2]) + 1 if match[2] else end, end)
        if ranges and match and start >= content.size:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{content.size}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        sent = {"Content-Length": str(end - start), "Content-Type": "application/octet-stream"}
        if ranges and match:
            sent["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
        handler.send_response(206 if ranges and match else 200)
        for name, value in (sent | dict(headers or {})).items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        limit = end if cut_after is None else min(start + cut_after, end)
        self._send_pieces(handler, content, start, limit)
        handler.close_connection = True

    def _send_pieces(self, handler: BaseHTTPRequestHandler, content: Content, start: int, end: int) -> None:
        try:
            while start < end:
                piece = content.part(start, min(start + 65536, end))
                handler.wfile.write(piece)
                self.sent_bytes += len(piece)
                start += len(piece)
        except OSError:  # the reader has enough and hangs up
            handler.close_connection = True

    def status(self, code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Script:
        """An answer without a file."""

        def script(handler: BaseHTTPRequestHandler, _: Content) -> None:
            handler.send_response(code)
            for name, value in (headers or {}).items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return script

    def redirect(self, url: str) -> Script:
        """An answer that sends elsewhere."""
        return self.status(302, {"Location": url})

    def whole(self, *, headers: Mapping[str, str] | None = None, cut_after: int | None = None) -> Script:
        """A server that refuses ranges."""
        return lambda handler, content: self.send(
            handler, content, ranges=False, headers=headers, cut_after=cut_after
        )

    def part(self, *, headers: Mapping[str, str] | None = None, cut_after: int | None = None) -> Script:
        """A server of ranges with other headers than it should send, or that breaks off."""
        return lambda handler, content: self.send(handler, content, headers=headers, cut_after=cut_after)

    def stall(self) -> Script:
        """A server that does not answer before the test is over."""

        def script(handler: BaseHTTPRequestHandler, _: Content) -> None:
            self.closing.wait(120)
            handler.close_connection = True

        return script


class QuietServer(ThreadingHTTPServer):
    """A server that waits for no handler when it is closed."""

    daemon_threads = True
    block_on_close = False


@pytest.fixture
def make_server() -> Iterator[Callable[[], FileServer]]:
    """Start one server a call."""
    with ExitStack() as stack:

        def start() -> FileServer:
            files = FileServer()

            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_GET(self) -> None:
                    files.answer(self)

                def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                    """Say nothing."""

            server = QuietServer(("127.0.0.1", 0), Handler)
            files.url = f"http://127.0.0.1:{server.server_port}"
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            stack.callback(files.closing.set)
            return files

        yield start


@pytest.fixture
def server(make_server: Callable[[], FileServer]) -> FileServer:
    """One server."""
    return make_server()


@pytest.fixture
def hasty() -> Patience:
    """Waits of a test: none between attempts."""
    return Patience(timeout_seconds=60.0, attempts=3, backoff_seconds=0.0)


def text(value: str) -> bytes:
    """A GGUF string."""
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def gguf_value(value: object) -> bytes:
    """A GGUF value with its type in front."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<IQ", 10, value) if value >= 2**31 else struct.pack("<Ii", 5, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    assert isinstance(value, list)
    if value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(item) for item in value)
    return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def gguf_bytes(
    metadata: Mapping[str, object],
    tensors: Sequence[tuple[str, tuple[int, ...], int]],
    *,
    version: int = 3,
    with_data: bool = True,
) -> bytes:
    """A GGUF file: tensors by name, shape with rows first, and ggml's type number; their data is zeros."""
    alignment = metadata.get("general.alignment", 32)
    assert isinstance(alignment, int)
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    header += b"".join(text(key) + gguf_value(value) for key, value in metadata.items())
    offset = 0
    for name, shape, kind in tensors:
        elements = 1
        for dimension in shape:
            elements *= dimension
        header += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1])
        header += struct.pack("<IQ", kind, offset)
        weights, block_bytes = GGML_SIZES.get(kind, (1, 1))
        offset += -(-elements // weights * block_bytes // alignment) * alignment
    header += bytes(-len(header) % alignment)
    return header + bytes(offset if with_data else 0)


def safetensors_bytes(tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> bytes:
    """A safetensors file: dtype and shape by name; its data is zeros."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        length = DTYPE_BYTES[dtype]
        for dimension in shape:
            length *= dimension
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + length]}
        offset += length
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(offset)


@pytest.fixture
def write_gguf() -> Callable[..., bytes]:
    """The bytes of a GGUF file."""
    return gguf_bytes


@pytest.fixture
def write_safetensors() -> Callable[..., bytes]:
    """The bytes of a safetensors file."""
    return safetensors_bytes
