"""``stillroom chat`` traces a run of the real model: on stderr, in a file, and keeps the conversation."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint
    from tests.conftest import Home


@pytest.fixture
def served(home: Home, bundled_endpoint: Endpoint) -> Home:
    """A house whose model is the bundled one, and whose key would be a secret."""
    home.environment.update(
        STILLROOM_ENDPOINT_URL=bundled_endpoint.base_url,
        STILLROOM_ENDPOINT_MODEL=bundled_endpoint.model,
        STILLROOM_ENDPOINT_ENGINE="embedded",
        STILLROOM_ENDPOINT_API_KEY="quicksilver-1",
        STILLROOM_CONTEXT_TOKENS="2048",
        STILLROOM_AGENT_MAX_STEPS="2",
    )
    return home


def test_a_run_is_traced_on_stderr_and_in_a_file_without_its_key(served: Home) -> None:
    file = served.folder / "traces" / "t.jsonl"
    file.parent.mkdir()
    question = "Is quicksilver-1 more than 2 + 2?"
    done = served.run(
        "chat", question, "--tool", "calculate", "--trace", "--trace-file", str(file), "--conversation", "数"
    )
    assert done.returncode in {0, 1}, done.stderr
    shown = [line.split()[0] for line in done.stderr.splitlines() if line.strip()]
    assert "model" in shown
    assert "ended" in shown
    text = file.read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("run_started", "run_ended")
    assert events[0]["conversation"] == "数"
    assert events[0]["question"] == "Is [redacted] more than 2 + 2?"
    assert "quicksilver" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (kept,) = served.json("conversations", "list")
    assert (kept["name"], kept["turns"], kept["first_question"]) == ("数", 1, question)


def test_a_trace_file_that_cannot_be_written_is_said_before_a_model_is_asked(served: Home) -> None:
    full = "/dev/full/t.jsonl"
    typed = served.run("chat", "2 + 2?", "--trace-file", full)
    assert (typed.returncode, "there is no folder /dev/full" in typed.stderr) == (2, True)
    served.environment["STILLROOM_AGENT_TRACE_FILE"] = full
    done = served.run("chat", "2 + 2?")
    assert (done.returncode, f"the trace file {full} cannot be written" in done.stderr) == (1, True)
