"""The conversation on a terminal: read a line, do what it says, until the person leaves.

It ties the parts together: prompt line, slash commands, turns. What each of them does is their own business.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from stillroom.cli.chatting.commands import Commands
from stillroom.cli.chatting.completion import SlashCompleter
from stillroom.cli.chatting.keyboard import silent_keys
from stillroom.cli.chatting.person import Person
from stillroom.cli.chatting.prewarm import Prewarm
from stillroom.cli.chatting.prompt_line import PromptLine, undecoded
from stillroom.cli.chatting.session import Asked, context_tokens
from stillroom.cli.chatting.slash import read_command
from stillroom.cli.chatting.turn import Turn
from stillroom.cli.chatting.visible import harmless
from stillroom.cli.pages import excerpt
from stillroom.cli.trace_page import trace_text
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from agents.agent import AgentRun
    from stillroom.cli.chatting.session import Session
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.output import Output


@dataclass
class ChatLoop:
    """One chat on a terminal.

    Args:
        session: what it works with.
        output: of the command.
        texts: the chat's words.
    """

    session: Session
    output: Output
    texts: Texts
    _said_not_kept: bool = False
    _person: Person = field(init=False)
    _prewarm: Prewarm = field(init=False)
    _commands: Commands = field(init=False)

    def __post_init__(self) -> None:
        """Let the session ask through the turn that is at work."""
        self._prewarm = Prewarm(self.session, tell=self.output.complain)
        self._commands = Commands(self.session, self.output, self.texts, retry=self.work)
        self._person = Person(self.output.stdout, self.texts)
        self.session.set_ask(self._person.consent, self._person)

    def run(self) -> None:
        """Go on until the person leaves."""
        self._greet()
        line = PromptLine(
            self.session.rooms.settings.state_dir,
            completer=SlashCompleter(self.texts.commands, self._commands.names()),
            placeholder=self.texts.placeholder,
            on_thought=self._commands.show_thought,
            on_shown=self._prewarm.start,
        )
        # Between two prompts as well, so that what is typed ahead is read as it was typed.
        with silent_keys():
            while self._step(line):
                pass

    def _step(self, line: PromptLine) -> bool:
        """Read a line and do what it says; False to leave."""
        try:
            text = line.read()
        except EOFError:
            return False
        except KeyboardInterrupt:
            self.output.stdout.print(Text(self.texts.how_to_leave, style="dim"))
            return True
        if (position := undecoded(text)) is not None:
            told = self.texts.no_text.format(position=position, encoding=sys.stdin.encoding)
            self.output.stdout.print(Text(told, style="yellow"))
            return True
        typed = read_command(text)
        if typed is not None and typed.command is not None and typed.command.name == "exit":
            return False
        try:
            if typed is None:
                self.work(text.strip())
            else:
                self._commands.do(typed)
        except StillroomError as error:
            self.output.complain(error)
        except KeyboardInterrupt:
            self.output.stdout.print(Text(self.texts.stopped, style="yellow"))
        return True

    def work(self, question: str) -> None:
        """Let the agent work on a question, and show it.

        Raises:
            StillroomError: it could not.
        """
        try:
            self._work(question)
        finally:
            if self.session.options.trace:
                self.output.note(trace_text(self.session.traced))

    def _work(self, question: str) -> None:
        # Rich's Markdown is not needed for the first prompt.
        from stillroom.cli.chatting.screen import Screen

        screen = Screen(self.output.stdout, self.texts, think=self.session.think)
        screen.say(self.texts.preparing)
        turn = self._person.turn = Turn(screen)
        try:
            run = turn.follow(lambda: self._run(question, turn))
        finally:
            self._person.turn = None
        if run is None:
            screen.stop(self.texts.abandoned)
            return
        if run.ended_by == "cancelled":
            screen.stop(self.texts.stopped)
        else:
            screen.end(run)
        taken = context_tokens(self.session.traced)
        self.session.asked.append(Asked(question, run, taken, tuple(screen.thoughts)))
        if self.session.keeping.problem and not self._said_not_kept:
            self._said_not_kept = True
            problem = self.texts.message(self.session.keeping.problem)
            self.output.note(self.texts.not_kept.format(problem=problem))

    def _run(self, question: str, turn: Turn) -> AgentRun:
        """In the thread of the run."""
        self._prewarm.start()
        self._prewarm.wait()
        turn.say(self.texts.waiting)
        return self.session.run(question, cancelled=turn.cancelled, on_event=turn.tell)

    def _greet(self) -> None:
        settings = self.session.rooms.settings
        # A server that the settings name is asked what it can do while the person types.
        named = settings.endpoint_url and settings.endpoint_model
        model = named or self.session.endpoint().model
        told = [self.texts.welcome.format(model=model, library=settings.library)]
        if self.session.options.conversation or self.session.options.resume:
            told += self._continued()
        for line in told:
            self.output.stdout.print(Text(harmless(line), style="dim"))

    def _continued(self) -> list[str]:
        """Where the conversation stands that is gone on with.

        Raises:
            ConversationError: it cannot be read.
            ConversationBusyError: another process has it open.
        """
        conversation = self.session.keeping.conversation()
        turns = conversation.turns if conversation else ()
        if conversation is None or not turns:
            return [self.texts.opened_new.format(name=self.session.keeping.name)]
        last = excerpt(turns[-1].question)
        return [self.texts.welcome_continued.format(name=conversation.name, count=len(turns), question=last)]
