"""Word files: what a reader sees in them, numbers included, and what happens to damaged ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pytest

from rag.parsers import parse_document
from rag.parsers.docx_numbering import formatted
from stillroom.errors import ParseError

FIXTURES = Path(__file__).parent / "fixtures"

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word_file(body: str, **parts: str) -> bytes:
    """A Word file of hand-written XML: the body, and parts such as ``footnotes``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f"<w:document {_W}><w:body>{body}</w:body></w:document>")
        for name, inner in parts.items():
            archive.writestr(f"word/{name}.xml", f"<w:{name} {_W}>{inner}</w:{name}>")
    return out.getvalue()


def text_of(content: bytes) -> str:
    parsed = parse_document(content, Path("a.docx"))
    return "\n\n".join(section.text for section in parsed.sections)


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def test_headings_carry_the_numbers_that_word_writes_before_them() -> None:
    content = (FIXTURES / "docx_numbered_headers.docx").read_bytes()
    headings = [section.heading for section in parse_document(content, Path("a.docx")).sections]

    assert ("Test Document", "1. Section 1", "1.2. Section 1.2", "1.2.1. Section 1.2.3") in headings
    assert ("Test Document", "2. Section 2") in headings


def test_lists_are_blocks_of_lines_with_their_numbers() -> None:
    text = text_of((FIXTURES / "docx_numbered_headers.docx").read_bytes())

    assert "\n      2.3.8.1. First sub-item at this level\n      2.3.8.2. Second" in text


def test_rich_cells_and_tables_in_cells_stay_in_their_rows() -> None:
    text = text_of((FIXTURES / "docx_rich_table_cells.docx").read_bytes())

    assert (
        "Third paragraph before a numbered list 1. Number one 2. Number two 3. Number three | This is" in text
    )
    assert (
        "| A; B; C Cell 1; Cell 2; Cell 3 | Rich cell A nested table A; B; C Cell 1; Cell 2; Cell 3 |" in text
    )


def test_a_pictures_description_is_kept_and_the_picture_is_noted() -> None:
    content = (FIXTURES / "docx_rich_table_cells.docx").read_bytes()
    parsed = parse_document(content, Path("a.docx"))

    assert any("[picture: Owner avatar]" in section.text for section in parsed.sections)
    assert parsed.notes == ("pictures not read: 2",)


