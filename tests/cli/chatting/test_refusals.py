"""What is wrong behind ``stillroom chat`` is refused before a model is asked, and says what is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest

from stillroom.cli import chat
from stillroom.cli.main import run
from stillroom.settings import Settings
from tests.cli.chatting.conftest import action, final

if TYPE_CHECKING:
    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home

WRONG = [
    (("--tool", "nosuch"), "there is no tool nosuch; there are search_library,"),
    (("--tool", "run_python"), "run_python is switched off: --python is needed"),
    (("--allow", "nosuch"), "there is no tool nosuch to allow; no tool of this chat asks for a yes"),
    (("--allow", "nosuch", "--python", "--web"), "that ask for a yes are fetch_page, run_python"),
    (("--allow", "fetch_page"), "fetch_page is switched off: --web is needed"),
    (
        ("--allow", "run_python", "--python", "--tool", "calculate"),
        "no tool run_python to allow beside --tool calculate",
    ),
    (("--file-root", "absent"), "there is no folder absent"),
    (("--file-root", "note.md"), "note.md is a file, and a folder is needed"),
    (("--file-root", ""), "a folder is needed, and the name is empty"),
    (("--trace-file", "absent/t.jsonl"), "there is no folder absent; to make it: mkdir -p 'absent'"),
    (("--trace-file", "."), "is a folder, and a file is needed"),
    (("--trace-file", ""), "a file is needed, and the name is empty"),
    (("--max-steps", "0"), "'0': at least 1 is needed"),
    (("--max-seconds", "86401"), "'86401': at most 86400 is allowed"),
    (("--calling", "nativ"), "'nativ' is not one of 'auto', 'native', 'constrained', 'prompted'"),
    (("--conversation", "a/b"), "the name 'a/b' has '/'; allowed are letters"),
    (("--conversation", ""), "the name of a conversation is empty"),
    (("--no-tools", "--allow", "run_python"), "--no-tools and --allow contradict each other"),
    (("--no-tools", "--python"), "--no-tools and --python contradict each other"),
    (("--no-tools", "--file-root", "."), "--no-tools and --file-root contradict each other"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=lambda value: " ".join(value)[:40])
def test_a_wrong_option_is_a_usage_error_that_says_what_is_needed(
    home: Home,
    speaker: Speaker,
    *,
    options: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # In this process: there are many, and the first thing that each does is to start Python.
    for name, value in home.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.folder)
    (home.folder / "note.md").write_text("# Tea")

    code = run(["chat", "What is 6 times 7?", *options])

    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert said in err
    assert not speaker.asked
    assert not home.data_dir.exists()


@pytest.mark.parametrize("option", ["max_steps", "max_seconds"])
def test_a_limit_has_the_bounds_of_its_setting(option: str) -> None:
    typed = next(
        value
        for value in get_args(get_type_hints(chat.chat, include_extras=True)[option])
        if hasattr(value, "min")
    )
    bounds = {type(one).__name__: one for one in Settings.model_fields[f"agent_{option}"].metadata}

    assert (typed.min, typed.max) == (bounds["Ge"].ge, bounds["Le"].le)


def test_a_library_that_is_not_there_is_refused_and_not_made(home: Home, speaker: Speaker) -> None:
    (home.folder / "note.md").write_text("# Tea\n\nGreen tea is steeped for two minutes.\n")
    assert home.run("ingest", "note.md", "--library", "notes").returncode == 0

    done = home.run("chat", "What is tea?", "--library", "note")

    assert done.returncode == 1
    assert "there is no library 'note' in" in done.stderr
    assert "; there are notes" in done.stderr
    assert "stillroom ingest PATH --library note" in done.stderr
    assert not speaker.asked
    assert [folder.name for folder in (home.data_dir / "libraries").iterdir()] == ["notes"]


@pytest.mark.parametrize(
    ("piped", "said"),
    [
        (b"x" * 9000, "the question has 9,000 characters, and at most 2,000 are read"),
        (b"x" * 2_000_000, "more than 1,000,000 characters"),
        (b" \n", "what stdin gave is empty"),
        (b"tea \xff", "no UTF-8 text"),
    ],
    ids=["long", "endless", "empty", "bytes"],
)
def test_what_is_no_question_on_stdin_is_refused(
    home: Home, speaker: Speaker, piped: bytes, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stillroom", "chat", "-"],
        input=piped,
        capture_output=True,
        env=home.variables(),
        cwd=home.folder,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode()
    assert not speaker.asked


def test_an_empty_question_is_refused_by_name(home: Home) -> None:
    done = home.run("chat", "--once", "")

    assert (done.returncode, "the question is empty; type one" in done.stderr) == (2, True)


def configured(home: Home, name: str) -> None:
    """An ``mcp.json`` with a server that nobody approved."""
    entry = {"command": sys.executable, "args": ["-c", "raise SystemExit(1)"]}
    (home.folder / ".mcp.json").write_text(json.dumps({"mcpServers": {name: entry}}))


def test_a_tool_that_no_mcp_server_brought_is_refused_before_the_model_is_asked(
    home: Home, speaker: Speaker
) -> None:
    configured(home, "files")

    for option in ("--tool", "--allow"):
        done = home.run("chat", "Read it.", option, "files__read")

        assert done.returncode == 2, done.stderr
        assert "there is no tool files__read" in done.stderr
        assert "stillroom mcp approve files" in done.stderr
    assert not speaker.asked


PROGRAM = action("run_python", code="print(6 * 7)")
RUNNING = ("chat", "Run it.", "--calling", "constrained", "--python", "--tool", "run_python")


def test_a_call_that_nobody_could_allow_is_said_whole_with_the_switch_that_does(
    home: Home, speaker: Speaker
) -> None:
    home.environment["COLUMNS"] = "80"
    speaker.replies = [PROGRAM, final("It did not run.")]
    plain = home.run(*RUNNING)
    speaker.replies = [PROGRAM, final("It did not run.")]
    told = home.json(*RUNNING)

    said = "run_python was not run: it needs a person's yes, and nobody can be asked here. "
    switch = "To allow it beforehand: --allow run_python"
    assert said + switch in plain.stderr.splitlines()
    assert any(line.startswith("✗ run_python") and "--allow" in line for line in plain.stderr.splitlines())
    assert told["notice"] == said + switch


def state_of(home: Home, kind: str) -> None:
    if kind == "damaged":
        home.state_dir.mkdir()
        (home.state_dir / "conversations.sqlite3").write_text("this is no database at all")
    else:
        home.state_dir.write_text("this is no folder")


@pytest.mark.parametrize(("kind", "said"), [("damaged", "is damaged"), ("file", "has to be a folder")])
def test_a_conversation_that_cannot_be_kept_is_said(
    home: Home, speaker: Speaker, kind: str, said: str
) -> None:
    state_of(home, kind)
    speaker.replies = ["Blue."]
    command = ("chat", "What colour is the sky?", "--no-tools", "--calling", "native")

    plain, told = home.run(*command), home.json(*command)

    assert plain.stdout == "Blue.\n"
    assert plain.stderr.count("This conversation is not kept: ") == 1
    assert said in plain.stderr
    assert told["notice"].startswith("This conversation is not kept: ")
    assert told["conversation"] == ""


def test_the_notice_of_a_repeated_call_given_back_is_no_answer(home: Home, speaker: Speaker) -> None:
    call = action("calculate", expression="6 * 7")
    speaker.replies = [call, call, final("You made this very call before; this is its result again.")]

    done = home.run("chat", "What is 6 times 7?", "--calling", "constrained", "--tool", "calculate", "--json")

    told: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, told["ended_by"]) == (1, "loop")
    assert told["answer"].startswith("No answer: the run was ended because it went round in circles")
    assert "6 * 7 = 42" in told["answer"]
