"""One question from a command line or a script: the answer on stdout, the reason in the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.cli.chatting.conftest import action, final

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint
    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home

CALL = action("calculate", expression="6 * 7")
CALCULATING = ("--calling", "constrained", "--tool", "calculate")


def test_the_answer_goes_to_stdout_and_what_happens_on_the_way_to_stderr(
    home: Home, speaker: Speaker
) -> None:
    speaker.replies = [CALL, final("It is **42**.")]

    done = home.run("chat", "What is 6 times 7?", *CALCULATING)

    assert (done.returncode, done.stdout) == (0, "It is **42**.\n")
    assert "✓ calculate" in done.stderr
    assert "1 tool call" in done.stderr


def test_a_script_gets_one_line_of_json(home: Home, speaker: Speaker) -> None:
    speaker.replies = [CALL, final("It is 42.")]

    told = home.json("chat", "--once", "What is 6 times 7?", *CALCULATING, "--conversation", "sums")

    fields = "answer citations steps ended_by notice model way tokens seconds conversation"
    assert list(told) == fields.split()
    assert (told["answer"], told["ended_by"], told["way"]) == ("It is 42.", "answer", "constrained")
    assert (told["model"], told["conversation"]) == ("scripted", "sums")
    assert told["tokens"] >= 120 * len(speaker.asked)
    assert told["steps"][0]["arguments"] == {"expression": "6 * 7"}


def test_a_run_without_an_answer_exits_with_1_and_says_why(home: Home, speaker: Speaker) -> None:
    speaker.replies = [CALL]
    command = ("chat", "What is 6 times 7?", *CALCULATING, "--max-steps", "1")

    plain, told = home.run(*command), home.run(*command, "--json")

    assert plain.returncode == told.returncode == 1
    assert "6 * 7 = 42" in plain.stdout
    assert json.loads(told.stdout)["ended_by"] == "step_limit"


def test_the_question_comes_from_a_pipe_where_it_is_asked_for(home: Home, speaker: Speaker) -> None:
    speaker.replies = ["你好"]

    done = subprocess.run(
        [sys.executable, "-m", "stillroom", "chat", "-", "--no-tools", "--calling", "native"],
        input="说\n你好\n",
        capture_output=True,
        text=True,
        env=home.variables(),
        cwd=home.folder,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "你好\n")
    assert speaker.questions == ["说\n你好"]


def test_the_last_conversation_is_gone_on_with_where_that_is_asked_for(home: Home, speaker: Speaker) -> None:
    speaker.replies = ["Blue."]
    command = ("chat", "--no-tools", "--calling", "native")

    home.json(*command, "What colour is the sky?")
    home.json(*command, "And at night?", "--continue")
    home.json(*command, "What is salt?")

    said = [str(request["messages"]) for request in speaker.asked]
    assert "What colour is the sky?" in said[1]
    assert "What colour is the sky?" not in said[2]


def test_what_cannot_go_together_is_a_usage_error(home: Home) -> None:
    for arguments in (
        ("one", "--once", "another"),
        ("one", "--conversation", "a", "--continue"),
        ("one", "--tool", "calculate", "--no-tools"),
        ("--json",),
    ):
        assert home.run("chat", *arguments).returncode == 2, arguments


def test_the_bundled_model_answers_a_script_honestly(home: Home, bundled_endpoint: Endpoint) -> None:
    home.environment.update(
        STILLROOM_ENDPOINT_URL=bundled_endpoint.base_url, STILLROOM_ENDPOINT_MODEL=bundled_endpoint.model
    )

    done = home.run("chat", "What is 6 times 7?", "--tool", "calculate", "--max-steps", "3", "--json")

    told = json.loads(done.stdout)
    assert told["way"] == "constrained"
    assert {step["tool"] for step in told["steps"]} == {"calculate"}
    assert done.returncode == (0 if told["ended_by"] == "answer" else 1)
