"""``stillroom chat`` on a terminal, as a person uses it: typed on, stopped, left, and gone on with."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from tests.cli.chatting.conftest import HOLD, action, final
from tests.terminal import (
    ALT_RETURN,
    CTRL_C,
    CTRL_D,
    CTRL_J,
    CTRL_T,
    RETURN,
    TAB,
    UP,
    pasted,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home
    from tests.terminal import Terminal

    Chat = Callable[..., AbstractContextManager[Terminal]]

LONG = "# Numbers\n\n" + "\n\n".join(f"Paragraph {number}." for number in range(40))
FOOTER = " tokens\n"
CODE = "```python\n" + "\n".join(f"print({number})" for number in range(60)) + "\n```"


def ask(terminal: Terminal, question: str) -> None:
    """Type a question, and wait until its answer is complete."""
    answered = terminal.text.count(FOOTER)
    terminal.press(question + RETURN)
    assert terminal.sees(lambda text: text.count(FOOTER) > answered), terminal.text
    assert terminal.ready(), terminal.text


def test_an_answer_is_shown_while_it_is_written_and_none_of_it_is_lost(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = [f"{LONG}\n\nHere it {HOLD}rests.\n\n{CODE}\n\nThe end."]
    with chat("--no-tools", "--calling", "native") as terminal:
        terminal.press("Count." + RETURN)
        assert terminal.sees("Here it")
        assert "Paragraph 39." in terminal.text
        speaker.go.set()
        assert terminal.sees("The end.")
        assert terminal.ready()

        shown = [line for line in terminal.lines if line]
        assert [line for line in shown if line.startswith("Paragraph")] == [
            f"Paragraph {number}." for number in range(40)
        ]
        assert [line for line in shown if line.startswith("print")] == [f"print({n})" for n in range(60)]
        assert "Here it rests." in shown


def test_ctrl_c_stops_the_answer_and_the_next_question_works(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = [f"The first half. {HOLD}The second half.", "All is well."]
    with chat("--no-tools", "--calling", "native") as terminal:
        terminal.press("Go on for ever." + RETURN)
        assert terminal.sees("The first half.")
        terminal.press(CTRL_C)
        assert terminal.sees("stopped")
        assert terminal.ready()
        ask(terminal, "And now?")

        assert "The first half." in terminal.text
        assert "The second half." not in terminal.text
        assert "All is well." in terminal.text
        terminal.press(CTRL_C)
        assert terminal.sees("Ctrl-D or /exit leaves")
        terminal.press(CTRL_D)
        assert terminal.ends() == 0


def test_a_tool_call_is_one_line_with_its_arguments_and_what_came_back(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = [action("calculate", expression="6 * 7"), final("It is 42.")]
    with chat("--calling", "constrained", "--tool", "calculate") as terminal:
        ask(terminal, "What is 6 times 7?")

        (line,) = [line for line in terminal.lines if line.startswith("✓ calculate")]
        assert 'expression="6 * 7"' in line
        assert line.endswith("6 * 7 = 42")
        assert "It is 42." in terminal.text
        assert "1 tool call · " in terminal.text


def test_several_lines_are_typed_in_four_ways_and_pasted_without_being_sent(
    speaker: Speaker, chat: Chat
) -> None:
    speaker.replies = ["Yes."]
    typed = {
        "a" + CTRL_J + "b": "a\nb",
        "a" + ALT_RETURN + "b": "a\nb",
        "a\\" + RETURN + "b": "a\nb",
        '"""a' + RETURN + RETURN + 'b"""': "a\n\nb",
        pasted("a\r\nb\rc\n"): "a\nb\nc",
    }
    with chat("--no-tools", "--calling", "native") as terminal:
        for keys in typed:
            ask(terminal, keys)
            terminal.press("/clear" + RETURN)
            assert terminal.sees(lambda text: text.count("A new conversation.") == len(speaker.asked))

    assert speaker.questions == list(typed.values())


def test_bytes_that_are_no_text_are_not_sent_and_the_chat_goes_on(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = ["Yes."]
    with chat("--no-tools", "--calling", "native") as terminal:
        for keys, character in ((b"hello \xff\r", 7), ("你好吗\r".encode("gbk"), 1), (b"/save a\xff\r", 8)):
            terminal.press(keys)
            assert terminal.sees(f"Not sent: character {character} is no text in utf-8"), terminal.text
            assert terminal.ready()
        ask(terminal, "Is it so?")

    assert speaker.questions == ["Is it so?"]


def test_what_was_typed_is_remembered_for_its_owner_only(home: Home, speaker: Speaker, chat: Chat) -> None:
    speaker.replies = ["Yes."]
    with chat("--no-tools", "--calling", "native") as terminal:
        ask(terminal, "Is it so?")
        terminal.press("half a thought" + CTRL_C)
        assert terminal.ready()
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    with chat("--no-tools", "--calling", "native") as terminal:
        terminal.press(UP)
        assert terminal.sees("Is it so?")

    assert stat.S_IMODE((home.state_dir / "chat_history").stat().st_mode) == 0o600
    assert "half a thought" not in (home.state_dir / "chat_history").read_text(encoding="utf-8")


def test_a_thought_is_folded_and_shown_when_it_is_asked_for(speaker: Speaker, chat: Chat) -> None:
    speaker.thinks, speaker.replies = "Salt comes from the sea.", ["It is salty."]
    with chat("--no-tools", "--calling", "native") as terminal:
        ask(terminal, "How does it taste?")
        assert re.search(r"^thought for \d+ s, 9 tokens$", terminal.text, re.MULTILINE)
        assert "Salt comes from the sea." not in terminal.text
        terminal.press(CTRL_T)
        assert terminal.sees("Salt comes from the sea.")
        # Until the line is back, the terminal takes keys as lines, and its return key is another.
        assert terminal.ready()
        terminal.press("/think on" + RETURN)
        assert terminal.sees("thoughts are shown: on")
        speaker.thinks = "Sugar comes from beets."
        ask(terminal, "And sugar?")
        assert terminal.sees("Sugar comes from beets.")


def test_slash_commands_show_and_change_what_the_chat_works_with(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = ["Yes."]
    with chat("--calling", "native") as terminal:
        terminal.press("/tools off calculate" + RETURN)
        assert terminal.sees("calculate: off")
        ask(terminal, "Is it so?")
        terminal.press("/model" + RETURN)
        assert terminal.sees("the server also has: another")
        terminal.press("/tolls" + RETURN)
        assert terminal.sees("There is no command /tolls. Did you mean /tools?")
        terminal.press("/thi" + TAB)
        assert terminal.sees(lambda text: text.endswith("/think"))
        terminal.press("fold" + RETURN)
        assert terminal.sees("thoughts are shown: fold")
        terminal.press("/library nowhere" + RETURN)
        assert terminal.sees("There is no library nowhere.")
        terminal.press("/help" + RETURN)
        assert terminal.sees("Alt-Return")
        terminal.press("/quit" + RETURN)
        assert terminal.ends() == 0

    offered = {definition["function"]["name"] for definition in speaker.asked[0]["tools"]}
    assert "calculate" not in offered
    assert "current_time" in offered


def test_a_conversation_is_kept_gone_on_with_and_saved(home: Home, speaker: Speaker, chat: Chat) -> None:
    speaker.replies = ["Salt is white."]
    with chat("--no-tools", "--calling", "native", "--conversation", "cooking") as terminal:
        ask(terminal, "What colour is salt?")
        terminal.press("/save salt.md" + RETURN)
        assert terminal.sees("saved to")
        (saved,) = home.folder.rglob("salt.md")
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        terminal.press("/save salt.md" + RETURN)
        assert terminal.sees("is there already and was not touched")
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    with chat("--no-tools", "--calling", "native", "--conversation", "cooking") as terminal:
        assert "What colour is salt?" in terminal.text
        ask(terminal, "And pepper?")
        terminal.press("/conversations" + RETURN)
        assert terminal.sees("* cooking  questions: 2")

    assert "Salt is white." in (home.folder / "salt.md").read_text(encoding="utf-8")
    assert any("What colour is salt?" in str(message) for message in speaker.asked[1]["messages"])


def test_the_chat_speaks_chinese_where_the_locale_does(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = [action("calculate", expression="6 * 7"), final("是四十二。")]
    with chat("--calling", "constrained", "--tool", "calculate", LC_ALL="zh_CN.UTF-8") as terminal:
        assert "资料库" in terminal.text
        terminal.press("六乘以七等于多少？" + RETURN)
        assert terminal.sees("是四十二。")
        assert terminal.sees("1 次工具调用")
        assert terminal.ready()
        terminal.press("/hlep" + RETURN)
        assert terminal.sees("没有命令 /hlep。 是否指 /help？")
        assert terminal.ready()
        terminal.press("/tools" + RETURN)
        assert terminal.sees("精确计算算式。")
        assert terminal.ready()
        terminal.press("/open ???" + RETURN)
        assert terminal.sees("错误： 名称 '???' 以 '?' 开头，开头必须是字母或数字")

    assert "六乘以七等于多少？" in speaker.questions[0]


@pytest.mark.parametrize(
    ("columns", "variables"),
    [(30, {}), (80, {"TERM": "dumb"}), (80, {"NO_COLOR": "1"})],
    ids=["narrow", "dumb", "no colour"],
)
def test_it_works_on_poor_terminals(
    speaker: Speaker, chat: Chat, columns: int, variables: dict[str, str]
) -> None:
    speaker.replies = ["One **short** answer with `code`."]
    with chat("--no-tools", "--calling", "native", columns=columns, **variables) as terminal:
        terminal.press("Is it so?" + RETURN)
        assert terminal.sees(lambda text: "answer with" in text and "tokens" in text), terminal.text
        assert terminal.ready()
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
        if variables:
            assert b"\x1b[3" not in terminal.raw
        if variables.get("TERM") == "dumb":
            # prompt_toolkit makes the cursor visible once; nothing moves it, erases or colours.
            assert not re.search(rb"\x1b\[[0-9;]*[A-Za-z]", terminal.raw)
