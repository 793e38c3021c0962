"""Asks a person whether a tool may run: what it is, all of its arguments, and no unless they say yes.

Nothing in the arguments can hide or look like the question: what cannot be seen is written as its escape,
and each line of theirs is indented. What the answer leads to is ``agents.running.consent``'s business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from agents.running.consent import Decision
from stillroom.cli.chatting.keyboard import forget_typed
from stillroom.cli.chatting.visible import revealed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from agents.tools import Tool
    from stillroom.cli.chatting.texts import Texts


def ask_consent(
    console: Console,
    texts: Texts,
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    read: Callable[[str], str] | None = None,
) -> Decision:
    """Show the call and ask; Return, Ctrl-C, Ctrl-D and whatever is not understood twice mean no.

    Args:
        console: where the call is shown.
        texts: the chat's words.
        tool: what wants to run.
        arguments: all of them are shown, whole.
        read: reads the reply to a question; on the terminal if not given.
    """
    _show_call(console, texts, tool, arguments)
    reader = read or _read_line
    for _ in range(2):
        try:
            reply = reader(texts.consent_choices + " ").strip().lower()
        except (KeyboardInterrupt, EOFError):
            break
        decision = _decision(reply)
        if decision is not None:
            said = {
                Decision.ONCE: texts.said_once,
                Decision.ALWAYS: texts.said_always.format(tool=tool.name),
                Decision.NO: texts.said_no,
            }
            console.print(Text(said[decision], style="dim"))
            return decision
        console.print(Text(texts.consent_unknown, style="yellow"))
    console.print(Text(texts.said_no, style="dim"))
    return Decision.NO


def ask_yes(question: str) -> bool:
    """Ask a question whose answer is yes or no; whatever is not a yes is a no."""
    try:
        return _decision(_read_line(question + " ").strip().lower()) is Decision.ONCE
    except (KeyboardInterrupt, EOFError):
        return False


def _decision(reply: str) -> Decision | None:
    if reply in {"y", "yes", "是", "好", "可以"}:
        return Decision.ONCE
    if reply in {"a", "always", "总是", "始终"}:
        return Decision.ALWAYS
    return Decision.NO if reply in {"", "n", "no", "否", "不", "不可以"} else None


def _show_call(console: Console, texts: Texts, tool: Tool, arguments: Mapping[str, Any]) -> None:
    head = Text(texts.wants.format(tool=revealed(tool.name)), style="bold yellow")
    if tool.server:
        head.append(f" {texts.of_server.format(server=revealed(tool.server))}")
    console.print(head)
    if tool.destructive:
        console.print(Padding(Text(texts.may_destroy, style="bold red"), (0, 0, 0, 2)))
    if tool.open_world:
        console.print(Padding(Text(texts.reaches_out, style="yellow"), (0, 0, 0, 2)))
    for name, value in arguments.items():
        console.print(
            Padding(Text.assemble((f"{revealed(name)}: ", "bold"), _first_line(value)), (0, 0, 0, 2))
        )
        for line in _further_lines(value):
            console.print(Padding(Text(f"│ {line}"), (0, 0, 0, 4)))
    if not arguments:
        console.print(Padding(Text(texts.no_arguments, style="dim"), (0, 0, 0, 2)))


def _first_line(value: object) -> str:
    return "" if _is_long(value) else revealed(json.dumps(value, ensure_ascii=False, default=str))


def _further_lines(value: object) -> list[str]:
    """A text of several lines, such as a program, as it stands."""
    return (
        [revealed(line.replace("\t", "    ")) for line in str(value).split("\n")] if _is_long(value) else []
    )


def _is_long(value: object) -> bool:
    return isinstance(value, str) and "\n" in value


def _read_line(question: str) -> str:
    """What is typed from now on: what was typed before the question is no reply to it."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input.typeahead import clear_typeahead

    from stillroom.cli.chatting.prompt_line import prompt_output

    session: PromptSession[str] = PromptSession(output=prompt_output())
    forget_typed()
    clear_typeahead(session.input)  # read by an earlier prompt, together with its own line
    return session.prompt(question)
