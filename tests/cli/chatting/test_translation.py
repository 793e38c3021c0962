"""What the program says in English is shown in Chinese where the chat is, and what has no form stays."""

from __future__ import annotations

import ast
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.running.step import Step
from agents.toolbox import toolbox
from agents.toolkit.access import Access
from stillroom.cli.chatting.call_lines import gist
from stillroom.cli.chatting.chinese_messages import MESSAGES, TOOLS
from stillroom.cli.chatting.translation import Form, translated, translated_failure, translated_lines
from stillroom.cli.chatting.wordings import texts_in
from stillroom.cli.rooms import Rooms
from stillroom.settings import load_settings
from tests.cli.chatting.conftest import action, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home

ROOT = Path(__file__).resolve().parents[3]
CHINESE = texts_in("zh")
PLACE = re.compile(r"\{(\w+)\}")


def strings() -> Iterator[str]:
    """Every constant text of the program, parts of formatted ones too."""
    for room in ("agents", "deploy", "rag", "stillroom"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name != "chinese_messages.py":
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield node.value


def step(tool: str, result: str, *, failed: bool = False) -> Step:
    return Step(1, "", tool, {}, result, failed, repeated=False, model_seconds=0, tool_seconds=0, tokens=None)


def test_each_form_is_said_somewhere_in_the_program_in_these_words() -> None:
    said = "\n".join(strings())
    for form in MESSAGES:
        for words in PLACE.split(form.english)[::2]:
            # A message may be put together of two parts.
            parts = [(words[:at], words[at:].strip()) for at in range(len(words))]
            assert words in said or any(one in said and other in said for one, other in parts if one), form


@pytest.mark.parametrize("form", MESSAGES, ids=lambda form: form.english)
def test_a_form_takes_over_what_the_program_fills_in(form: Form) -> None:
    assert set(PLACE.findall(form.other)) <= set(PLACE.findall(form.english))
    filled = PLACE.sub(lambda place: f"‹{place[1]}›", form.english)
    assert re.search("[\u4e00-\u9fff]", translated(filled, MESSAGES))


def test_every_tool_of_ours_is_told_in_chinese(tmp_path: Path) -> None:
    rooms = Rooms(load_settings({"data_dir": str(tmp_path), "state_dir": str(tmp_path)}))
    every = Access(file_roots=(tmp_path,), web=True, python=True)
    assert {tool.name for tool in toolbox(rooms.services(), every)} | {"read_result"} == set(TOOLS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no model answers at http://h/v1: refused", "http://h/v1 没有模型应答：refused"),
        ("the MCP server a is not approved, and was not started; stillroom mcp approve a",
         "MCP 服务器 a 未经批准，没有启动；stillroom mcp approve a"),
        ("cannot calculate '1/0': it divides by zero", "无法计算 '1/0'：除数为零"),
        ("something else happened", "something else happened"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_message_is_told_by_its_form_or_as_it_is(text: str, shown: str) -> None:
    assert translated(text, MESSAGES) == shown
    assert translated(text, ()) == text


def test_an_error_of_a_tool_is_told_with_its_hint() -> None:
    told = (
        "Error: write was not run: it needs a person's yes, and there is nobody to ask"
        " (--allow write allows it beforehand)"
    )
    assert translated_failure(told, MESSAGES, failed="错误：") == (
        "错误：write 没有运行：它需要人的同意，而这里没有人可问（--allow write 可事先允许）"
    )
    assert translated_failure(told, (), failed="Error: ") == told


@pytest.mark.parametrize("tool", ["read_file", "search_library", "run_python", "ci__log", "list_files"])
def test_what_others_wrote_is_no_sentence_of_the_program(tool: str) -> None:
    log = "CI log\nbuild failed: exit 1\nThe waiter serves tea: hot\nError: 1/0: it divides by zero"
    assert gist(step(tool, log), CHINESE) == " ".join(log.split())


@pytest.mark.parametrize(
    ("tool", "result", "shown"),
    [
        ("engine_status", "ollama serves qwen3:4b: ready", "ollama 正在提供 qwen3:4b：ready"),
        ("plan_deployment", "Machine: 2 cores\nPick: qwen3:4b", "本机：2 cores 推荐：qwen3:4b"),
        ("list_files", "Nothing was found in notes.", "在 notes 中没有找到任何内容。"),
    ],
)
def test_what_the_program_says_of_itself_is_told_in_chinese(tool: str, result: str, shown: str) -> None:
    assert gist(step(tool, result), CHINESE) == shown
    assert gist(step(tool, result), texts_in("en")) == " ".join(result.split())


def test_a_failed_call_of_any_tool_is_told_in_chinese() -> None:
    refused = step("ci__log", "Error: ci__log was not run: the run has ended", failed=True)
    assert gist(refused, CHINESE) == "错误：ci__log 没有运行：运行已结束"


def test_a_long_text_of_a_server_takes_no_time() -> None:
    for text in ("a failed: " * 20_000, "; " * 50_000, " at " * 50_000, " (" * 50_000 + ")"):
        began = time.thread_time()
        translated(text, MESSAGES)
        translated_lines(text, MESSAGES)
        translated_failure(f"Error: {text}", MESSAGES, failed="错误：")
        assert time.thread_time() - began < 20


def test_a_chat_in_chinese_tells_errors_in_chinese_and_json_as_they_are(home: Home, speaker: Speaker) -> None:
    speaker.replies = [action("calculate", expression="1/0"), final("不能除以零。")]
    home.environment["LC_ALL"] = "zh_CN.UTF-8"
    asked = ("chat", "一除以零等于多少？", "--no-mcp", "--tool", "calculate", "--calling", "constrained")
    assert "错误：无法计算 '1/0'：除数为零（允许：numbers" in home.run(*asked).stderr

    for name in ("STILLROOM_ENDPOINT_URL", "STILLROOM_ENDPOINT_MODEL"):
        del home.environment[name]
    away = home.run(*asked, "--json")
    assert away.returncode == 1
    assert "错误： 智能体需要模型，但没有模型在运行" in away.stderr
    assert "可试： stillroom up" in away.stderr
    assert '"message": "the agent needs a model, and none is running"' in away.stdout
