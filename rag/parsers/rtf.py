"""Rich Text: the text as one section, tables' rows as rows.

Fonts, styles and pictures are left out, and with them the headings: Rich Text has none but by look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.rows import markdown_table
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# Rich Text is ASCII; what programs write of other bytes all the same is meant as an escape.
_RAW_BYTE = re.compile(rb"[\x80-\xff]")
_CODE_PAGE = re.compile(r"\\ansicpg(\d+)")

_INFO = {"author": "author", "subject": "subject", "keywords": "keywords"}
_CREATED = re.compile(r"\\creatim((?:\\(?:yr|mo|dy|hr|min|sec)\d+)+)")
_PARTS = re.compile(r"\\(yr|mo|dy|hr|min)(\d+)")

# Deeper braces than this are a bomb.
_DEEPEST = 1_000


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The text, with what the file says of itself.

    Raises:
        ParseError: the file is damaged.
    """
    source = _RAW_BYTE.sub(lambda match: b"\\'%02x" % match.group()[0], content).decode("ascii")
    if _depth(source) > _DEEPEST:
        raise ParseError(
            f"{path} is damaged: more than {_DEEPEST} braces within each other",
            hint="open it in Word or LibreOffice and save it as .docx",
        )
    code_page = _CODE_PAGE.search(source)
    encoding = f"cp{code_page.group(1)}" if code_page else "cp1252"
    text = _plain(source, encoding, path)
    title, metadata = _metadata(source, encoding, path)
    return ParsedDocument(
        title=title or path.stem, format="rtf", sections=(Section(_with_rows(text)),), metadata=metadata
    )


def _plain(source: str, encoding: str, path: PurePath) -> str:
    from striprtf.striprtf import rtf_to_text

    try:
        text: str = rtf_to_text(source, encoding=encoding, errors="replace")  # type: ignore[no-untyped-call]
    # What it lets through on escapes cut short, numbers out of range and code pages that nobody knows.
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint="open it in Word or LibreOffice and save it as .docx",
        ) from error
    # Characters beyond 16 bits are written as two halves.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _with_rows(text: str) -> str:
    """Rows, whose cells end with a bar each, as Markdown rows; other paragraphs set apart."""
    blocks: list[str] = []
    rows: list[list[str]] = []
    for line in text.replace("\xa0", " ").replace("\xad", "").split("\n"):
        if line.rstrip().endswith("|") and line.count("|") > 1:
            rows.append(line.rstrip().removesuffix("|").split("|"))
        elif line.strip():
            blocks += [markdown_table(rows), line.strip()]
            rows = []
    return "\n\n".join(block for block in [*blocks, markdown_table(rows)] if block)


def _depth(source: str) -> int:
    deepest = depth = 0
    for brace in re.finditer(r"(?<!\\)[{}]", source):
        depth += 1 if brace.group() == "{" else -1
        deepest = max(deepest, depth)
    return deepest


def _metadata(source: str, encoding: str, path: PurePath) -> tuple[str, dict[str, str]]:
    found: dict[str, str] = {}
    for key in ("title", *_INFO):
        match = re.search(r"\{\\" + key + r" ([^{}]*)\}", source)
        said = _plain(f"{{\\rtf1\\ansi {match.group(1)}}}", encoding, path) if match else ""
        if said := " ".join(said.split()):
            found[_INFO.get(key, key)] = said
    created = _CREATED.search(source)
    if created:
        parts = {name: int(number) for name, number in _PARTS.findall(created.group(1))}
        if parts.get("yr"):
            found["created"] = f"{parts['yr']:04}-{parts.get('mo', 1):02}-{parts.get('dy', 1):02}" + (
                f"T{parts['hr']:02}:{parts.get('min', 0):02}:00" if "hr" in parts else ""
            )
    return found.pop("title", ""), found
