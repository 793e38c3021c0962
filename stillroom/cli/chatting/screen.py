"""Shows one run of the agent while it goes on: thoughts, tool calls, the answer and what it rests on.

Finished lines go to the scrollback and are never touched again; what still changes stands below them. It is
told events by one thread, which also draws. It knows no model and asks nobody anything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.text import Text

from stillroom.cli.chatting.blocks import BlockFeed
from stillroom.cli.chatting.call_lines import ended_line, running_line
from stillroom.cli.chatting.live_area import LiveArea
from stillroom.cli.chatting.prose import Prose
from stillroom.cli.chatting.thinking import Thought
from stillroom.cli.chatting.unshown import unshown
from stillroom.cli.chatting.visible import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rich.console import Console, RenderableType

    from agents.agent import AgentRun
    from agents.running.events import AgentEvent
    from agents.running.step import Step
    from rag.document import Citation
    from stillroom.cli.chatting.blocks import Block
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.chatting.thinking import ThinkMode

_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_PER_SECOND: Final = 10
# More than a call's arguments and result are long.
_ENOUGH_CELLS: Final = 100_000


@dataclass(slots=True)
class _Running:
    tool: str
    arguments: Mapping[str, Any]
    started: float
    message: str = ""
    done: float | None = None


@dataclass
class Screen:
    """One run's part of the terminal.

    Args:
        console: where it is shown.
        texts: the chat's words.
        think: how thoughts are shown.
        answers: show the answer too; not where it goes elsewhere, such as a file.
        clock: monotonic seconds.
    """

    console: Console
    texts: Texts
    think: ThinkMode = "fold"
    answers: bool = True
    clock: Callable[[], float] = time.monotonic
    thoughts: list[Thought] = field(default_factory=list)
    _area: LiveArea = field(init=False)
    _feed: BlockFeed = field(default_factory=BlockFeed)
    _thought: Thought | None = None
    _thought_line: str = ""
    _running: dict[int, _Running] = field(default_factory=dict)
    _answer: str = ""
    _blocks_shown: int = 0
    _something_shown: bool = False
    _since: float = field(init=False)
    _status: str = ""
    _stopping: bool = False

    def __post_init__(self) -> None:
        """Start the clock of the first wait."""
        self._area = LiveArea(self.console)
        self._since = self.clock()
        self._status = self.texts.waiting

    def show(self, event: AgentEvent) -> None:
        """Show what happened."""
        from agents.running import events

        match event:
            case events.ThoughtPiece(text):
                self._think(harmless(text))
            case events.AnswerPiece(text):
                self._write(text)
            case events.AnswerWithdrawn():
                self._withdraw()
            case events.ToolStarted(number, tool, arguments):
                self._close_thought()
                self._running[number] = _Running(tool, arguments, self.clock())
                self.tick()
            case events.ToolProgressed(number, message, done):
                self._progress(number, message, done)
            case events.ToolEnded(step):
                self._end_call(step)
            case events.Noticed(text):
                self._print(Text(harmless(self.texts.message(text)), style="dim italic"))

    def tick(self) -> None:
        """Draw what moves by itself: the spinner and the seconds."""
        if self._area.moves:
            self._area.draw(self._changing())

    def say(self, text: str) -> None:
        """What the person waits for, in place of the model."""
        self._status = text
        self._since = self.clock()
        self.tick()

    def stopping(self) -> None:
        """The person stops the run: say that it is being stopped, and keep what stands there of an answer."""
        self._stopping = True
        self.say(self.texts.stopping)

    def pause(self) -> None:
        """Take away what moves, so that something may be asked; the next event brings it back."""
        self._area.clear()

    def end(self, run: AgentRun) -> None:
        """The rest of the answer, then what it rests on and what it took."""
        self._close_thought()
        self._running.clear()
        if self.answers:
            self._finish_answer(run)
        self._area.clear()
        if self.answers:
            show_evidence(self.console, run.citations, run.notice)
        self.console.print(footer(run, self.texts))

    def stop(self, text: str) -> None:
        """Leave whole lines behind where there is no end, and say why."""
        self._close_thought()
        self._running.clear()
        self._print_blocks(self._feed.finish())
        self._area.clear()
        self.console.print(Text(text, style="yellow"))

    def close(self) -> None:
        """Leave the terminal as it was found, whatever happened; safe to call twice."""
        self._area.clear()

    # Thoughts

    def _think(self, text: str) -> None:
        if self._thought is None:
            self._thought = Thought(self._since)
        self._thought.add(text)
        if self.think != "on":
            self.tick()
            return
        *whole, self._thought_line = (self._thought_line + text).split("\n")
        self._print(*(Text(line, style="dim") for line in whole))

    def _close_thought(self) -> None:
        """The thought ends where something else begins."""
        thought, self._thought = self._thought, None
        if thought is None or not thought.text.strip():
            return
        thought.ended = self.clock()
        self.thoughts.append(thought)
        if self.think == "on":
            line, self._thought_line = self._thought_line, ""
            self._print(*([Text(line, style="dim")] if line.strip() else []))
        elif self.think == "fold":
            self._print(Text(thought.folded(self.texts), style="dim"))

    # Tools

    def _progress(self, number: int, message: str, done: float | None) -> None:
        if call := self._running.get(number):
            call.message, call.done = message, done
        self.tick()

    def _end_call(self, step: Step) -> None:
        if step.thought and self._thought is None and not self._knows(step.thought):
            self._thought = Thought(self.clock() - step.model_seconds - step.tool_seconds, step.thought)
            self._thought_line = harmless(step.thought) if self.think == "on" else ""
        self._close_thought()
        self._running.pop(step.number, None)
        self._since = self.clock()
        self._status = self.texts.waiting
        # In a file there is room to say all of why a call failed.
        whole = step.failed and not self.console.is_terminal
        self._print(ended_line(step, self.texts, width=_ENOUGH_CELLS if whole else self.console.width))

    def _knows(self, thought: str) -> bool:
        """Whether the thought was shown as it came: several calls of one decision carry the same."""
        return any(thought.strip() in known.text or known.text.strip() in thought for known in self.thoughts)

    # The answer

    def _write(self, text: str) -> None:
        self._close_thought()
        self._answer += text
        if self.answers:
            self._print_blocks(self._feed.feed(text))

    def _withdraw(self) -> None:
        if self._stopping:  # what was read already is not taken from whoever stopped it
            return
        self._feed.discard()
        if self._blocks_shown:
            self._print(Text(self.texts.withdrawn, style="dim italic"))
        self._answer, self._blocks_shown = "", 0
        self._since = self.clock()
        self.tick()

    def _finish_answer(self, run: AgentRun) -> None:
        """What of the run's answer was not shown as it came."""
        rest = unshown(run.answer, self._answer[: self._feed.done_characters])
        if rest is None:
            self._withdraw()
            rest = run.answer
        self._feed.replace(rest)
        self._print_blocks(self._feed.finish())

    def _print_blocks(self, blocks: Iterable[Block]) -> None:
        finished: list[RenderableType] = []
        for block in blocks:
            if self._something_shown and not block.joined:
                finished.append(Text(""))
            finished.append(Prose(block.text))
            self._something_shown = True
            self._blocks_shown += 1
        self._draw(finished)

    # Drawing

    def _print(self, *lines: RenderableType) -> None:
        self._something_shown = self._something_shown or bool(lines)
        self._draw(lines)

    def _draw(self, finished: Iterable[RenderableType]) -> None:
        self._area.draw(self._changing(), *finished)

    def _changing(self) -> RenderableType:
        """What stands below the finished lines now."""
        now = self.clock()
        parts: list[RenderableType] = []
        if self._thought is not None and self.think == "on":
            parts.append(Text(self._thought_line, style="dim"))
        block = self._feed.open if self.answers else None
        if block is not None:
            if self._something_shown and not block.joined:
                parts.append(Text(""))
            parts.append(Prose(block.text))
        if self._running:
            parts += [self._call(call, now) for call in self._running.values()]
        elif block is None:
            parts.append(self._wait(now))
        return Group(*parts)

    def _call(self, call: _Running, now: float) -> Text:
        told = self.texts.seconds.format(seconds=f"{now - call.started:.0f}")
        if call.done is not None:
            told += f"  {call.done:.0%}"
        if call.message:
            told += f"  {harmless(call.message)}"
        return running_line(self._spinner(now), call.tool, call.arguments, told, width=self.console.width - 1)

    def _wait(self, now: float) -> Text:
        words = self._status
        if self._thought is not None:
            words = self.texts.thinking.format(
                seconds=f"{self._thought.seconds(now):.0f}", tokens=f"{self._thought.tokens:,}"
            )
        else:
            words += "  " + self.texts.seconds.format(seconds=f"{now - self._since:.0f}")
        return Text.assemble(self._spinner(now), " ", (words, "dim"), overflow="ellipsis", no_wrap=True)

    def _spinner(self, now: float) -> Text:
        return Text(_FRAMES[int(now * _FRAMES_PER_SECOND) % len(_FRAMES)], style="cyan")


