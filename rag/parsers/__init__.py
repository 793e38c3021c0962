"""From a file's bytes to text with places; one file a format beside this one, and the registry of them.

The content decides what a file is, its name only where content cannot (Markdown is plain text). A file that
yields no text is an error with a hint, never an empty document. Nothing here reads a disk or cuts passages.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import TYPE_CHECKING

from rag.parsers.options import ParseOptions
from rag.parsers.registry import expected_format, find_format, parser_version
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath

    from rag.document import ParsedDocument

    Parser = Callable[[bytes, PurePath, ParseOptions], ParsedDocument]

__all__ = ["MAX_FILE_BYTES", "ParseOptions", "parse_document", "parser_version"]


# A file is read into memory whole, and some parsers take twenty times its size.
MAX_FILE_BYTES = 64 * 1024**2

# What no reader sees and what breaks others: C0 controls but tab and newline, DEL, byte-order marks.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]")
_TRAILING_SPACE = re.compile(r"[^\S\n]+$", re.MULTILINE)


def parse_document(
    content: bytes,
    path: PurePath,
    options: ParseOptions = ParseOptions(),  # noqa: B008 (frozen)
) -> ParsedDocument:
    """The document's title and its sections, each with some text.

    Args:
        content: the file's bytes.
        path: where they came from; used for its suffix, for a title of last resort and in messages.
        options: what a person said about how files are read.

    Raises:
        ParseError: the file is empty, damaged, encrypted, of an unknown format or without text; the hint
            says what to do.
    """
    if not content:
        raise ParseError(f"{path} is empty (0 bytes)", hint="remove it, or write something into it")
    found = find_format(content, path)
    if not found.parser:
        raise ParseError(
            f"{path} is an archive ({found.name}), and has no text of its own",
            hint="its members are read as files of their own",
        )
    parser: Parser = importlib.import_module(found.parser).parse
    parsed = parser(content, path, options)
    sections = tuple(
        dataclasses.replace(section, text=text, header=_clean(section.header))
        for section in parsed.sections
        if (text := _clean(section.text))
    )
    if not sections:
        raise ParseError(
            f"{path} has no text ({len(content):,} bytes of {found.name})",
            hint="open it in its own program: what is seen there may be pictures only",
        )
    title = " ".join(_clean(parsed.title).split()) or path.stem
    promised = expected_format(path)
    mislabelled = (f"it is called {path.suffix} and is {found.name}",) if promised != found.name else ()
    return dataclasses.replace(
        parsed,
        title=title,
        format=found.name,
        sections=sections,
        notes=(*(mislabelled if promised else ()), *parsed.notes),
    )


def _clean(text: str) -> str:
    """The text as it is stored: one kind of line end, nothing invisible, valid Unicode.

    Leading blank lines stay: line numbers count from the file's first line.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    # A form feed parts words and pages, yet begins no line.
    visible = _INVISIBLE.sub("", unified.replace("\f", " ")).encode("utf-8", "replace").decode("utf-8")
    trimmed = _TRAILING_SPACE.sub("", visible)
    return trimmed if trimmed.strip() else ""
