"""reStructuredText: sections under their titles, tables as Markdown rows, code in fences.

Docutils reads it with everything switched off that reads other files or passes text through raw. Directives
and roles that only Sphinx knows keep their words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text
from rag.parsers.outline import Outline, sections_by_heading
from rag.parsers.rows import fill_hanging, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

    Block = tuple[int | None, str]

_SETTINGS: Final[Mapping[str, object]] = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,  # no docutils.conf of the machine's
    "report_level": 5,  # what it complains of stands in the text
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "traceback": True,
    "input_encoding": "unicode",
    "output_encoding": "unicode",
    "doctitle_xform": False,
    "line_length_limit": 1_000_000,
}

# Docutils reads 16,000 characters a second (measured on a busy machine of two cores, 2026-11-26).
_MAX_CHARACTERS = 1_000_000

# ":ref:`text <target>`" as Sphinx writes it, where docutils knows no such role.
_ROLE: Final = re.compile(r":[\w:.+-]+:`([^`<]*?)\s*(?:<([^>]*)>)?`")
_UNKNOWN_DIRECTIVE: Final = re.compile(r"\A\.\. ([\w:-]+)::[ \t]*(.*)\n?", re.MULTILINE)
_OPTION_LINE: Final = re.compile(r"^[ \t]+:[\w-]+:.*\n?", re.MULTILINE)
# What these directives hold are names of files, not words.
_WITHOUT_WORDS: Final = frozenset(
    {"toctree", "include", "literalinclude", "raw", "highlight", "index", "image"}
)

# A title that is under- and overlined in another way each is no structure; docutils recurses on lists.
_DAMAGE: Final = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
_METADATA: Final = {"author": "author", "authors": "author", "date": "date", "organization": "publisher"}


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The document's sections by title; its text as it stands, where docutils fails on it.

    Raises:
        ParseError: its encoding is not recognized.
    """
    from docutils.core import publish_doctree
    from docutils.utils import SystemMessage

    decoded = decode_text(content, path)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > _MAX_CHARACTERS:
        reason = f"read as plain text: docutils takes a minute for {_MAX_CHARACTERS:,} characters"
        return ParsedDocument(path.stem, "rst", (Section(text),), notes=(*decoded.notes, reason))
    try:
        tree = publish_doctree(text, settings_overrides=dict(_SETTINGS))
        sections = tuple(sections_by_heading(_blocks(tree, 0), Outline()))
        metadata = _metadata(tree)
    except (SystemMessage, *_DAMAGE) as error:
        notes = (
            *decoded.notes,
            f"read as plain text: docutils says {str(error) or type(error).__name__}"[:200],
        )
        return ParsedDocument(path.stem, "rst", (Section(text),), notes=notes)
    heading = next((section.heading[0] for section in sections if section.heading), "")
    return ParsedDocument(heading or path.stem, "rst", sections, metadata, decoded.notes)


def _blocks(node: Any, level: int) -> Iterator[Block]:  # noqa: ANN401 (docutils has no types)
    """What stands in a node, as blocks."""
    for child in node.children:
        name = child.tagname
        if name == "section":
            yield from _blocks(child, level + 1)
        elif name in {"title", "subtitle"} and level:
            yield level, f"{'#' * min(level, 6)} {_words(child)}"
        elif name in _UNSEEN:
            continue
        elif name in _LEAVES:
            if text := _LEAVES[name](child):
                yield None, text
        elif text := _block_text(child, level):
            yield None, text
        else:
            yield from _blocks(child, level)


def _block_text(node: Any, level: int) -> str:  # noqa: ANN401
    """Lists, quotations and what is set apart, as one block; empty where its children are blocks."""
    name = node.tagname
    if name in _LISTS:
        return "\n".join(_LISTS[name](node, level))
    if name == "block_quote":
        return "\n".join(f"> {line}".rstrip() for line in _inner(node, level).split("\n"))
    if name in _SET_APART:
        return f"{name.capitalize()}: {_inner(node, level)}"
    if name in {"footnote", "citation"}:
        label, *rest = node.children
        return f"[{label.astext()}] " + "\n".join(_inner_of(rest, level))
    return ""


def _inner(node: Any, level: int) -> str:  # noqa: ANN401
    return "\n\n".join(text for _, text in _blocks(node, level))


def _inner_of(nodes: Sequence[Any], level: int) -> list[str]:
    return [_words(node) if node.tagname == "paragraph" else _inner(node, level) for node in nodes]


