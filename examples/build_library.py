# ruff: noqa: INP001  (a script beside the documents, not a package)
"""Build the PDF and DOCX files of the example library from their Markdown sources.

Each file in ``sources/LANGUAGE/`` is named after what it becomes: ``zh/ollama.docx.md`` makes
``library/zh/ollama.docx``. The results are committed, so that nobody needs this script to use the library; it
is here for whoever changes a text. The same sources and versions give the same bytes: dates are fixed and
fonts are chosen by name.

Needs, in an environment of its own: ``pip install typst==0.15.2 python-docx==1.2.0 markdown-it-py``,
and for the Chinese PDFs the Debian package ``fonts-noto-cjk`` (SIL Open Font License 1.1).
It knows only what the sources use: headings, paragraphs, flat lists, tables, bold and code.

    python examples/build_library.py [--fonts /usr/share/fonts/opentype/noto]
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import docx
import typst  # type: ignore[import-not-found, unused-ignore]  # lives in an environment of its own
from docx.oxml.ns import qn
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docx.text.paragraph import Paragraph
    from markdown_it.token import Token

HERE = Path(__file__).parent
DEBIAN_NOTO = Path("/usr/share/fonts/opentype/noto")
AUTHOR = "The Stillroom project"
PUBLISHED = datetime(2026, 11, 1, tzinfo=UTC)
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold

# Paragraphs are not broken across pages, so that no sentence has a page number inside it when text is
# extracted; hyphenation and ligatures are off for the same reason.
TYPST_PREAMBLE = """\
#set document(title: {title}, author: {author}, date: datetime(year: {year}, month: {month}, day: {day}))
#set page(paper: "a4", margin: (x: 2.6cm, y: 2.1cm), numbering: "1")
#set text(font: {body}, size: 11pt, lang: {language}, ligatures: false, hyphenate: false)
#set par(justify: true, leading: {leading}, spacing: {spacing})
#show par: set block(breakable: false)
#show heading: set text(font: {display}, weight: "bold", fill: rgb("#24443c"))
#show heading.where(level: 1): set text(size: 20pt)
#show heading.where(level: 1): set block(below: 1.2em)
#show heading.where(level: 2): set text(size: 13pt)
#show heading.where(level: 2): set block(above: 1.6em, below: 0.8em)
#show raw: set text(font: {mono}, size: 9.5pt)
#set table(stroke: (x, y) => (bottom: if y == 0 {{ 0.8pt }} else {{ 0.3pt + gray }}), inset: (x: 7pt, y: 4pt))
#show table.cell.where(y: 0): set text(weight: "bold")
#show table: it => align(center, block(above: 1.3em, below: 1.3em, breakable: false, it))
#show table: set par(justify: false)
"""

# Names such as DeepSeek-R1 stay on one line: a reader of the extracted text cannot tell a hyphen that belongs
# to a name from one that only divides a word at a line's end.
HYPHENATED = re.compile(r"([A-Za-z0-9.]+(?:-[A-Za-z0-9.]+)+)")
LISTS = {"bullet", "number"}  # their items stand close together
LATIN, MONO = "Libertinus Serif", "DejaVu Sans Mono"  # both come with typst
CHINESE_SERIF, CHINESE_SANS = "Noto Serif CJK SC", "Noto Sans CJK SC"


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    style: Literal["plain", "bold", "code"] = "plain"


@dataclass(frozen=True)
class Block:
    """A block of a document; ``rows`` is used by tables only, ``level`` by headings only."""

    kind: Literal["heading", "paragraph", "bullet", "number", "table"]
    runs: tuple[Run, ...] = ()
    level: int = 0
    rows: tuple[tuple[tuple[Run, ...], ...], ...] = ()


def _runs(inline: Token) -> tuple[Run, ...]:
    runs: list[Run] = []
    bold = False
    for token in inline.children or ():
        if token.type in {"strong_open", "strong_close"}:
            bold = token.type == "strong_open"
        elif token.type == "code_inline":
            runs.append(Run(token.content, "code"))
        elif token.type == "softbreak":
            runs.append(Run(" "))
        elif token.type == "text":
            runs.append(Run(token.content, "bold" if bold else "plain"))
        else:
            raise ValueError(f"the sources may not use {token.type!r}: {inline.content!r}")
    return tuple(runs)


def _table(tokens: Iterator[Token]) -> Block:
    rows: list[list[tuple[Run, ...]]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_runs(token))
    return Block("table", rows=tuple(tuple(row) for row in rows))


def read_blocks(markdown: str) -> tuple[Block, ...]:
    """Parse a source into blocks; raises ``ValueError`` where it uses markup that the writers do not know."""
    blocks: list[Block] = []
    item: Literal["paragraph", "bullet", "number"] = "paragraph"
    level = 0
    tokens = iter(MarkdownIt("commonmark").enable("table").parse(markdown))
    for token in tokens:
        match token.type:
            case "table_open":
                blocks.append(_table(tokens))
            case "bullet_list_open":
                item = "bullet"
            case "ordered_list_open":
                item = "number"
            case "bullet_list_close" | "ordered_list_close":
                item = "paragraph"
            case "heading_open":
                level = int(token.tag[1:])
            case "heading_close":
                level = 0
            case "inline":
                runs = _runs(token)
                blocks.append(Block("heading", runs, level=level) if level else Block(item, runs))
    return tuple(blocks)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typst_runs(runs: Sequence[Run]) -> str:
    """Text goes in as string literals, so that nothing in it can be read as markup."""
    wrap = {"plain": "#text({});", "bold": "#strong({});", "code": "#raw({});"}
    return "".join(
        f"#box[{wrap[run.style].format(_quoted(piece))}]"
        if index % 2
        else wrap[run.style].format(_quoted(piece))
        for run in runs
        for index, piece in enumerate(HYPHENATED.split(run.text))
        if piece
    )


def _typst_block(block: Block) -> str:
    match block.kind:
        case "heading":
            return "=" * block.level + " " + _typst_runs(block.runs)
        case "bullet":
            return "- " + _typst_runs(block.runs)
        case "number":
            return "+ " + _typst_runs(block.runs)
        case "table":
            cells = ", ".join(f"[{_typst_runs(cell)}]" for row in block.rows for cell in row)
            return f"#table(columns: {len(block.rows[0])}, {cells})"
        case "paragraph":
            return _typst_runs(block.runs)


def write_pdf(blocks: Sequence[Block], language: str, fonts: Path) -> bytes:
    """Typeset with typst; the fonts are embedded as subsets."""
    chinese = language == "zh"
    body, display = ([LATIN, CHINESE_SERIF], [CHINESE_SANS]) if chinese else ([LATIN], [LATIN])
    preamble = TYPST_PREAMBLE.format(
        title=_quoted(_title(blocks)),
        author=_quoted(AUTHOR),
        year=PUBLISHED.year,
        month=PUBLISHED.month,
        day=PUBLISHED.day,
        body="(" + ", ".join(map(_quoted, body)) + ",)",
        display="(" + ", ".join(map(_quoted, display)) + ",)",
        mono="(" + ", ".join(map(_quoted, [MONO, body[-1]])) + ",)",
        language=_quoted(language),
        leading="0.9em" if chinese else "0.66em",
        spacing="1.4em" if chinese else "1.1em",
    )
    lines = [_typst_block(block) + ("\n" if block.kind in LISTS else "\n\n") for block in blocks]
    source = preamble + "".join(lines)
    pdf: bytes = typst.compile(source.encode(), font_paths=[str(fonts)], ignore_system_fonts=True)
    return pdf


def _title(blocks: Sequence[Block]) -> str:
    return "".join(run.text for run in blocks[0].runs)


def _add_runs(paragraph: Paragraph, runs: Sequence[Run]) -> None:
    for run in runs:
        made = paragraph.add_run(run.text)
        made.bold = run.style == "bold" or None
        if run.style == "code":
            made.font.name = MONO


def write_docx(blocks: Sequence[Block], language: str) -> bytes:
    """Write Word's own heading, list and table styles."""
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = _title(blocks), AUTHOR, ""
    properties.language = language
    properties.created = properties.modified = PUBLISHED
    if language == "zh":
        fonts = document.styles["Normal"].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), CHINESE_SERIF)
    styles = {"paragraph": "Normal", "bullet": "List Bullet", "number": "List Number"}
    for block in blocks:
        if block.kind == "heading":
            _add_runs(document.add_heading(level=block.level), block.runs)
        elif block.kind == "table":
            table = document.add_table(len(block.rows), len(block.rows[0]), style="Light Grid Accent 1")
            for row, made in zip(block.rows, table.rows, strict=True):
                for cell, place in zip(row, made.cells, strict=True):
                    _add_runs(place.paragraphs[0], cell)
        else:
            _add_runs(document.add_paragraph(style=styles[block.kind]), block.runs)
    relations = document.part.package.rels
    for key in [key for key, relation in relations.items() if relation.reltype.endswith("/thumbnail")]:
        relations.pop(key)  # a picture of python-docx's own empty template
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _without_times(archive: bytes) -> bytes:
    """Pack a zip archive again with a fixed date on every entry."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def main() -> None:
    """Build every source; print what was written and its length in bytes."""
    parser = argparse.ArgumentParser(description="Build the example library's PDF and DOCX files.")
    parser.add_argument("--fonts", type=Path, default=DEBIAN_NOTO, help="folder of Noto CJK")
    fonts: Path = parser.parse_args().fonts
    for source in sorted(HERE.glob("sources/*/*.md")):
        language = source.parent.name
        target = HERE / "library" / language / source.stem
        blocks = read_blocks(source.read_text(encoding="utf-8"))
        data = write_pdf(blocks, language, fonts) if target.suffix == ".pdf" else write_docx(blocks, language)
        target.write_bytes(data)
        print(f"{target.relative_to(HERE)}: {len(data):,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
