"""A plan as a shell script, run by the shell that this system calls ``sh``."""

from __future__ import annotations

import ast
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.exports.shell_script import shell_script
from deploy.spec import ENGINE_NAMES, LaunchSpec, NodeCommands
from stillroom.errors import EngineError
from tests.deploy.exports.conftest import WEIGHTS, launch_spec
from tests.processes import runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import EngineName

AWKWARD = ("a b", "$HOME", "it's", '"', "--x=1\n2", "--", "`id`", "*", "")

# Stands in for Ollama: keeps a record of what it was asked, and answers from its second question on.
OLLAMA = """\
#!/bin/sh
echo "$*" >> "$RECORD"
case $1 in
  serve) echo $$ > pid; [ -e broken ] && exit 1; exec sleep 600 ;;
  list) [ -e asked ] || { touch asked; exit 1; } ;;
  create) cp "$4" made ;;
esac
"""


def spec_of(*argv: str, **fields: object) -> LaunchSpec:
    """A specification that starts a command of ours."""
    plain = LaunchSpec(
        "vllm", argv, "127.0.0.1", 1, "http://127.0.0.1:1/v1", "http://127.0.0.1:1/health", "m"
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def run(
    text: str, *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    return subprocess.run(
        ["sh", "-c", text, "script", *arguments],  # noqa: S607 - the system's own
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engines_script_is_one_that_a_shell_reads_and_holds_no_secret(
    name: EngineName, plan: Plan
) -> None:
    text = shell_script(launch_spec(plan, name, weights=WEIGHTS, contained=False), title="a title")

    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)  # noqa: S607

    assert done.returncode == 0, done.stderr
    assert "private" not in text


def test_words_variables_and_files_arrive_as_they_are(tmp_path: Path) -> None:
    show = "import os, sys; print([*sys.argv[1:], os.environ['GREETING']])"
    file = tmp_path / "a folder" / "it's"
    spec = spec_of(
        sys.executable, "-c", show, *AWKWARD, environment={"GREETING": "$x 'y'"}, files={file: "50 %s\n'$x'"}
    )

    done = run(shell_script(spec, title="one\nrm -rf two"))

    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == [*AWKWARD, "$x 'y'"]
    assert file.read_text(encoding="utf-8") == "50 %s\n'$x'"


def test_a_needed_secret_is_asked_for_by_name_before_anything_starts() -> None:
    spec = spec_of("printenv", "VLLM_API_KEY", secrets={"VLLM_API_KEY": "sk-private"})
    text = shell_script(spec, title="")

    without = run(text, STILLROOM_ENGINE_API_KEY="")
    given = run(text, STILLROOM_ENGINE_API_KEY="sk-other")

    assert without.returncode != 0
    assert "STILLROOM_ENGINE_API_KEY" in without.stderr
    assert given.stdout == "sk-other\n"


def test_a_hubs_token_is_named_and_not_demanded() -> None:
    text = shell_script(spec_of("true", secrets={"HF_TOKEN": "hf_private"}), title="")

    assert "HF_TOKEN" in text
    assert "hf_private" not in text
    assert run(text).returncode == 0


def test_the_embedded_engine_is_not_told_to_end_with_a_standard_input_that_a_script_has_not(
    plan: Plan,
) -> None:
    spec = launch_spec(plan, "embedded", weights=WEIGHTS, contained=False)

    assert "--stop-on-stdin-eof" in spec.argv
    words = shlex.split(shell_script(spec, title="").split("exec ")[1].replace("\\\n", " "))
    assert words == [word for word in spec.argv if word != "--stop-on-stdin-eof"]


@pytest.fixture
def ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with a stand-in for Ollama first on the PATH."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(OLLAMA, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return tmp_path


def test_ollama_is_served_asked_and_given_its_model_and_ends_with_the_script(
    ollama: Path, plan: Plan
) -> None:
    spec = launch_spec(plan, "ollama", contained=False)
    assert spec.derived_model is not None
    script = ["sh", "-c", shell_script(spec, title="")]

    with subprocess.Popen(script, cwd=ollama) as process:
        pid = ollama / "pid"
        assert wait_until(lambda: (ollama / "made").exists() and pid.exists() and pid.stat().st_size > 0)
        server = int(pid.read_text(encoding="utf-8"))
        assert runs(server)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=120)

    assert code == 128 + signal.SIGTERM
    assert not runs(server)
    asked = (ollama / "record").read_text(encoding="utf-8").splitlines()
    # The server starts in the background: when its line is written is the system's to say.
    asked.remove("serve")
    assert asked[:2] == ["list", "list"]
    assert asked[2].startswith(f"create {spec.served_model} -f ")
    assert (ollama / "made").read_text(encoding="utf-8") == spec.derived_model.modelfile() + "\n"


def test_an_ollama_that_dies_ends_the_script_and_its_model_goes_to_no_other_server(
    ollama: Path, plan: Plan
) -> None:
    (ollama / "broken").touch()

    done = run(shell_script(launch_spec(plan, "ollama", contained=False), title=""), folder=ollama)

    assert done.returncode != 0
    assert not (ollama / "made").exists()


def test_several_machines_get_one_script_that_is_told_which_of_them_it_runs_on() -> None:
    nodes = (
        NodeCommands(0, (("echo", "first"), ("echo", "serve it"))),
        NodeCommands(1, (("echo", "join", "--rank", "1"),)),
    )
    text = shell_script(replace(spec_of(), nodes=nodes), title="")

    assert run(text, "0").stdout == "first\nserve it\n"
    assert run(text, "1").stdout == "join --rank 1\n"
    assert run(text).returncode == 2
    assert "usage: sh script 0|1" in run(text, "7").stderr


def test_a_server_that_is_only_attached_to_has_no_script() -> None:
    with pytest.raises(EngineError, match="runs already"):
        shell_script(spec_of(), title="")
