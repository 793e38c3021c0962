"""The line that a person types: several lines where wanted, edited, remembered, completed.

Return sends. A new line is made by Alt-Return, Ctrl-J, a backslash at the end, or inside triple quotes; what
is pasted keeps its lines and is not sent. It does not know what is done with a line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output import create_output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

_HISTORY_NAME: Final = "chat_history"
# A file that old chats filled is begun anew with its younger half.
_MOST_HISTORY_BYTES: Final = 1024 * 1024
_LONG: Final = '"""'
_MARK: Final = "› "
_STYLE: Final = Style.from_dict({"mark": "bold ansicyan", "placeholder": "ansibrightblack"})


class PromptLine:
    """Asks for one line after the other.

    Args:
        history_dir: where lines are kept, for their owner only; None for as long as the chat runs.
        completer: what Tab offers.
        placeholder: shown while nothing is typed.
        on_thought: is called for Ctrl-T, with the prompt out of the way.
        on_shown: is called once, when the first prompt stands.
    """

    def __init__(
        self,
        history_dir: Path | None,
        *,
        completer: Completer | None = None,
        placeholder: str = "",
        on_thought: Callable[[], None] = lambda: None,
        on_shown: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_shown: Callable[[], None] | None = on_shown
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            history=_history(history_dir),
            completer=completer,
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=_keys(on_thought),
            placeholder=FormattedText([("class:placeholder", placeholder)]),
            prompt_continuation=lambda width, _number, _wrapped: "… ".rjust(width),
            style=_STYLE,
            enable_suspend=True,
            output=prompt_output(),
        )

    def read(self) -> str:
        """What was typed, as it is meant: without the signs that made it long.

        Raises:
            EOFError: Ctrl-D at an empty line.
            KeyboardInterrupt: Ctrl-C at an empty line.
        """
        with patch_stdout(raw=True):
            text = self._session.prompt(FormattedText([("class:mark", _MARK)]), pre_run=self._shown)
        return unwrapped(text)

    def _shown(self) -> None:
        if self._on_shown is not None:
            on_shown, self._on_shown = self._on_shown, None
            # After the first drawing: what is begun now would delay it.
            self._session.app.after_render.add_handler(_once(on_shown))


def prompt_output() -> Output | None:
    """Where a prompt is drawn: on stderr where stdout goes to a file, for it is no result.

    None is prompt_toolkit's own choice, with which alone it minds ``TERM=dumb``.
    """
    return None if sys.stdout.isatty() else create_output(stdout=sys.stderr)


def unwrapped(text: str) -> str:
    r'''A typed text without the quotation marks around it, and without the backslashes at ends of lines.

    Example:
        >>> unwrapped("one\\\ntwo"), unwrapped('"""one\ntwo"""')
        ('one\ntwo', 'one\ntwo')
    '''
    stripped = text.strip()
    if stripped.startswith(_LONG) and stripped.endswith(_LONG) and len(stripped) >= 2 * len(_LONG):
        return stripped[len(_LONG) : -len(_LONG)].strip("\n")
    return text.replace("\\\n", "\n")


def is_open(text: str) -> bool:
    """Whether Return goes on with a new line here instead of sending.

    Example:
        >>> is_open("one" + chr(92)), is_open('""' + '"one'), is_open("one")
        (True, True, False)
    """
    if text.lstrip().startswith(_LONG):
        return text.count(_LONG) % 2 == 1
    backslashes = len(text) - len(text.rstrip("\\"))
    return backslashes % 2 == 1


def undecoded(text: str) -> int | None:
    """Which character, counted from 1, is none in the terminal's encoding; None where all are text.

    Such a byte comes as half of a surrogate pair, which can be sent to no model and kept in no file.

    Example:
        >>> undecoded("ab" + chr(0xDCFF)), undecoded("你好")
        (3, None)
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start + 1
    return None


def _keys(on_thought: Callable[[], None]) -> KeyBindings:
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @keys.add("enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        """Send, or go on."""
        buffer = event.current_buffer
        if buffer.document.is_cursor_at_the_end and is_open(buffer.text):
            buffer.newline(copy_margin=False)
        elif buffer.text.strip():
            buffer.validate_and_handle()

    @keys.add("c-j", filter=typing)
    @keys.add("escape", "enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        """Go on."""
        event.current_buffer.newline(copy_margin=False)

    @keys.add("c-c", filter=typing)
    def _(event: KeyPressEvent) -> None:
        """Clear what is typed, or say that there is nothing to stop."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    @keys.add("c-t", filter=typing)
    def _(event: KeyPressEvent) -> None:  # noqa: ARG001 -- the key is all that it says
        """Show the last thought."""
        from prompt_toolkit.application import run_in_terminal

        run_in_terminal(on_thought)

    return keys


def _once(call: Callable[[], None]) -> Callable[[object], None]:
    waiting = [call]

    def handle(_sender: object) -> None:
        if waiting:
            waiting.pop()()

    return handle


def _history(folder: Path | None) -> History:
    """The lines of earlier chats; only of this one where the folder cannot be written."""
    if folder is None:
        return InMemoryHistory()
    from deploy.private_files import make_private_file

    path = folder / _HISTORY_NAME
    try:
        make_private_file(path)
        if path.stat().st_size > _MOST_HISTORY_BYTES:
            _halve(path)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def _halve(path: Path) -> None:
    """Keep the younger half of the lines; each begins with a comment after an empty line."""
    from deploy.small_file import write_whole

    content = path.read_bytes()
    start = content.find(b"\n# ", len(content) // 2)
    write_whole(path, content[start:] if start >= 0 else b"", owner_only=True)