def _items(node: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    start = int(node.get("start", 1))
    for number, item in enumerate(node.children, start=start):
        mark = f"{number}. " if node.tagname == "enumerated_list" else "- "
        text = "\n".join(text for _, text in _blocks(item, level))
        yield mark + text.replace("\n", "\n" + " " * len(mark))


def _definitions(node: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    for item in node.children:
        term = " ".join(_words(child) for child in item.children if child.tagname in {"term", "classifier"})
        meaning = "\n".join(_inner(child, level) for child in item.children if child.tagname == "definition")
        yield f"{term}: {meaning}" if "\n" not in meaning else f"{term}:\n{meaning}"


def _fields(node: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    for field in node.children:
        if len(field.children) == 2 and field.tagname in {"field", "option_list_item"}:  # noqa: PLR2004 (name, body)
            name, body = field.children
            yield f"{name.astext()}: {_inner(body, level)}"
        else:
            yield f"{field.tagname.capitalize()}: {_words(field)}"


def _words(node: Any) -> str:  # noqa: ANN401
    """A paragraph's words, emphasis and targets left out, literals in backquotes."""
    parts = []
    for child in node.children:
        if child.tagname == "#text":
            parts.append(str(child))
        elif child.tagname == "literal":
            parts.append(f"`{child.astext()}`")
        elif child.tagname == "problematic":
            parts.append(_ROLE.sub(lambda match: match.group(1) or match.group(2) or "", child.astext()))
        elif child.tagname == "image":
            parts.append(_picture(child))
        else:
            parts.append(_words(child))
    return " ".join("".join(parts).split())


def _picture(node: Any) -> str:  # noqa: ANN401
    alt = str(node.get("alt", "")).strip()
    return f"[{alt}]" if alt else ""


def _code(node: Any) -> str:  # noqa: ANN401
    text = node.astext()
    languages = [name for name in node.get("classes", ()) if name not in {"code", "literal-block"}]
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{languages[0] if languages else ''}\n{text}\n{fence}"


def _lines(node: Any) -> str:  # noqa: ANN401
    return "\n".join(line for line in node.astext().split("\n") if line.strip())


def _table(node: Any) -> str:  # noqa: ANN401
    titles = [_words(child) for child in node.children if child.tagname == "title"]
    rows: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column → rows to go, text
    for row in node.findall(lambda each: each.tagname == "row"):
        cells: list[str] = []
        for entry in row.children:
            fill_hanging(cells, hanging)
            text = " ".join(_inner(entry, 0).split())
            if (more := int(entry.get("morerows", 0))) > 0:
                hanging[len(cells)] = (more, text)
            cells += [text] + [""] * int(entry.get("morecols", 0))
        fill_hanging(cells, hanging)
        rows.append(cells)
    headed = next(iter(node.findall(lambda each: each.tagname == "thead")), None) is not None
    return "\n".join([*titles, *([markdown_table(rows, headed=headed)] if rows else [])])


def _unknown(node: Any) -> str:  # noqa: ANN401
    """The words of a directive that docutils does not know: Sphinx's notes and descriptions of functions."""
    source = "\n".join(child.astext() for child in node.children if child.tagname == "literal_block")
    match = _UNKNOWN_DIRECTIVE.match(source)
    if match is None or match.group(1) in _WITHOUT_WORDS:
        return ""
    rest = _OPTION_LINE.sub("", source[match.end() :])
    words = "\n".join(line.strip() for line in rest.split("\n") if line.strip())
    first = f"{match.group(1)}: {match.group(2)}".rstrip(": ")
    return _ROLE.sub(lambda each: each.group(1) or each.group(2) or "", f"{first}\n{words}".strip())


_LISTS: Final = {
    "bullet_list": _items,
    "enumerated_list": _items,
    "definition_list": _definitions,
    "field_list": _fields,
    "docinfo": _fields,
    "option_list": _fields,
}
_LEAVES: Final = {
    "paragraph": _words,
    "literal_block": _code,
    "doctest_block": _code,
    "math_block": _code,
    "line_block": _lines,
    "table": _table,
    "image": _picture,
    "caption": _words,
    "rubric": _words,
    "attribution": _words,
    "system_message": _unknown,
    "title": _words,
    "subtitle": _words,
    "term": _words,
}
_UNSEEN: Final = frozenset(
    {"comment", "substitution_definition", "target", "pending", "raw", "meta", "decoration", "generated"}
)
_SET_APART: Final = frozenset(
    {"note", "warning", "tip", "hint", "important", "caution", "danger", "error", "attention", "admonition"}
)


def _metadata(tree: Any) -> Mapping[str, str]:  # noqa: ANN401
    found: dict[str, str] = {}
    fields = next(iter(tree.findall(lambda node: node.tagname in {"docinfo", "field_list"})), None)
    for field in () if fields is None else fields.children:
        name, text = field.tagname, field.astext()
        if name == "field" and len(field.children) == 2:  # noqa: PLR2004 (name, body)
            name, text = field.children[0].astext().lower(), field.children[1].astext()
        if (key := _METADATA.get(name)) and text.strip():
            found.setdefault(key, " ".join(text.split()))
    return found
