"""Program text: a section a definition under the names of what it stands in, each line as it stands.

Put together the sections are the file to the character, so that line numbers are its own. Python is read by
its own grammar; of other languages it knows how definitions begin and that what is in them is indented. It
does not run, import or check anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rag.document import ParsedDocument, Section
from rag.parsers.code_definitions import definitions
from rag.parsers.decoding import decode_text
from rag.parsers.python_definitions import python_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from rag.parsers.code_definitions import Definition
    from rag.parsers.options import ParseOptions

_PYTHON: Final = frozenset({".py", ".pyi", ".pyw"})
_INTERPRETER: Final = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?([a-z]+)")
_SUFFIXES: Final = {"python": ".py", "bash": ".sh", "sh": ".sh", "zsh": ".sh", "node": ".js", "ruby": ".rb"}


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The file's sections by definition; one, where it has none.

    Raises:
        ParseError: its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    language = _language(text, path)
    found = python_definitions(text) if language in _PYTHON else None
    if found is None:
        found = definitions(text, language)
    sections = tuple(_sections(text, found))
    return ParsedDocument(title=path.name, format="code", sections=sections, notes=decoded.notes)


def _language(text: str, path: PurePath) -> str:
    """A suffix that stands for the language: the file's own, its whole name, or its interpreter's."""
    if path.suffix:
        return path.suffix.lower()
    if interpreter := _INTERPRETER.match(text):
        return _SUFFIXES.get(interpreter.group(1), "")
    return path.name.lower()


def _sections(text: str, found: Sequence[Definition]) -> Iterator[Section]:
    """The text cut where definitions begin; blank lines stay with what is above them."""
    lines = text.split("\n")
    lines[:-1] = [line + "\n" for line in lines[:-1]]
    head: tuple[int, tuple[str, ...]] = (0, ())
    starts = [head, *((definition.line, definition.heading) for definition in found)]
    for index, (start, heading) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(lines)
        piece = "".join(lines[start:end])
        if piece.strip():
            yield Section(piece, heading=heading, kind="code")
