"""OpenDocument texts, sheets and slides."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from rag.document import ParsedDocument

FIXTURES = Path(__file__).parent / "fixtures"

_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "draw", "presentation", "style", "svg-compatible")
).replace("svg-compatible", "svg")


def parsed(body: str, *, styles: str = "", manifest: str = "<manifest/>") -> ParsedDocument:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f"<office:document-content {_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body>{body}</office:body></office:document-content>",
        )
    return parse_document(out.getvalue(), Path("a.odt"))


def test_a_text_has_headings_lists_tables_and_metadata() -> None:
    document = parse_document((FIXTURES / "doc.odt").read_bytes(), Path("doc.odt"))
    text = "\n".join(section.text for section in document.sections)

    assert document.sections[1].heading == ("Table with nested table",)
    assert "Third paragraph before a numbered list 1. Number one 2. Number two 3. Number three |" in text
    assert "| A; B; C Cell 1; Cell 2; Cell 3 | Rich cell A nested table A; B; C" in text
    assert document.metadata == {"author": "Cesar Berrospi Ramis", "created": "2026-06-08T10:53:00Z"}
    assert document.notes == ("pictures not read: 2",)


def test_notes_spaces_and_spans_are_read_and_deletions_and_comments_are_not() -> None:
    document = parsed(
        "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        '<text:h text:outline-level="2">Head</text:h>'
        '<text:p>One<text:s text:c="3"/><text:span>two</text:span><office:annotation><text:p>remark</text:p>'
        '</office:annotation><text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>Source.</text:p></text:note-body></text:note> three.</text:p></office:text>"
    )
    assert document.sections[0].text == "Head\n\nOne two three.\n\nFootnote: Source."
    assert document.sections[0].heading == ("Head",)


def test_numbered_lists_have_their_numbers() -> None:
    item = "<text:list-item><text:p>{}</text:p></text:list-item>"
    document = parsed(
        f'<office:text><text:list text:style-name="L1">{item.format("one")}{item.format("two")}</text:list>'
        "</office:text>",
        styles='<text:list-style style:name="L1"><text:list-level-style-number text:level="1" '
        'style:num-format="a"/></text:list-style>',
    )
    assert document.sections[0].text == "a. one\nb. two"


def test_sheets_are_tables_as_they_are_shown() -> None:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    blank = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>'
    rows = "".join(
        f"<table:table-row>{''.join(cell.format(text) for text in row)}</table:table-row>"
        for row in (("型号", "折扣"), ("A100", "12.5%"))
    )
    document = parsed(
        '<office:spreadsheet><table:table table:name="价格"><table:table-row><table:table-cell/>'
        f"</table:table-row>{rows}{blank}</table:table>"
        '<table:table table:name="Secret" table:style-name="ta2"><table:table-row>'
        f"{cell.format('hidden words')}</table:table-row></table:table></office:spreadsheet>",
        styles='<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>',
    )
    table = document.sections[0]
    assert (table.place, table.row, table.header) == ("sheet 价格", 3, "| 型号 | 折扣 |")
    assert table.text == "| A100 | 12.5% |"
    assert document.notes == ("hidden sheets, read like the others: Secret",)


def test_slides_have_titles_places_and_notes() -> None:
    frame = '<draw:frame svg:y="{}cm" svg:x="1cm" presentation:class="{}"><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>'  # noqa: E501
    document = parsed(
        f"<office:presentation><draw:page>{frame.format(9, 'outline', 'below')}"
        f"{frame.format(5, 'outline', 'above')}"
        f"{frame.format(1, 'title', 'Distillation')}<presentation:notes>{frame.format(1, 'notes', 'Say it.')}"
        "</presentation:notes></draw:page></office:presentation>"
    )
    assert [(section.place, section.heading, section.text) for section in document.sections] == [
        ("slide 1", ("Distillation",), "Distillation\n\nabove\n\nbelow"),
        ("slide 1, notes", ("Distillation",), "Say it."),
    ]


def test_an_encrypted_file_says_so() -> None:
    with pytest.raises(ParseError, match="is encrypted"):
        parsed("", manifest="<manifest><encryption-data/></manifest>")


def test_a_file_without_a_body_is_damaged() -> None:
    with pytest.raises(ParseError, match="is damaged"):
        parsed("")
