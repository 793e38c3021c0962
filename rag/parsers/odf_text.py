"""The text of OpenDocument's elements: paragraphs, headings, lists, tables, notes, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.parsers.docx_numbering import formatted
from rag.parsers.office_package import attribute, child, descendants, local_name
from rag.parsers.rows import markdown_table, within_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    Block = tuple[int | None, str]

# What is no text of the document: comments, deletions, what an index repeats.
_GONE = frozenset(
    {"annotation", "annotation-end", "tracked-changes", "table-of-content", "alphabetical-index", "ruby-text"}
    | {"illustration-index", "table-index", "object-index", "user-index", "forms", "sequence-decls"}
    | {"bibliography-mark", "title", "desc", "event-listeners"}
)
_NUMBER_KINDS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}

_MOST_SPACES, _MOST_COLUMNS, _MOST_ROWS = 40, 1_000, 100_000
_DEEPEST = 30


class Body:
    """Reads one document.

    Args:
        root: of ``content.xml``, whose list styles are looked up.
    """

    def __init__(self, root: _Element) -> None:
        self.pictures = 0
        self._kinds: dict[tuple[str, int], str] = {}
        for style in descendants(root, "list-style"):
            for level in style:
                if local_name(level) == "list-level-style-number":
                    key = (attribute(style, "name") or "", int(attribute(level, "level") or 1))
                    self._kinds[key] = _NUMBER_KINDS.get(attribute(level, "num-format") or "", "decimal")

    def blocks(self, container: _Element, depth: int = 0) -> Iterator[Block]:
        """Paragraphs, lists and tables as ``(heading level or None, text)``."""
        for element in container:
            name = local_name(element)
            if name in {"h", "p"}:
                text, asides = self._inline(element, depth)
                level = int(attribute(element, "outline-level") or 1) if name == "h" else None
                if text := " ".join(text.split()):
                    yield level, text
                yield from asides
            elif name == "list":
                yield from self._list(element, depth)
            elif name == "table":
                rows = [row for row in self.rows(element, depth) if any(row)] if depth < _DEEPEST else []
                if rows:
                    yield None, markdown_table(rows)
            elif name == "frame":
                yield from self._frame(element, depth)
            elif name not in _GONE and depth < _DEEPEST:
                yield from self.blocks(element, depth + 1)

    def _list(self, element: _Element, depth: int) -> Iterator[Block]:
        """A list as one block, an item a line; headings in it stay headings."""
        lines: list[str] = []
        for level, text in self._items(element, attribute(element, "style-name") or "", 1, depth):
            if level is not None:
                yield level, text
            else:
                lines.append(text)
        if lines:
            yield None, "\n".join(lines)

    def _items(self, element: _Element, style: str, level: int, depth: int) -> Iterator[Block]:
        number = 0
        for item in element:
            if local_name(item) not in {"list-item", "list-header"} or depth >= _DEEPEST:
                continue
            number += 1
            kind = self._kinds.get((style, level))
            label = f"{formatted(number, kind)}." if kind else "-"
            for inner in item:
                if local_name(inner) == "list":
                    yield from self._items(inner, style, level + 1, depth + 1)
                    continue
                text, asides = self._inline(inner, depth)
                if not (text := " ".join(text.split())):
                    continue
                if local_name(inner) == "h":
                    yield int(attribute(inner, "outline-level") or 1), text
                else:
                    yield None, f"{'  ' * (level - 1)}{label} {text}"
                yield from asides
                label = " " * len(label)

    def rows(self, table: _Element, depth: int = 0) -> Iterator[list[str]]:
        """A table's rows; a cell over several rows stands in each, one over columns in the first."""
        above: dict[int, tuple[int, str]] = {}
        for row in _through(table, "table-row", {"table-header-rows", "table-rows", "table-row-group"}):
            cells: list[str] = []
            for cell in row:
                name = local_name(cell)
                repeated = min(int(attribute(cell, "number-columns-repeated") or 1), _MOST_COLUMNS)
                if name == "covered-table-cell":
                    for _ in range(repeated):
                        left, text = above.get(len(cells), (0, ""))
                        above[len(cells)] = (left - 1, text)
                        cells.append(text if left > 0 else "")
                elif name == "table-cell":
                    text = within_cell("\n".join(text for _, text in self.blocks(cell, depth + 1)))
                    above[len(cells)] = (int(attribute(cell, "number-rows-spanned") or 1) - 1, text)
                    cells += [text] * repeated
            yield cells

    def _frame(self, frame: _Element, depth: int) -> Iterator[Block]:
        box = child(frame, "text-box")
        if box is not None and depth < _DEEPEST:
            yield from ((None, text) for _, text in self.blocks(box, depth + 1))
            return
        table = child(frame, "table")
        if table is not None:
            yield from self.blocks(frame, depth + 1)
            return
        if child(frame, "image") is None:
            return
        self.pictures += 1
        said = [
            " ".join((part.text or "").split()) for part in frame if local_name(part) in {"title", "desc"}
        ]
        if any(said):
            yield None, f"[picture: {', '.join(text for text in said if text)}]"

    def _inline(self, element: _Element, depth: int) -> tuple[str, list[Block]]:
        text = element.text or ""
        asides: list[Block] = []
        for part in element:
            name = local_name(part)
            if name == "s":
                text += " " * min(int(attribute(part, "c") or 1), _MOST_SPACES)
            elif name in {"tab", "line-break"}:
                text += " "
            elif name == "note":
                asides += self._note(part, depth)
            elif name in {"frame", "custom-shape", "text-box"}:
                asides += self.blocks(part, depth + 1) if name != "frame" else self._frame(part, depth)
            elif name not in _GONE and name:
                inner, more = self._inline(part, depth)
                text += inner
                asides += more
            text += part.tail or ""
        return text, asides

    def _note(self, note: _Element, depth: int) -> Iterator[Block]:
        body = child(note, "note-body")
        said = " ".join(text for _, text in self.blocks(body, depth + 1)) if body is not None else ""
        if said:
            yield None, f"{(attribute(note, 'note-class') or 'footnote').capitalize()}: {said}"


def _through(container: _Element, wanted: str, wrappers: set[str]) -> Iterator[_Element]:
    for element in container:
        if local_name(element) == wanted:
            yield element
        elif local_name(element) in wrappers:
            yield from _through(element, wanted, wrappers)