def show_evidence(console: Console, citations: Iterable[Citation], notice: str) -> None:
    """What an answer rests on: one line a quote, then what should be known of it."""
    quotes = tuple(citations)
    # One line a quote: where nothing is shown, whoever reads the file finds lines by their ends.
    whole = not console.is_terminal
    if quotes:
        console.print()
    for quote in quotes:
        where = f"  [{quote.marker}] {Path(quote.path).name}, {quote.locator}: "
        said = Text.assemble((harmless(where), "bold"), (f"“{harmless(quote.quote)}”", "italic"))
        console.print(said, soft_wrap=whole)
    if notice:
        console.print(Text(harmless(notice), style="dim italic"), soft_wrap=whole)


def footer(run: AgentRun, texts: Texts) -> Text:
    """Calls, time and tokens of a run, and what ended it if that was not its answer."""
    parts = []
    if run.steps:
        count = len(run.steps)
        parts.append(texts.footer_one_call if count == 1 else texts.footer_calls.format(count=count))
    parts.append(texts.seconds.format(seconds=f"{run.seconds:.1f}"))
    if run.tokens:
        parts.append(texts.footer_tokens.format(count=f"{run.tokens:,}"))
    if run.ended_by != "answer":
        parts.append(texts.ended_by.format(reason=texts.endings.get(run.ended_by, run.ended_by)))
    return Text(" · ".join(parts), style="dim")
