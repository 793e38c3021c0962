"""Downloads against real local servers: one that serves ranges, and several that misbehave."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.download import Download, Progress, download
from deploy.ports import free_port
from stillroom.errors import EnvironmentUnfitError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 8192  # 2 MiB: two chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Hub:
    """A server of one file, and how it behaves.

    Attributes:
        cut_after: bytes after which a response breaks off, one entry a response.
        redirect_to: another server's URL, as a hub sends to its storage.
        seen: range and authorization of each request.
    """

    serves_ranges: bool = True
    checksum: str | None = SHA256
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    redirect_to: str = ""
    url: str = ""
    seen: list[tuple[str | None, str | None]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        self.seen.append((handler.headers.get("Range"), handler.headers.get("Authorization")))
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if self.redirect_to:
            handler.send_response(302)
            handler.send_header("Location", self.redirect_to)
        else:
            self._send_file(handler)
            return
        self._send_linked(handler)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _send_linked(self, handler: BaseHTTPRequestHandler) -> None:
        if self.checksum:
            handler.send_header("X-Linked-Etag", f'"{self.checksum}"')
            handler.send_header("X-Linked-Size", str(len(CONTENT)))

    def _send_file(self, handler: BaseHTTPRequestHandler) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        offset = int(match[1]) if match and self.serves_ranges else 0
        if offset >= len(CONTENT):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self._send_linked(handler)
            handler.end_headers()
            return
        handler.send_response(206 if offset else 200)
        if offset:
            handler.send_header("Content-Range", f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self._send_linked(handler)
        handler.send_header("Content-Length", str(len(CONTENT) - offset))
        handler.end_headers()
        end = offset + self.cut_after.pop(0) if self.cut_after else len(CONTENT)
        handler.wfile.write(CONTENT[offset:end])


@pytest.fixture
def serve() -> Iterator[Callable[[Hub], Hub]]:
    """Put a hub on a loopback port for the length of a test."""
    with ExitStack() as servers:

        def start(hub: Hub) -> Hub:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    hub.answer(self)

                def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                    """Say nothing."""

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            servers.callback(server.server_close)
            servers.callback(server.shutdown)
            hub.url = f"http://127.0.0.1:{server.server_port}/model.gguf"
            return hub

        yield start


def fetch(hub: Hub, target: Path, **changes: object) -> list[Progress]:
    seen: list[Progress] = []
    request = partial(Download, url=hub.url, target=target, backoff_seconds=0.001)
    download(request(**changes), on_progress=seen.append)  # type: ignore[arg-type]
    return seen


def test_a_file_arrives_whole_and_progress_is_told(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    target = tmp_path / "models" / "model.gguf"

    progress = fetch(serve(Hub()), target)

    assert target.read_bytes() == CONTENT
    assert progress[-1] == Progress("model.gguf", len(CONTENT), len(CONTENT))
    assert list(target.parent.iterdir()) == [target]


def test_a_connection_cut_midway_is_resumed_where_it_ended(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    hub = serve(Hub(cut_after=[700_000, 500_000]))

    fetch(hub, tmp_path / "model.gguf")

    assert (tmp_path / "model.gguf").read_bytes() == CONTENT
    assert [request_range for request_range, _ in hub.seen] == [None, "bytes=700000-", "bytes=1200000-"]


def test_an_earlier_run_is_resumed(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    (tmp_path / "model.gguf.part").write_bytes(CONTENT[:900_000])
    hub = serve(Hub())

    fetch(hub, tmp_path / "model.gguf")

    assert (tmp_path / "model.gguf").read_bytes() == CONTENT
    assert hub.seen == [("bytes=900000-", None)]


def test_a_part_file_that_is_whole_already_is_taken(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    (tmp_path / "model.gguf.part").write_bytes(CONTENT)

    fetch(serve(Hub()), tmp_path / "model.gguf")

    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    (tmp_path / "model.gguf.part").write_bytes(b"x" * 900_000)

    fetch(serve(Hub(serves_ranges=False)), tmp_path / "model.gguf")

    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_without_a_checksum_nothing_is_resumed(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    (tmp_path / "model.gguf.part").write_bytes(b"x" * 900_000)

    fetch(serve(Hub(checksum=None)), tmp_path / "model.gguf")

    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"has the SHA-256 {SHA256}, and {'0' * 64} was expected"):
        fetch(serve(Hub(checksum="0" * 64)), tmp_path / "model.gguf")

    assert list(tmp_path.iterdir()) == []


def test_a_pinned_checksum_outweighs_the_servers_own(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"{'1' * 64} was expected"):
        fetch(serve(Hub()), tmp_path / "model.gguf", sha256="1" * 64)


def test_errors_that_pass_are_tried_again(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    hub = serve(Hub(statuses=[503, 429, 500]))

    fetch(hub, tmp_path / "model.gguf")

    assert len(hub.seen) == 4
    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_errors_that_stay_end_after_a_bounded_number_of_attempts(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    hub = serve(Hub(statuses=[503] * 9))

    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 could not be reached for model\.gguf: status 503"):
        fetch(hub, tmp_path / "model.gguf", attempts=3)

    assert len(hub.seen) == 3


def test_a_server_that_cannot_resume_and_always_breaks_off_is_given_up(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    # Ranges without a checksum: each second attempt starts over and gains the same bytes again.
    hub = serve(Hub(checksum=None, cut_after=[900_000] * 40))

    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 could not be reached for model\.gguf"):
        fetch(hub, tmp_path / "model.gguf", attempts=3)

    assert len(hub.seen) == 4


def test_redirects_in_a_circle_are_given_up(serve: Callable[[Hub], Hub], tmp_path: Path) -> None:
    hub = serve(Hub())
    hub.redirect_to = hub.url

    with pytest.raises(WeightsError, match="redirects"):
        fetch(hub, tmp_path / "model.gguf", attempts=1)


def test_a_host_that_cannot_be_reached_is_named_with_the_next_command(tmp_path: Path) -> None:
    hub = Hub(url=f"http://127.0.0.1:{free_port()}/model.gguf")

    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 could not be reached for model\.gguf") as caught:
        fetch(hub, tmp_path / "model.gguf", attempts=2, offline_hint="stillroom models pull smollm2:135m")

    assert caught.value.hint == "stillroom models pull smollm2:135m"


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refuses model.gguf"), (404, "answers with status 404")]
)
def test_errors_that_will_not_pass_are_not_tried_again(
    serve: Callable[[Hub], Hub], tmp_path: Path, status: int, message: str
) -> None:
    hub = serve(Hub(statuses=[status]))

    with pytest.raises(WeightsError, match=message):
        fetch(hub, tmp_path / "model.gguf")

    assert len(hub.seen) == 1


def test_the_token_is_sent_to_the_hub_and_not_to_its_storage(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    storage = serve(Hub(checksum=None))
    hub = serve(Hub(redirect_to=storage.url))

    fetch(hub, tmp_path / "model.gguf", token="secret")

    assert hub.seen == [(None, "Bearer secret")]
    assert storage.seen == [(None, None)]
    assert (tmp_path / "model.gguf").read_bytes() == CONTENT


def test_the_hubs_checksum_in_front_of_the_redirect_counts(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    storage = serve(Hub(checksum=None))
    hub = serve(Hub(redirect_to=storage.url, checksum="2" * 64))

    with pytest.raises(WeightsError, match=f"{'2' * 64} was expected"):
        fetch(hub, tmp_path / "model.gguf")


def test_too_little_space_is_found_before_anything_is_written(
    serve: Callable[[Hub], Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": len(CONTENT) - 1}))

    with pytest.raises(EnvironmentUnfitError, match=r"0\.0 GB are needed in .*, and 0\.0 GB are free"):
        fetch(serve(Hub()), tmp_path / "model.gguf")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_of_the_environment(
    serve: Callable[[Hub], Hub], tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")

    with pytest.raises(EnvironmentUnfitError, match="cannot write"):
        fetch(serve(Hub()), in_the_way / "model.gguf")
