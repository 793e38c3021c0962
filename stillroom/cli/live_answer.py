"""An answer as it comes, on a terminal: what is found, what is thought, and each sentence once it is checked.

Sentences and, where asked for, thoughts go to stdout; what is going on goes to stderr. Model text is printed
as it is, never as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.text import Text

from stillroom.cli import pages

if TYPE_CHECKING:
    from types import TracebackType

    from rich.status import Status

    from rag.answering.events import AnswerEvent
    from rag.document import Answer
    from stillroom.cli.output import Output


class LiveAnswer:
    """A context in which events are shown.

    Args:
        output: of the command.
        reasoning: show what the model thinks, instead of only that it does.
    """

    def __init__(self, output: Output, *, reasoning: bool) -> None:
        self._output = output
        self._reasoning = reasoning
        self._thought_words = 0
        self._shown = ""  # of the answer's text
        self._mid_line = False
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Say that the library is read."""
        stderr = self._output.stderr
        if stderr.is_terminal:
            self._status = stderr.status("Reading the library")
            self._status.start()
        else:
            stderr.print("Reading the library …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave whole lines behind, also where the answer was stopped."""
        self._quiet()
        self._end_line()

    def show(self, event: AnswerEvent) -> None:
        """Show what happened."""
        from rag.answering.events import Answered, Kept, Retrieved, Thought

        if isinstance(event, Retrieved):
            self._say(f"Reading {len(event.hits)} passages")
        elif isinstance(event, Thought):
            self._think(event.text)
        elif isinstance(event, Kept):
            self._add(event.text)
        elif isinstance(event, Answered):
            self._finish(event.answer)

    def _think(self, text: str) -> None:
        self._thought_words += len(text.split())
        if not self._reasoning:
            self._say(f"Thinking, {self._thought_words} words so far")
            return
        self._quiet()
        self._output.stdout.print(Text(text, style="dim"), end="", soft_wrap=True)
        self._mid_line = True

    def _add(self, text: str) -> None:
        """The answer's text with a sentence more, which was checked."""
        self._quiet()
        stdout = self._output.stdout
        if not self._shown:
            self._end_line()
            stdout.print(pages.answer_label("written"), end="", soft_wrap=True)
        stdout.print(Text(text.removeprefix(self._shown)), end="", soft_wrap=True)
        self._shown, self._mid_line = text, True

    def _finish(self, answer: Answer) -> None:
        """What is left to say: the whole answer, if no sentence of it was shown."""
        self._quiet()
        if not self._shown:
            self._end_line()
            pages.show_answer(self._output.stdout, answer)
            return
        # Conflicts between the sources are seen once all sentences are there.
        self._output.stdout.print(Text(answer.text.removeprefix(self._shown)), end="", soft_wrap=True)
        self._end_line()
        pages.show_evidence(self._output.stdout, answer)

    def _say(self, text: str) -> None:
        if self._status:
            self._status.update(text)

    def _quiet(self) -> None:
        """Stop the spinner: it would be drawn over what is printed."""
        if self._status:
            self._status.stop()
            self._status = None

    def _end_line(self) -> None:
        if self._mid_line:
            self._output.stdout.print()
            self._mid_line = False
