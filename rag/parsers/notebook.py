"""Jupyter notebooks: the cells in order, Markdown under its headings, code and its printed output as code.

Pictures and widgets in outputs are only counted; where an output has text, the text is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text
from rag.parsers.json_values import load
from rag.parsers.markdown import split_by_headings
from rag.parsers.outline import Outline
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# A cell that prints a table of a thousand rows says what it says in the first of them.
_OUTPUT_CHARACTERS = 2_000
# Colours of a terminal, which a traceback is full of.
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
# A picture that was pasted into Markdown.
_INLINE_PICTURE: Final = re.compile(r"\(data:image/[^)]*\)|(?<=src=[\"'])data:image/[^\"']*")


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The cells' sections, each placed ``cell N``, counted from 1.

    Raises:
        ParseError: it is damaged, or its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    try:
        notebook = load(decoded.text)
    except (ValueError, RecursionError) as error:
        raise ParseError(
            f"{path} is damaged: {error}", hint="open it in Jupyter and save it again"
        ) from error
    sections: list[Section] = []
    outline, pictures = Outline(), 0
    for number, cell in enumerate(_cells(notebook), start=1):
        sections.extend(_cell_sections(cell, outline, f"cell {number}"))
        pictures += sum(_is_picture(output) for output in _list(cell.get("outputs")))
    heading = next((section.heading[0] for section in sections if section.heading), "")
    return ParsedDocument(
        title=heading or path.stem,
        format="ipynb",
        sections=tuple(sections),
        metadata=_metadata(notebook),
        notes=(*decoded.notes, *([f"{pictures} pictures in outputs were not read"] if pictures else [])),
    )


def _cells(notebook: object) -> list[dict[str, Any]]:
    """The cells; before format 4 they stand in worksheets."""
    if not isinstance(notebook, dict):
        return []
    sheets = [notebook, *_list(notebook.get("worksheets"))]
    return [
        cell
        for sheet in sheets
        if isinstance(sheet, dict)
        for cell in _list(sheet.get("cells"))
        if isinstance(cell, dict)
    ]


def _cell_sections(cell: dict[str, Any], outline: Outline, place: str) -> Iterator[Section]:
    text = _text(cell.get("source", cell.get("input")))
    kind = cell.get("cell_type")
    if kind == "heading":  # format 3
        level = cell.get("level", "1")
        outline.enter(int(level) if str(level).isdigit() else 1, text.strip())
        yield Section(text, heading=outline.headings, place=place)
    elif kind == "code":
        yield Section(text, heading=outline.headings, kind="code", place=place)
        printed = "\n".join(filter(None, map(_printed, _list(cell.get("outputs")))))
        if printed:
            yield Section(_capped(printed), heading=outline.headings, kind="code", place=place)
    else:
        shown = _INLINE_PICTURE.sub("", text)
        yield from split_by_headings(shown, outline, place=place)


def _printed(output: object) -> str:
    """What an output says in text."""
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") == "error" or "evalue" in output:
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    data = output.get("data")
    shown = data.get("text/plain") if isinstance(data, dict) else output.get("text")
    text = _COLOUR.sub("", _text(shown)).strip("\n")
    # What Python calls a figure is no text about it.
    return "" if _is_picture(output) and text.startswith("<") else text


def _capped(text: str) -> str:
    if len(text) <= _OUTPUT_CHARACTERS:
        return text
    return text[:_OUTPUT_CHARACTERS].rsplit("\n", 1)[0] + f"\n… ({len(text):,} characters in all)"


def _is_picture(output: object) -> bool:
    data = output.get("data") if isinstance(output, dict) else None
    return isinstance(data, dict) and any(str(kind).startswith("image/") for kind in data)


def _metadata(notebook: object) -> dict[str, str]:
    said = notebook.get("metadata") if isinstance(notebook, dict) else None
    names = [
        str(each.get("name"))
        for each in _list(said.get("authors") if isinstance(said, dict) else None)
        if isinstance(each, dict) and each.get("name")
    ]
    return {"author": ", ".join(names)} if names else {}


def _text(value: object) -> str:
    """A cell's text: a string, or its lines."""
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
