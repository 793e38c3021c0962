"""What a reader sees of HTML elements, as blocks of text: paragraphs, headings, lists, tables' rows, code.

Emphasis and links are their words only. Tables are Markdown rows, a cell that spans rows standing in each of
them; a table within a cell is written into that cell. It knows elements, not files, and no page's habits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rag.parsers.rows import fill_hanging, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

    Block = tuple[int | None, str]

_HEADING: Final = re.compile(r"h([1-6])$")
_UNSEEN: Final = frozenset(
    {"script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas", "audio", "video"}
    | {"button", "select", "textarea", "input", "map"}
)
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"}
    | {"label", "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var"}
    | {"wbr", "ruby", "rb", "acronym", "samp", "math", "mi", "mn", "mo", "mrow"}
)
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"\b(?:language|lang|highlight|brush)[-: ]+([\w+#-]+)")
_SPACE: Final = re.compile(r"[^\S\n]*\n[^\S\n]*|[^\S\n]+")

_ONLY_IN_LAYOUT: Final = ("h1", "h2", "h3", "form", "article", "nav")

# A table says how far its cells span; no real one spans further.
_MAX_SPAN = 100
# Deeper elements give their words only: Python's own stack has an end.
_MAX_DEPTH = 100


def blocks(element: HtmlElement) -> Iterator[Block]:
    """The blocks inside an element, in reading order, each with its level where it is a heading."""
    yield from _Reader(0).read(element)


def is_hidden(element: HtmlElement) -> bool:
    """Whether no reader sees it: scripts, controls, what is marked or styled as hidden."""
    return (
        element.tag in _UNSEEN
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or bool(_HIDDEN_STYLE.search(element.get("style", "")))
    )


def plain_text(element: HtmlElement) -> str:
    """An element's words on one line."""
    return " ".join(" ".join(text for _, text in blocks(element)).split())


class _Reader:
    """Reads one element; ``depth`` counts how many are around it."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._words: list[str] = []

    def read(self, element: HtmlElement) -> Iterator[Block]:
        yield from self._children(element)
        yield from self._paragraph()

    def _children(self, element: HtmlElement) -> Iterator[Block]:
        self._words.append(_spaced(element.text))
        for child in element:
            # Comments and processing instructions have no name.
            if isinstance(child.tag, str) and not is_hidden(child):
                yield from self._child(child)
            self._words.append(_spaced(child.tail))

    def _child(self, child: HtmlElement) -> Iterator[Block]:
        tag = child.tag.lower()
        if tag == "br":
            self._words.append("\n")
        elif tag == "img":
            self._words.append(f" [{alt}] " if (alt := child.get("alt", "").strip()) else "")
        elif tag == "code":
            text = " ".join(child.text_content().split())
            self._words.append(f"`{text}`" if text else "")
        elif tag in _INLINE and self._depth < _MAX_DEPTH:
            self._depth += 1
            yield from self._children(child)
            self._depth -= 1
        else:
            yield from self._paragraph()
            yield from _block(child, tag, self._depth + 1)

    def _paragraph(self) -> Iterator[Block]:
        lines = ("".join(self._words)).split("\n")
        self._words.clear()
        text = "\n".join(line for line in (" ".join(each.split()) for each in lines) if line)
        if text:
            yield None, text


def _spaced(text: str | None) -> str:
    """A line break in the source is a blank to the reader."""
    return _SPACE.sub(" ", text) if text else ""


def _block(element: HtmlElement, tag: str, depth: int) -> Iterator[Block]:
    if depth > _MAX_DEPTH:
        yield from _paragraph(" ".join(element.text_content().split()))
    elif match := _HEADING.match(tag):
        if text := " ".join(_joined(element, depth, " ").split()):
            yield int(match.group(1)), f"{'#' * int(match.group(1))} {text}"
    elif tag == "pre":
        yield from _code(element)
    elif tag in {"ul", "ol", "menu", "dir"}:
        yield from _paragraph(_list(element, depth, ordered=tag == "ol"))
    elif tag == "dl":
        yield from _paragraph(_definitions(element, depth))
    elif tag == "blockquote":
        yield from _paragraph(_quoted(_joined(element, depth, "\n\n")))
    elif tag == "table":
        yield from _table(element, depth)
    else:
        yield from _Reader(depth).read(element)


def _paragraph(text: str) -> Iterator[Block]:
    if text:
        yield None, text


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n")) if text else ""


def _joined(element: HtmlElement, depth: int, glue: str) -> str:
    return glue.join(text for _, text in _Reader(depth).read(element))


def _code(element: HtmlElement) -> Iterator[Block]:
    # A line break is an element in some pages' code.
    for line_break in element.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = element.text_content().strip("\n").rstrip()
    if text.strip():
        said = " ".join(each.get("class") or "" for each in (element, *element.iter("code")))
        language = found.group(1) if (found := _LANGUAGE.search(said)) else ""
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
        yield None, f"{fence}{language}\n{text}\n{fence}"


def _list(element: HtmlElement, depth: int, *, ordered: bool) -> str:
    items: list[str] = []
    for item in element:
        if not isinstance(item.tag, str) or is_hidden(item):
            continue
        text = _joined(item, depth + 1, "\n")
        if item.tag.lower() != "li":
            items.extend([text] if text else [])
        elif text:
            mark = f"{len(items) + 1}. " if ordered else "- "
            items.append(mark + text.replace("\n", "\n" + " " * len(mark)))
    return "\n".join(items)


def _definitions(element: HtmlElement, depth: int) -> str:
    lines: list[str] = []
    for item in element.iter("dt", "dd"):
        text = " ".join(_joined(item, depth + 1, " ").split())
        if item.tag == "dd" and lines and lines[-1].endswith(":"):
            lines[-1] += f" {text}"
        elif text:
            lines.append(f"{text}:" if item.tag == "dt" else f"  {text}")
    return "\n".join(line.removesuffix(":") for line in lines)


def _table(element: HtmlElement, depth: int) -> Iterator[Block]:
    for caption in element.iterchildren("caption"):
        if text := " ".join(_joined(caption, depth + 1, " ").split()):
            yield None, text
    rows = list(_own_rows(element))
    if _is_layout(element, rows):
        for cell in (cell for row in rows for cell in row):
            yield from _Reader(depth + 1).read(cell)
        return
    written = [cells for cells in _grid(rows, depth) if any(cells)]
    if written:
        headed = len(rows) > 1 and all(cell.tag == "th" for cell in rows[0])
        yield None, markdown_table(written, headed=headed)


def _own_rows(table: HtmlElement) -> Iterator[list[HtmlElement]]:
    """Its rows' cells, without those of tables inside it."""
    for part in table:
        if part.tag in {"thead", "tbody", "tfoot"}:
            yield from _own_rows(part)
        elif part.tag == "tr" and not is_hidden(part):
            yield [cell for cell in part if cell.tag in {"td", "th"} and not is_hidden(cell)]


