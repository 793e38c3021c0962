"""One question from the command line or a script: answered, printed, and told by the exit code.

stdout is the answer, or with ``--json`` one line; what happens on the way is shown on stderr, or on the
terminal itself where stdout is one. It knows no prompt line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import typer

from agents.running.events import Noticed
from stillroom.cli.chatting.person import Person
from stillroom.cli.chatting.screen import Screen, show_evidence
from stillroom.cli.chatting.turn import Turn
from stillroom.cli.chatting.visible import harmless
from stillroom.cli.trace_page import trace_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from agents.agent import AgentRun
    from agents.running.events import AgentEvent
    from stillroom.cli.chatting.session import Session
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.output import Output

# As shells count: 128 and the number of SIGINT.
_INTERRUPTED: Final = 130


def answer_once(session: Session, output: Output, texts: Texts, question: str) -> None:
    """Work on the question and print what came of it.

    Raises:
        Exit: with 1 where the run ended without an answer, with 130 where the person stopped it.
        KeyboardInterrupt: the person did not wait for the end.
        NoSuchToolError: the command line names a tool that is not there.
        StillroomError: there is no model, or it gave nothing that can be used.
    """
    session.endpoint()
    on_terminal = output.stdout.is_terminal and not output.as_json
    console = output.stdout if on_terminal else output.stderr
    screen = Screen(console, texts, think=session.think, answers=on_terminal)
    turn = Turn(screen)
    if can_ask(output):
        person = Person(console, texts, turn)
        session.set_ask(person.consent, person)
    noticed: list[str] = []

    def tell(event: AgentEvent) -> None:
        if isinstance(event, Noticed):
            noticed.append(event.text)
        turn.tell(event)

    try:
        run = turn.follow(lambda: session.run(question, cancelled=turn.cancelled, on_event=tell))
        if run is None:
            raise KeyboardInterrupt
        screen.end(run)
    finally:
        found = _findings(session, texts)
        for text in found:
            output.note(harmless(text))
        if session.options.trace:
            output.note(trace_text(session.traced))
    if not on_terminal:
        output.result(report(session, run, [*noticed, *found]), lambda stdout: _print(stdout, run))
    if run.ended_by != "answer":
        raise typer.Exit(_INTERRUPTED if run.ended_by == "cancelled" else 1)


def can_ask(output: Output) -> bool:
    """Whether a person can be asked: not by a script, and not without a terminal to type and to read on."""
    typed_on = sys.stdin is not None and sys.stdin.isatty()
    return typed_on and not output.as_json and (output.stdout.is_terminal or output.stderr.is_terminal)


def _findings(session: Session, texts: Texts) -> list[str]:
    """What a person should know of the command and not of the answer: what was not kept or not allowed."""
    problem = session.keeping.problem
    not_kept = [texts.not_kept.format(problem=texts.message(problem))] if problem else []
    return [*not_kept, *(texts.nobody_asked.format(tool=tool) for tool in session.consent.unasked)]


def report(session: Session, run: AgentRun, noticed: Iterable[str] = ()) -> dict[str, Any]:
    """What ``--json`` prints of a run; ``noticed`` is what was said of it on stderr."""
    from agents.calling.way import calling_way

    endpoint = session.endpoint()
    return {
        "answer": run.answer,
        "citations": run.citations,
        "steps": run.steps,
        "ended_by": run.ended_by,
        "notice": "\n".join(text for text in (run.notice, *noticed) if text),
        "model": endpoint.model,
        "way": calling_way(endpoint),
        "tokens": run.tokens,
        "seconds": round(run.seconds, 3),
        "conversation": run.conversation,
    }


def _print(stdout: Console, run: AgentRun) -> None:
    """The answer as the model wrote it, in Markdown, with its sources: for a file or another program."""
    stdout.print(harmless(run.answer), markup=False, soft_wrap=True)
    show_evidence(stdout, run.citations, run.notice)
