"""What the slash commands do, each on the session, and shows on the terminal.

Which there are and how they are typed is ``stillroom.cli.chatting.slash``' business.
"""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from stillroom.cli.chatting.keeping import LAST
from stillroom.cli.chatting.model_page import show_model
from stillroom.cli.chatting.saving import save
from stillroom.cli.chatting.slash import COMMANDS, nearest
from stillroom.cli.chatting.thinking import THINK_MODES
from stillroom.cli.chatting.visible import harmless
from stillroom.cli.pages import excerpt
from stillroom.cli.trace_page import trace_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agents.tools import Tool
    from stillroom.cli.chatting.session import Session
    from stillroom.cli.chatting.slash import Typed
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.output import Output


@dataclass
class Commands:
    """The commands of one chat.

    Args:
        session: what they change.
        output: where they show something.
        texts: the chat's words.
        retry: works on a question.
    """

    session: Session
    output: Output
    texts: Texts
    retry: Callable[[str], None]

    def names(self) -> Mapping[str, Callable[[], Iterable[str]]]:
        """What Tab may complete after a command; only what is known without waiting."""
        return {
            "tools": lambda: self.session.toolset.names_if_known,
            "library": self.session.libraries,
            "open": lambda: [one.name for one in self.session.rooms.conversations().list()],
        }

    def do(self, typed: Typed) -> None:
        """Carry out what was typed.

        Raises:
            StillroomError: it cannot be done.
        """
        if typed.command is None:
            self._unknown(typed.name)
            return
        handlers: dict[str, Callable[[Typed], None]] = {
            "tools": self._tools,
            "library": self._library,
            "model": self._model,
            "think": self._think,
            "trace": self._trace,
            "retry": self._retry,
            "copy": self._copy,
            "save": self._save,
            "conversations": self._conversations,
            "open": self._open,
            "clear": self._clear,
            "help": self._help,
        }
        handlers[typed.command.name](typed)

    def show_thought(self) -> None:
        """The last thought, whole."""
        thoughts = self.session.asked[-1].thoughts if self.session.asked else ()
        if not thoughts:
            self._say(self.texts.no_thought)
            return
        for thought in thoughts:
            self._say(thought.folded(self.texts))
            self.output.stdout.print(Text(harmless(thought.text.strip()), style="dim italic"))

    def _unknown(self, name: str) -> None:
        said = [self.texts.unknown_command.format(name=harmless(name))]
        near = nearest(name)
        said.append(self.texts.did_you_mean.format(name=near) if near else self.texts.see_help)
        if "/" in name:
            said.append(self.texts.send_anyway)
        self._complain(" ".join(said))

    def _tools(self, typed: Typed) -> None:
        match typed.words:
            case []:
                self._list_tools()
            case ["on" | "off" as wanted, *names] if names:
                self._switch(names, on=wanted == "on")
            case _:
                self._say(self.texts.tools_usage)

    def _list_tools(self) -> None:
        tools = self.session.toolset.all()
        if not tools:
            self._say(self.texts.tools_none)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(style="dim", overflow="fold")
        for tool in tools:
            on = tool.name not in self.session.toolset.off
            sign = Text(self.texts.tool_on, "green") if on else Text(self.texts.tool_off, "dim")
            table.add_row(sign, Text(harmless(tool.name), "bold"), Text(self._about(tool)))
        self.output.stdout.print(table)

    def _about(self, tool: Tool) -> str:
        ours = "" if tool.server else self.texts.tools.get(tool.name, "")
        summary = ours or harmless(" ".join(tool.description.split("\n\n", 1)[0].split()))
        if not tool.needs_consent:
            return summary
        allowed = self.session.consent.allows(tool)
        return f"({self.texts.tool_allowed if allowed else self.texts.tool_asks}) {summary}"

    def _switch(self, names: Iterable[str], *, on: bool) -> None:
        known = [tool.name for tool in self.session.toolset.all()]
        for name in names:
            if name not in known:
                self._not_there(self.texts.tool_unknown, name, known)
                continue
            if on:
                self.session.toolset.off.discard(name)
            else:
                self.session.toolset.off.add(name)
            self._say(f"{name}: {self.texts.tool_on if on else self.texts.tool_off}")

    def _library(self, typed: Typed) -> None:
        known = self.session.libraries()
        if typed.rest and typed.rest not in known:
            self._not_there(self.texts.library_unknown, typed.rest, known)
            return
        if typed.rest:
            self.session.use_library(typed.rest)
            self._say(self.texts.library_switched.format(name=typed.rest))
        held = self.session.library_overview()
        form = self.texts.library_unreadable if held.trouble else self.texts.library_here
        self._say(
            form.format(
                name=held.name,
                count=held.documents,
                folder=held.directory,
                problem=self.texts.message(held.trouble),
            )
        )
        others = [name for name in known if name != held.name]
        if others and not typed.rest:
            self._say(self.texts.library_others.format(names=", ".join(others)))

    def _model(self, typed: Typed) -> None:
        if not typed.rest:
            show_model(self.output, self.session, self.texts)
            return
        served = self.session.served_models()
        if typed.rest not in served:
            self._not_there(self.texts.model_unknown, typed.rest, served)
            return
        with self.output.working(self.texts.model_busy.format(model=typed.rest)):
            self.session.switch_model(typed.rest)
        self._say(self.texts.model_switched.format(model=typed.rest))

    def _think(self, typed: Typed) -> None:
        if not typed.rest:
            self.show_thought()
        elif typed.rest in THINK_MODES:
            self.session.think = next(mode for mode in THINK_MODES if mode == typed.rest)
            self._say(self.texts.think_is.format(mode=typed.rest))
        else:
            self._say(self.texts.think_usage)

    def _trace(self, _typed: Typed) -> None:
        if not self.session.traced:
            self._say(self.texts.no_run)
            return
        self._say(trace_text(self.session.traced))

    def _retry(self, _typed: Typed) -> None:
        if not self.session.asked:
            self._say(self.texts.nothing_to_retry)
            return
        self.retry(self.session.asked[-1].question)

    def _copy(self, _typed: Typed) -> None:
        if not self.session.asked:
            self._say(self.texts.nothing_to_copy)
            return
        # OSC 52: the terminal, which may be on another machine, owns the clipboard.
        encoded = base64.b64encode(self.session.asked[-1].run.answer.encode()).decode()
        sys.stdout.write(f"\x1b]52;c;{encoded}\x07")
        sys.stdout.flush()
        self._say(self.texts.copied)

    def _save(self, typed: Typed) -> None:
        conversation = self.session.keeping.conversation()
        if conversation is None:
            self._complain(
                self.texts.not_kept.format(problem=self.texts.message(self.session.keeping.problem))
            )
            return
        if not conversation.turns:
            self._say(self.texts.nothing_to_save)
            return
        kept = self.session.rooms.conversations().read(conversation.name)
        try:
            path = save(kept, typed.rest, now=datetime.now().astimezone())
        except FileExistsError:
            self._complain(self.texts.save_exists.format(path=typed.rest))
        except OSError as error:
            self._complain(self.texts.save_failed.format(path=typed.rest, problem=error.strerror))
        else:
            self._say(self.texts.saved.format(path=path))

    def _conversations(self, _typed: Typed) -> None:
        kept = self.session.rooms.conversations().list()
        if not kept:
            self._say(self.texts.conversations_none)
        for one in kept:
            mark = "*" if one.name == self.session.keeping.name else " "
            row = self.texts.conversation_row.format(
                mark=mark, name=one.name, count=one.turns, used=one.used, question=excerpt(one.first_question)
            )
            self._say(row)

    def _open(self, typed: Typed) -> None:
        if not typed.rest:
            self._say(self.texts.open_usage)
            return
        turns = self.session.open(typed.rest).turns
        if not turns:
            self._say(self.texts.opened_new.format(name=typed.rest))
            return
        last = excerpt(turns[-1].question)
        self._say(self.texts.opened.format(name=typed.rest, count=len(turns), question=last))

    def _clear(self, _typed: Typed) -> None:
        name = self.session.keeping.name
        self.session.clear()
        form = self.texts.cleared_named if name and name != LAST else self.texts.cleared
        self._say(form.format(name=name))

    def _help(self, _typed: Typed) -> None:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(style="dim", overflow="fold")
        for command in COMMANDS:
            typed = f"/{command.name} {command.arguments}".strip()
            table.add_row(Text(typed, "bold"), Text(self.texts.commands[command.name]))
        self.output.stdout.print(table)
        self._say(self.texts.keys)

    def _not_there(self, form: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = nearest(name, names)
        said = form.format(name=harmless(name))
        listed = near or ", ".join(names)
        self._complain(f"{said} → {listed}" if listed else said)

    def _say(self, text: str) -> None:
        self.output.stdout.print(Text(harmless(text), style="dim"))

    def _complain(self, text: str) -> None:
        self.output.stdout.print(Text(harmless(text), style="yellow"))
