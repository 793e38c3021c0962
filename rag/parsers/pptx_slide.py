"""One slide of a presentation: its title, its shapes' text in the order of their places, its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rag.parsers.office_package import attribute, child, descendants, local_name
from rag.parsers.rows import markdown_row, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lxml.etree import _Element

    from rag.parsers.office_package import Package

# Places are in English metric units, 914,400 an inch. Shapes whose tops differ by less than a quarter of an
# inch stand beside each other.
_BESIDE_EMU = 228_600

_TITLES = frozenset({"title", "ctrTitle"})
# Placeholders that repeat on every slide.
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr"})

# Groups within groups deeper than this are a bomb.
_DEEPEST = 30


class _Shape(NamedTuple):
    top: float
    left: float
    text: str


class _Frame(NamedTuple):
    """How a group's places become the slide's: ``outer = offset + scale * (inner - origin)``."""

    offset: tuple[float, float]
    scale: tuple[float, float]
    origin: tuple[float, float]

    def placed(self, x: float, y: float) -> tuple[float, float]:
        return (
            self.offset[0] + self.scale[0] * (x - self.origin[0]),
            self.offset[1] + self.scale[1] * (y - self.origin[1]),
        )


_SLIDE = _Frame((0.0, 0.0), (1.0, 1.0), (0.0, 0.0))


class Slide:
    """A slide's text, read when it is made.

    Args:
        package: the presentation.
        name: of the slide's part.

    Raises:
        KeyError: it or its layout's part is missing.
        LxmlError: it is not XML.
    """

    def __init__(self, package: Package, name: str) -> None:
        root = package.xml(name)
        self._package = package
        self._relations = package.related(name)
        self._places = _layout_places(package, self._relations)
        self.title = ""
        self.pictures = 0
        self.hidden = attribute(root, "show") in {"0", "false"}
        tree = child(root, "cSld", "spTree")
        shapes = list(self._shapes(tree, _SLIDE, 0)) if tree is not None else []
        self.text = "\n\n".join([*([self.title] if self.title else []), *(s.text for s in _ordered(shapes))])
        self.notes = self._notes()

    def _shapes(self, tree: _Element, frame: _Frame, depth: int) -> Iterator[_Shape]:
        for element in tree:
            name = local_name(element)
            if name == "grpSp" and depth < _DEEPEST:
                yield from self._shapes(element, _within(element, frame), depth + 1)
            elif name == "AlternateContent":
                choice = child(element, "Choice")
                yield from self._shapes(choice, frame, depth) if choice is not None else ()
            elif text := self._text(element, name):
                left, top = self._place(element, frame)
                yield _Shape(top, left, text)

    def _text(self, element: _Element, name: str) -> str:
        if name in {"sp", "cxnSp"}:
            kind = attribute(next(descendants(element, "ph"), None), "type") or ""
            text = _paragraphs(child(element, "txBody"))
            if kind in _TITLES and text and not self.title:
                self.title = " ".join(text.split())
                return ""
            return "" if kind in _FURNITURE else text
        if name == "graphicFrame":
            return self._graphic(element)
        if name == "pic":
            self.pictures += 1
            said = attribute(next(descendants(element, "cNvPr"), None), "descr") or ""
            return f"[picture: {' '.join(said.split())}]" if said.strip() else ""
        return ""

    def _graphic(self, element: _Element) -> str:
        table = next(descendants(element, "tbl"), None)
        if table is not None:
            return markdown_table(list(_rows(table)))
        parts = [self._relations.get(attribute(part, "id") or "") for part in descendants(element, "chart")]
        parts += [self._relations.get(attribute(part, "dm") or "") for part in descendants(element, "relIds")]
        texts = []
        for kind, name in (part for part in parts if part is not None):
            root = self._package.optional_xml(name)
            if root is not None:
                texts.append(_chart(root) if kind == "chart" else _diagram(root))
        return "\n\n".join(text for text in texts if text)

    def _place(self, element: _Element, frame: _Frame) -> tuple[float, float]:
        offset = next(descendants(element, "off"), None)
        if offset is not None:
            return frame.placed(_number(offset, "x"), _number(offset, "y"))
        placeholder = next(descendants(element, "ph"), None)
        key = (attribute(placeholder, "type") or "", attribute(placeholder, "idx") or "")
        # A placeholder without a place stands where the layout has it, or below the title.
        return self._places.get(key, (0.0, float(_BESIDE_EMU)))

    def _notes(self) -> str:
        name = next((name for kind, name in self._relations.values() if kind == "notesSlide"), "")
        root = self._package.optional_xml(name)
        texts = [
            _paragraphs(child(shape, "txBody"))
            for shape in (descendants(root, "sp") if root is not None else ())
            if attribute(next(descendants(shape, "ph"), None), "type") == "body"
        ]
        return "\n\n".join(text for text in texts if text)


def _layout_places(
    package: Package, relations: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Where the slide's layout has its placeholders, as ``(left, top)`` by type and index."""
    name = next((name for kind, name in relations.values() if kind == "slideLayout"), "")
    root = package.optional_xml(name)
    places = {}
    for shape in descendants(root, "sp") if root is not None else ():
        placeholder, offset = next(descendants(shape, "ph"), None), next(descendants(shape, "off"), None)
        if placeholder is not None and offset is not None:
            key = (attribute(placeholder, "type") or "", attribute(placeholder, "idx") or "")
            places[key] = (_number(offset, "x"), _number(offset, "y"))
    return places