def _is_layout(table: HtmlElement, rows: list[list[HtmlElement]]) -> bool:
    """Whether it only arranges a page: one column, headings in its cells, or tables and nowhere a head."""
    if table.get("role") in {"presentation", "none"} or max(map(len, rows), default=0) <= 1:
        return True
    cells = [cell for row in rows for cell in row]
    if any(next(cell.iter(*_ONLY_IN_LAYOUT), None) is not None for cell in cells):
        return True
    has_head = any(cell.tag == "th" for cell in cells)
    return not has_head and any(next(cell.iter("table"), None) is not None for cell in cells)


def _grid(rows: list[list[HtmlElement]], depth: int) -> Iterator[list[str]]:
    """Each row's texts; a cell that spans rows is in each of them, one that spans columns in its first."""
    hanging: dict[int, tuple[int, str]] = {}  # column → rows to go, text
    for row in rows:
        cells: list[str] = []
        for cell in row:
            fill_hanging(cells, hanging)
            text = _cell_text(cell, depth)
            column, rowspan = len(cells), _span(cell, "rowspan")
            cells += [text] + [""] * (_span(cell, "colspan") - 1)
            if rowspan > 1:
                hanging[column] = (rowspan - 1, text)
        fill_hanging(cells, hanging)
        yield cells


def _cell_text(cell: HtmlElement, depth: int) -> str:
    """What stands in a cell, on one line; the rows of a table in it, and a list's items, parted by ``;``."""
    lines = [line for line in _joined(cell, depth + 1, "\n").split("\n") if not line.startswith("| --- ")]
    parted = any(line.startswith(("| ", "- ", "1. ")) for line in lines)
    return ("; " if parted else " ").join(filter(None, map(_unmarked, lines)))


def _unmarked(line: str) -> str:
    if line.startswith("| ") and line.endswith(" |"):
        return ", ".join(line[2:-2].split(" | "))
    return line.removeprefix("- ")


def _span(cell: HtmlElement, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(int(value), _MAX_SPAN) if value.isascii() and value.isdigit() and int(value) > 0 else 1
