"""Markdown on a terminal: nothing is lost, code can be copied, and Chinese wraps.

It knows blocks and nothing of a conversation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from rich import markdown as rich_markdown
from rich.cells import cell_len
from rich.containers import Lines
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from stillroom.cli.chatting.blocks import markdown_parser
from stillroom.cli.chatting.visible import harmless

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, JustifyMethod, OverflowMethod, RenderResult

# A line may break before and after each of these; Latin words stay whole.
_WIDE: Final = (
    "\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003fffd"
)
# Marks that do not begin a line, and those that do not end one (JIS X 4051 and GB/T 15834 agree on these).
_NEVER_FIRST: Final = "、。，．：；！？）］｝」』】〉》〕〗’”…—～％"
_NEVER_LAST: Final = "（［｛「『【〈《〔〖‘“"
_UNIT: Final = re.compile(
    rf"[{_NEVER_LAST}]*[{_WIDE}][{_NEVER_FIRST}]*\s*|[{_NEVER_LAST}]+\s*|[^\s{_WIDE}{_NEVER_LAST}]+\s*|\s+"
)


class WrappingText(Text):
    """Text that may also break between Chinese characters, as it is written."""

    def wrap(
        self,
        console: Console,
        width: int,
        *,
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        tab_size: int = 8,
        no_wrap: bool | None = None,
    ) -> Lines:
        """The lines that fit ``width`` cells."""
        if no_wrap or not re.search(f"[{_WIDE}]", self.plain):
            return super().wrap(
                console, width, justify=justify, overflow=overflow, tab_size=tab_size, no_wrap=no_wrap
            )
        lines = Lines()
        for line in self.split(allow_blank=True):
            line.expand_tabs(tab_size)
            lines.extend(line.divide(_breaks(line.plain, width)))
        for line in lines:
            line.rstrip_end(width)
        return lines


def _breaks(text: str, width: int) -> list[int]:
    """Offsets at which the text is cut so that each line has at most ``width`` cells."""
    breaks: list[int] = []
    column = 0
    for match in _UNIT.finditer(text):
        unit = match[0]
        cells = cell_len(unit.rstrip())
        if column and column + cells > width:
            breaks.append(match.start())
            column = 0
        if cells <= width:
            column += cell_len(unit)
            continue
        for offset, character in enumerate(unit):
            taken = cell_len(character)
            if column and column + taken > width:
                breaks.append(match.start() + offset)
                column = 0
            column += taken
    return breaks


class _Paragraph(rich_markdown.Paragraph):
    def on_enter(self, context: rich_markdown.MarkdownContext) -> None:
        super().on_enter(context)
        self.text = WrappingText(justify="left")


class _Heading(rich_markdown.Heading):
    """At the left, with the sign that it was written with: a level can be told without colours."""

    LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = dict.fromkeys(
        ("h1", "h2", "h3", "h4", "h5", "h6"), "left"
    )

    def on_enter(self, context: rich_markdown.MarkdownContext) -> None:
        super().on_enter(context)
        self.text = WrappingText(justify="left")


class _Code(rich_markdown.CodeBlock):
    """Without margin and background, so that what is selected with the mouse is the code alone."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip("\n")
        yield Syntax(code, self.lexer_name, theme="ansi_dark", word_wrap=True, background_color="default")


class _Table(rich_markdown.TableElement):
    """Without an empty line above and below: blocks are set apart already."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                part.show_edge = False
            yield part


class Prose(rich_markdown.Markdown):
    """Markdown that a model wrote.

    Args:
        markup: of one or more blocks.
        dim: it is no part of the answer.
    """

    elements: ClassVar[dict[str, type[rich_markdown.MarkdownElement]]] = {
        **rich_markdown.Markdown.elements,
        "paragraph_open": _Paragraph,
        "heading_open": _Heading,
        "fence": _Code,
        "code_block": _Code,
        "table_open": _Table,
    }

    def __init__(self, markup: str, *, dim: bool = False) -> None:
        super().__init__("", hyperlinks=False, style="dim" if dim else "none")
        self.markup = harmless(markup)
        self.parsed = markdown_parser().parse(self.markup)
        # A line that a model broke stays broken: most chats show it so, and verses and addresses need it.
        for inline in self.parsed:
            for token in inline.children or ():
                if token.type == "softbreak":
                    token.type = "hardbreak"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The blocks, without the empty line that Rich puts before a list that comes first."""
        begun = False
        for part in super().__rich_console__(console, options):
            begun = begun or not (isinstance(part, Segment) and part.text == "\n")
            if begun:
                yield part