def _within(group: _Element, frame: _Frame) -> _Frame:
    transform = child(group, "grpSpPr", "xfrm")
    offset, extent = child(transform, "off"), child(transform, "ext")
    origin, inner = child(transform, "chOff"), child(transform, "chExt")
    if offset is None or extent is None or origin is None or inner is None:
        return frame
    widths, heights = _number(inner, "cx") or 1.0, _number(inner, "cy") or 1.0
    scale = (_number(extent, "cx") / widths, _number(extent, "cy") / heights)
    return _Frame(
        frame.placed(_number(offset, "x"), _number(offset, "y")),
        (frame.scale[0] * scale[0], frame.scale[1] * scale[1]),
        (_number(origin, "x"), _number(origin, "y")),
    )


def _ordered(shapes: list[_Shape]) -> list[_Shape]:
    """From top to bottom; shapes that begin at about one height from left to right."""
    rows: list[list[_Shape]] = []
    for shape in sorted(shapes):
        if rows and shape.top - rows[-1][0].top < _BESIDE_EMU:
            rows[-1].append(shape)
        else:
            rows.append([shape])
    return [shape for row in rows for shape in sorted(row, key=lambda shape: shape.left)]


def _paragraphs(body: _Element | None) -> str:
    """The paragraphs of a shape, a line each; deeper levels are indented."""
    lines = []
    for paragraph in body if body is not None else ():
        if local_name(paragraph) != "p":
            continue
        words = "".join(
            " " if local_name(run) == "br" else run.text or "" for run in descendants(paragraph, "t", "br")
        )
        level = attribute(child(paragraph, "pPr"), "lvl") or "0"
        if words.strip():
            lines.append("  " * min(int(level) if level.isdigit() else 0, 8) + " ".join(words.split()))
    return "\n".join(lines)


def _rows(table: _Element) -> Iterator[list[str]]:
    """A cell over several rows stands in each of them, one over several columns in the first."""
    above: list[str] = []
    for row in table:
        if local_name(row) != "tr":
            continue
        cells: list[str] = []
        for cell in row:
            if local_name(cell) != "tc":
                continue
            goes_on = attribute(cell, "vMerge") in {"1", "true"} and len(cells) < len(above)
            cells.append(above[len(cells)] if goes_on else _paragraphs(child(cell, "txBody")))
        above = cells
        if any(cells):
            yield cells


def _chart(root: _Element) -> str:
    """A chart's title and its figures: a row a category."""
    title = " ".join(run.text or "" for part in descendants(root, "title") for run in descendants(part, "t"))
    names, series, categories = [], [], list[str]()
    for one in descendants(root, "ser"):
        names.append(next(iter(_points(child(one, "tx")).values()), ""))
        categories = list(_points(child(one, "cat")).values()) or categories
        series.append(_points(child(one, "val")))
    rows = [markdown_row(["", *names])] if series else []
    rows += [
        markdown_row([category, *(values.get(index, "") for values in series)])
        for index, category in enumerate(categories)
    ]
    return "\n\n".join(part for part in (title.strip(), "\n".join(rows)) if part)


def _points(element: _Element | None) -> dict[int, str]:
    found = {}
    for point in descendants(element, "pt") if element is not None else ():
        value = child(point, "v")
        found[int(_number(point, "idx"))] = (value.text or "") if value is not None else ""
    return found


def _diagram(root: _Element) -> str:
    """SmartArt's texts, a line each."""
    texts = (_paragraphs(child(point, "t")) for point in descendants(root, "pt"))
    return "\n".join(text for text in texts if text)


def _number(element: _Element, name: str) -> float:
    try:
        return float(attribute(element, name) or 0)
    except ValueError:
        return 0.0