def test_a_cell_over_two_rows_labels_both_and_one_over_two_columns_stands_once() -> None:
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row, cells in enumerate([["model", "memory", ""], ["7B", "4-bit", "5"], ["", "8-bit", "9"]]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    out = io.BytesIO()
    document.save(out)

    assert text_of(out.getvalue()).splitlines() == [
        "| model | memory |  |",
        "| --- | --- | --- |",
        "| 7B | 4-bit | 5 |",
        "| 7B | 8-bit | 9 |",
    ]


def test_insertions_are_read_and_deletions_are_not() -> None:
    body = (
        "<w:p><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>and added</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>and gone</w:delText></w:r></w:del></w:p>"
    )
    assert text_of(word_file(body)) == "Kept and added"


def test_a_footnote_stands_behind_its_paragraph() -> None:
    claim = '<w:p><w:r><w:t>Claim.</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    notes = f'<w:footnote w:id="2">{paragraph("The source.")}</w:footnote>'

    assert (
        text_of(word_file(claim + paragraph("Next."), footnotes=notes))
        == "Claim.\n\nFootnote: The source.\n\nNext."
    )


def test_text_boxes_links_and_content_controls_are_read_once() -> None:
    box = f"<w:drawing><w:txbxContent>{paragraph('In the box')}</w:txbxContent></w:drawing>"
    body = (
        f"<w:sdt><w:sdtContent>{paragraph('Controlled')}</w:sdtContent></w:sdt>"
        "<w:p><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink><w:r>"
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert text_of(word_file(body)) == "Controlled\n\na link\n\nIn the box"


def test_chinese_heading_styles_are_headings() -> None:
    styles = '<w:style w:styleId="2"><w:name w:val="标题 2"/></w:style>'
    body = paragraph("量化", '<w:pPr><w:pStyle w:val="2"/></w:pPr>') + paragraph("四比特。")
    parsed = parse_document(word_file(body, styles=styles), Path("a.docx"))

    assert parsed.sections[0].heading == ("量化",)


@pytest.mark.parametrize(
    ("number", "kind", "written"),
    [
        (3, "decimal", "3"),
        (4, "lowerLetter", "d"),
        (28, "upperLetter", "BB"),
        (1994, "upperRoman", "MCMXCIV"),
        (12, "chineseCountingThousand", "十二"),
        (205, "chineseCounting", "二百零五"),
        (3, "decimalEnclosedCircle", "③"),
        (7, "decimalZero", "07"),
    ],
)
def test_numbers_are_written_in_words_formats(number: int, kind: str, written: str) -> None:
    assert formatted(number, kind) == written


def test_what_the_file_says_of_itself_is_kept() -> None:
    document = docx.Document()
    document.add_paragraph("words")
    document.core_properties.title = "On words"
    document.core_properties.author = "A. Writer"
    document.core_properties.keywords = "a, b"
    out = io.BytesIO()
    document.save(out)
    parsed = parse_document(out.getvalue(), Path("a.docx"))

    assert parsed.title == "On words"
    assert {"author": "A. Writer", "keywords": "a, b"}.items() <= parsed.metadata.items()
    assert parsed.metadata["created"].startswith("20")


@pytest.mark.parametrize("lost", ["word/styles.xml", "[Content_Types].xml"])
def test_a_word_file_with_a_broken_part_beside_the_text_is_read(lost: str) -> None:
    assert "Memory of words" in text_of(with_part(lost, "<nothing"))


@pytest.mark.parametrize("content", ["<nothing/>", "<w:document", ""])
def test_a_word_file_whose_text_is_broken_is_damaged_and_no_accident(content: str) -> None:
    with pytest.raises(ParseError, match="is damaged"):
        text_of(with_part("word/document.xml", content))


def test_entities_are_not_resolved() -> None:
    bomb = (
        '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
        f"<w:document {_W}><w:body>{paragraph('x &b; &f; y')}</w:body></w:document>"
    )
    assert text_of(with_part("word/document.xml", bomb)) in {"x", "x y"}


def test_a_word_file_that_would_unpack_to_gigabytes_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<nothing/>")
        for number in range(6):
            archive.writestr(f"word/media/{number}.bin", bytes(100 * 1024**2))
    with pytest.raises(ParseError, match="unpacks to 629,145,610 bytes"):
        parse_document(out.getvalue(), Path("bomb.docx"))


def test_tables_within_tables_without_end_are_no_accident() -> None:
    body = paragraph("outside")
    for _ in range(60):
        body = f"<w:tbl><w:tr><w:tc>{body}</w:tc><w:tc>{paragraph('beside')}</w:tc></w:tr></w:tbl>"
    assert "beside" in text_of(word_file(body))


def with_part(name: str, content: str) -> bytes:
    """A Word file with one part replaced."""
    document = docx.Document()
    document.add_paragraph("Memory of words")
    whole = io.BytesIO()
    document.save(whole)
    out = io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(out, "w") as changed:
        for part in source.namelist():
            changed.writestr(part, content if part == name else source.read(part))
    return out.getvalue()


def test_an_encrypted_office_file_says_so_and_how_to_open_it() -> None:
    content = (FIXTURES / "docx_encrypted_pw_secret.docx").read_bytes()
    with pytest.raises(ParseError, match="encrypted with a password") as caught:
        parse_document(content, Path("secret.docx"))

    assert "msoffcrypto-tool -p PASSWORD secret.docx" in caught.value.hint
