"""Parsing: the content decides the format, places survive, and what has no text is an error with a hint."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pypdf
import pytest

from rag.parsers import parse_document
from rag.passages.chunker import join_sections
from stillroom.errors import ParseError


def text_pdf(*pages: str) -> bytes:
    """A PDF with a line of text a page, written by hand so that no other program is needed."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids: list[str] = []
    for page in pages:
        stream = f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET".encode("latin-1")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        contents = len(objects)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % contents
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


def encrypted(content: bytes) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(content))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def blank_pdf() -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def word_file() -> bytes:
    document = docx.Document()
    document.add_heading("Memory", level=1)
    document.add_paragraph("Weights come first.")
    document.add_heading("Cache", level=2)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["model", "GB", "7B", "4.2"], strict=True):
        cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def zip_of(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


def test_markdown_sections_carry_the_headings_above_them() -> None:
    parsed = parse_document(b"# A\n\none\n\n## B\n\ntwo\n\n# C\n\nthree\n", Path("notes.md"))
    assert parsed.title == "A"
    assert [section.heading for section in parsed.sections] == [("A",), ("A", "B"), ("C",)]


def test_markdown_headings_in_code_fences_are_text() -> None:
    parsed = parse_document(b"# A\n\n```sh\n# not a heading\n```\n", Path("notes.md"))
    assert [section.heading for section in parsed.sections] == [("A",)]


def test_underlined_markdown_headings_count() -> None:
    parsed = parse_document(b"Title\n=====\n\ntext\n\nPart\n----\n\nmore\n", Path("notes.md"))
    assert [section.heading for section in parsed.sections] == [("Title",), ("Title", "Part")]


def test_markdown_front_matter_names_the_document() -> None:
    parsed = parse_document(b"---\ntitle: Real name\ntags: x\n---\n\n# A\n\none\n", Path("notes.md"))
    assert parsed.title == "Real name"
    assert [section.heading for section in parsed.sections] == [(), ("A",)]


def test_html_gives_main_text_and_title_without_scripts() -> None:
    paragraph = "The cache holds keys and values of every token that was read so far. " * 5
    page = f"<html><head><title>KV cache</title><script>var x=1</script></head><body><nav>Home</nav><article><h1>KV</h1><p>{paragraph}</p></article></body></html>"  # noqa: E501
    parsed = parse_document(page.encode(), Path("page.html"))
    text = "\n".join(section.text for section in parsed.sections)
    assert (parsed.format, parsed.title) == ("html", "KV cache")
    assert "keys and values" in text
    assert "var x" not in text


def test_html_in_a_stated_encoding_is_read_in_it() -> None:
    page = '<html><head><meta charset="gbk"><title>蒸馏</title></head><body><p>知识蒸馏</p></body></html>'
    parsed = parse_document(page.encode("gbk"), Path("page.html"))
    assert parsed.title == "蒸馏"
    assert parsed.sections[0].text == "知识蒸馏"


@pytest.mark.parametrize("control", ["\x01", "&#1;", "&#x1F;", "\ufffe"])
def test_html_with_control_characters_is_read(control: str) -> None:
    page = f"<html><body><h1>One</h1><p>two{control} three</p><pre>{control}</pre></body></html>"
    parsed = parse_document(page.encode(), Path("page.html"))
    assert "three" in parsed.sections[-1].text


def test_pdf_sections_are_pages() -> None:
    parsed = parse_document(text_pdf("first page", "second page"), Path("paper.pdf"))
    assert [(section.page, section.text.strip()) for section in parsed.sections] == [
        (1, "first page"),
        (2, "second page"),
    ]


def test_only_one_number_at_a_pdf_pages_end_is_its_own() -> None:
    below = ") Tj 0 -20 Td ("
    parsed = parse_document(text_pdf(below.join(["model", "7", "14", "3"])), Path("table.pdf"))
    assert parsed.sections[0].text.split() == ["model", "7", "14"]


def test_docx_headings_become_sections_and_tables_rows() -> None:
    parsed = parse_document(word_file(), Path("report.docx"))
    assert [section.heading for section in parsed.sections] == [("Memory",), ("Memory", "Cache")]
    assert "| 7B | 4.2 |" in parsed.sections[1].text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "big5"])
