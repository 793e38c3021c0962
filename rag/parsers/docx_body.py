"""The text of a Word document's body: paragraphs with their numbers, lists, tables, notes and text boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.parsers.office_package import attribute, child, descendants, local_name
from rag.parsers.rows import markdown_table, within_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lxml.etree import _Element

    from rag.parsers.docx_numbering import Numbering
    from rag.parsers.docx_styles import Styles

    Block = tuple[int | None, str]

# What holds text that is not the document's: properties, deletions, fields' commands, readings above letters,
# what is written a second time for older programs.
_GONE = frozenset({"del", "moveFrom", "instrText", "delText", "rPr", "pPr", "rt", "Fallback"})
# What stands around paragraphs, tables, rows and cells: content controls, insertions.
_AROUND = frozenset({"sdt", "sdtContent", "customXml", "ins", "moveTo", "AlternateContent", "Choice"})
_BREAKS = frozenset({"tab", "br", "cr", "ptab"})

# Tables within tables deeper than this are a bomb.
_DEEPEST = 20


class Body:
    """Reads one document; numbers count on from paragraph to paragraph.

    Args:
        notes: footnotes and endnotes by kind and id; each is read behind the paragraph that names it.
    """

    def __init__(
        self, styles: Styles, numbering: Numbering, notes: Mapping[tuple[str, str], _Element]
    ) -> None:
        self._styles = styles
        self._numbering = numbering
        self._notes = notes
        self.pictures = 0

    def blocks(self, container: _Element, depth: int = 0) -> Iterator[Block]:
        """Paragraphs, lists and tables as ``(heading level or None, text)``."""
        items: list[str] = []
        for element in _contents(container):
            if local_name(element) == "tbl":
                found: list[Block] = list(self._table(element, depth))
                is_item = False
            else:
                is_item, found = self._paragraph(element, depth)
            if items and not (is_item and found):
                if not found:
                    continue
                yield None, "\n".join(items)
                items = []
            if is_item and found:
                items += [found[0][1]]
                found = found[1:]
            if found and items:
                yield None, "\n".join(items)
                items = []
            yield from found
        if items:
            yield None, "\n".join(items)

    def _paragraph(self, paragraph: _Element, depth: int) -> tuple[bool, list[Block]]:
        """Whether it is a list's item, and its text, followed by its notes and text boxes."""
        text, asides = self._inline(paragraph, depth)
        text = " ".join(text.split())
        style = self._styles.of(paragraph)
        blocks: list[Block] = []
        is_item = bool(style.number_id) and style.heading_level is None
        if text:
            label = self._numbering.label(style.number_id, style.number_level) if style.number_id else ""
            indent = "  " * style.number_level if is_item else ""
            # A number that Word would write need not be said twice where the writer typed it too.
            said = f"{label} {text}" if label and not text.startswith(f"{label} ") else text
            blocks.append((style.heading_level, indent + said))
        return is_item and bool(text), [*blocks, *asides]

    def _inline(self, element: _Element, depth: int) -> tuple[str, list[Block]]:
        text = ""
        asides: list[Block] = []
        for part in element:
            name = local_name(part)
            if name == "t":
                text += part.text or ""
            elif name in _BREAKS:
                text += " "
            elif name == "noBreakHyphen":
                text += "-"
            elif name == "sym":
                text += _symbol(part)
            elif name in {"oMath", "oMathPara"}:
                text += "".join(run.text or "" for run in descendants(part, "t"))
            elif name in {"footnoteReference", "endnoteReference"}:
                asides += self._note(part, name.removesuffix("Reference"), depth)
            elif name in {"drawing", "pict", "object"}:
                asides += self._drawing(part, depth)
            elif name not in _GONE:
                inner, more = self._inline(part, depth)
                text += inner
                asides += more
        return text, asides

    def _note(self, reference: _Element, kind: str, depth: int) -> list[Block]:
        note = self._notes.get((kind, attribute(reference, "id") or ""))
        if note is None or depth >= _DEEPEST:
            return []
        text = " ".join(text for _, text in self.blocks(note, depth + 1))
        return [(None, f"{kind.capitalize()}: {text}")] if text else []

    def _drawing(self, drawing: _Element, depth: int) -> list[Block]:
        """A text box's text; a picture's description, if somebody gave one."""
        boxes = list(descendants(drawing, "txbxContent"))
        if boxes and depth < _DEEPEST:
            # Word writes a box twice, for newer and for older programs; the second is below Fallback.
            return [(None, text) for _, text in self.blocks(boxes[0], depth + 1)]
        if next(descendants(drawing, "blip", "imagedata"), None) is None:
            return []
        self.pictures += 1
        said = next((attribute(part, "descr") for part in descendants(drawing, "docPr")), None)
        return [(None, f"[picture: {' '.join(said.split())}]")] if said and said.strip() else []

    def _table(self, table: _Element, depth: int) -> Iterator[Block]:
        rows = list(self._rows(table, depth)) if depth < _DEEPEST else []
        filled = [row for row in rows if any(row)]
        if len(filled) == 1 and len([cell for cell in filled[0] if cell]) == 1:
            yield None, next(cell for cell in filled[0] if cell)  # a frame around text
        elif filled:
            yield None, markdown_table(filled)

    def _rows(self, table: _Element, depth: int) -> Iterator[list[str]]:
        """The rows' cells; one over several rows stands in each, one over several columns in the first."""
        above: dict[int, str] = {}
        for row in _contents(table, "tr"):
            properties = child(row, "trPr")
            if child(properties, "del") is not None:
                continue
            skipped = attribute(child(properties, "gridBefore"), "val") or "0"
            cells = [""] * (int(skipped) if skipped.isdigit() else 0)
            for cell in _contents(row, "tc"):
                merge = child(cell, "tcPr", "vMerge")
                goes_on = merge is not None and attribute(merge, "val") != "restart"
                text = above.get(len(cells), "") if goes_on else self._cell(cell, depth)
                above[len(cells)] = text
                span = attribute(child(cell, "tcPr", "gridSpan"), "val") or "1"
                cells += [text, *[""] * (min(int(span), 100) - 1 if span.isdigit() else 0)]
            yield cells

    def _cell(self, cell: _Element, depth: int) -> str:
        return within_cell("\n".join(text for _, text in self.blocks(cell, depth + 1)))


def _contents(container: _Element, *names: str) -> Iterator[_Element]:
    """The paragraphs and tables (or elements of the given names) inside, through what only wraps them."""
    wanted = names or ("p", "tbl")
    for element in container:
        name = local_name(element)
        if name in wanted:
            yield element
        elif name in _AROUND:
            yield from _contents(element, *names)


def _symbol(element: _Element) -> str:
    """A letter of a symbol font, if its number is a character's; Wingdings and others have pictures there."""
    code = attribute(element, "char") or ""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    return chr(number) if 0x20 <= number < 0xD800 else ""  # noqa: PLR2004