def test_chinese_text_is_decoded_whatever_its_encoding(encoding: str) -> None:
    text = "這是中文文本，大小不同。" if encoding == "big5" else "这是一段中文文本，大小不同。"
    parsed = parse_document(text.encode(encoding), Path("notes.txt"))
    assert parsed.sections[0].text == text


def test_the_content_decides_and_not_the_name() -> None:
    assert parse_document(text_pdf("words"), Path("wrong.txt")).format == "pdf"
    assert parse_document(b"<html><body>not a pdf</body></html>", Path("wrong.pdf")).format == "html"


def test_nul_bytes_and_control_characters_do_not_reach_the_text() -> None:
    parsed = parse_document("a\0b\x07c".encode("utf-16"), Path("notes.txt"))
    assert parsed.sections[0].text == "abc"


def test_plain_text_keeps_its_lines() -> None:
    assert parse_document(b"\n\none\r\ntwo  \n", Path("n.txt")).sections[0].text == "\n\none\ntwo\n"


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("a.txt", b"", "is empty (0 bytes)", "remove"),
        ("a.txt", b" \n\t", "has no text", "program"),
        ("a.pdf", blank_pdf(), "no text layer on any of its 1 pages", "program"),
        ("a.pdf", encrypted(text_pdf("x")), "is encrypted", "--password"),
        ("a.pdf", b"%PDF-1.7 cut off", "is damaged", "qpdf"),
        ("a.docx", word_file()[:500], "is damaged", "again"),
        ("a.key", zip_of("Index/Document.iwa"), "iWork", "PDF"),
        ("a.zip", zip_of("x"), "an archive", "members"),
        ("a.doc", b"\xd0\xcf\x11\xe0rest", "is damaged: its OLE directory", "again"),
        ("a.bin", b"\x01\0\x02\0", "binary", "file a.bin"),
        ("a.so", b"\x7fELF\0" + b"words " * 999, "a program", "leave it out"),
        ("a.ps", b"%!PS-Adobe-3.0\nshow", "PostScript", "ps2pdf"),
        ("a.rar", b"Rar!\x1a\x07\0", "a RAR archive", "unrar x a.rar"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive", "7z x a.7z"),
        ("a.mobi", b"x" * 60 + b"BOOKMOBI\0\0", "a Kindle book", "ebook-convert"),
        ("a.pb", (64).to_bytes(4, "little") * 40 + b"\xff\xff\0\0" * 4, "binary", "file"),
        ("a.dat", b"\x01\x02\0\xff" * 20, "binary", "file"),
        ("a.bin", b"\x7fELF\0\0", "a program", "leave it out"),
    ],
)
def test_a_file_without_text_is_an_error_with_a_hint(
    name: str, content: bytes, message: str, hint: str
) -> None:
    with pytest.raises(ParseError) as caught:
        parse_document(content, Path(name))
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "# A\none\n## B\ntwo\n# C\nthree\n",
        "---\ntitle: x\n---\n# A\n\none\n",
        "\n\n# A\n\none\n\n\n\n# B\n\ntwo\n\n",
        "one\n\nTitle\n=====\ntwo",
    ],
)
def test_markdown_is_stored_line_for_line(text: str) -> None:
    stored, _ = join_sections(parse_document(text.encode(), Path("notes.md")).sections)
    assert stored == text


def test_a_form_feed_moves_no_line() -> None:
    parsed = parse_document(b"one\n\ftwo\fthree\n\f\nfour", Path("rfc.txt"))
    assert parsed.sections[0].text == "one\n two three\n\nfour"


@pytest.mark.parametrize("encoding", ["undefined", "utf-16", "unicode", "no-such-encoding"])
def test_html_that_states_an_impossible_encoding_is_read_all_the_same(encoding: str) -> None:
    page = f'<html><head><meta charset="{encoding}"></head><body><p>naïve words</p></body></html>'
    assert parse_document(page.encode(), Path("page.html")).sections[0].text == "naïve words"
