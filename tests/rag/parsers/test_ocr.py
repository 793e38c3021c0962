"""Pictures of text: read by Tesseract where it is installed, a loud error with the command where it is not.

The real program is called where it is, and its words are asserted; without it the same files are asserted to
end in the error. What Tesseract once said is told again by a script of a few lines, so that the reading of
its answer is tested everywhere.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from rag.parsers import parse_document
from rag.parsers.options import ParseOptions
from stillroom.errors import ParseError

FIXTURES = Path(__file__).parent / "fixtures"
INSTALL = "apt-get install tesseract-ocr tesseract-ocr-chi-sim"


def installed_languages() -> set[str]:
    """Of the Tesseract on this machine; none where there is no Tesseract."""
    if shutil.which("tesseract") is None:
        return set()
    answer = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True)  # noqa: S607
    return set(answer.stdout.split())


def read(name: str, options: ParseOptions | None = None) -> str:
    parsed = parse_document((FIXTURES / name).read_bytes(), Path(name), options or ParseOptions())
    assert any("OCR" in note for note in parsed.notes)
    return "\n".join(section.text for section in parsed.sections)


def assert_not_installed(name: str) -> None:
    with pytest.raises(ParseError, match="Tesseract") as caught:
        read(name)
    assert "apt-get install tesseract-ocr" in caught.value.hint


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def recorded_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program that answers as Tesseract 5.3 did; it writes down what it was asked."""
    script = tmp_path / "tesseract"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/asked\n'
        'case "$*" in\n'
        "  --list-langs) echo 'List of available languages (3):'; echo chi_sim; echo eng; echo osd;;\n"
        "  *'--psm 0'*) cat > /dev/null; echo 'Rotate: 90';;\n"
        f"  *) cat > /dev/null; cat {FIXTURES}/tesseract_chinese.tsv;;\n"
        "esac\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path / "asked"


def scan_beside_text() -> bytes:
    """A PDF of two pages: one of text, one that is a picture."""
    picture = io.BytesIO()
    with Image.open(FIXTURES / "picture_chinese.png") as page:
        page.convert("L").save(picture, format="PDF", resolution=200)
    writer = pypdf.PdfWriter(clone_from=str(FIXTURES / "pdf_corrupt_xref.pdf"))
    writer.append(io.BytesIO(picture.getvalue()))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_scan_on_its_side_is_read_by_the_tesseract_of_this_machine() -> None:
    if "eng" in installed_languages():
        assert "document conversion to JSON and Markdown" in read("pdf_scanned_rotated90.pdf")
    else:
        assert_not_installed("pdf_scanned_rotated90.pdf")


def test_a_chinese_picture_is_read_without_blanks_by_the_tesseract_of_this_machine() -> None:
    languages = installed_languages()
    if "chi_sim" in languages:
        assert "决定了模型占多少内存" in read("picture_chinese.png")
    elif "eng" in languages:
        parsed = parse_document((FIXTURES / "picture_chinese.png").read_bytes(), Path("a.png"))
        assert parsed.notes == ("read by OCR (Tesseract, eng)",)
    else:
        assert_not_installed("picture_chinese.png")


def test_what_tesseract_says_of_a_chinese_picture_becomes_sentences_without_blanks(
    recorded_tesseract: Path,
) -> None:
    text = read("picture_chinese.png")

    assert "每个数字用几个比特来存，决定了模型占多少内存、跑得多快，也影响它答得多好。" in text
    assert "-l chi_sim+eng" in recorded_tesseract.read_text(encoding="utf-8")


def test_languages_that_are_not_installed_are_left_out(recorded_tesseract: Path) -> None:
    read("picture_chinese.png", ParseOptions(ocr_languages="jpn+eng"))

    assert "-l eng --dpi" in recorded_tesseract.read_text(encoding="utf-8")


@pytest.mark.usefixtures("recorded_tesseract")
def test_without_any_of_the_languages_the_error_names_their_packages() -> None:
    with pytest.raises(ParseError, match="none of the languages jpn, deu") as caught:
        read("picture_chinese.png", ParseOptions(ocr_languages="jpn+deu"))

    assert caught.value.hint == "apt-get install tesseract-ocr-jpn tesseract-ocr-deu"


@pytest.mark.usefixtures("no_tesseract")
@pytest.mark.parametrize("name", ["pdf_scanned_rotated90.pdf", "picture_chinese.png"])
def test_without_tesseract_a_picture_is_an_error_that_names_the_command(name: str) -> None:
    with pytest.raises(
        ParseError, match="Tesseract, which reads pictures of text, is not installed"
    ) as caught:
        read(name)

    assert INSTALL in caught.value.hint


def test_where_ocr_is_switched_off_a_scan_is_an_error() -> None:
    with pytest.raises(ParseError, match="no text layer on any of its 1 pages, and OCR is switched off"):
        read("pdf_scanned_rotated90.pdf", ParseOptions(ocr=False))


@pytest.mark.usefixtures("no_tesseract")
def test_a_document_with_some_scanned_pages_keeps_the_others_and_notes_the_loss() -> None:
    parsed = parse_document(scan_beside_text(), Path("mixed.pdf"))

    assert [section.page for section in parsed.sections] == [1]
    assert parsed.notes == (
        "page 2 not read: without text, and Tesseract, which reads pictures of text, is not installed",
    )


@pytest.mark.usefixtures("recorded_tesseract")
def test_a_scanned_page_beside_pages_of_text_is_read_and_noted() -> None:
    parsed = parse_document(scan_beside_text(), Path("mixed.pdf"))

    assert [section.page for section in parsed.sections] == [1, 2]
    assert parsed.notes == ("page 2 read by OCR (Tesseract, chi_sim+eng)",)


@pytest.mark.usefixtures("recorded_tesseract")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_pictures_of_every_usual_kind_are_read(kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(out, format=kind)
    parsed = parse_document(out.getvalue(), Path("picture"))

    assert parsed.format == "image"
    assert "几种浮点格式" in parsed.sections[0].text


@pytest.mark.usefixtures("recorded_tesseract")
def test_the_pictures_of_a_tiff_are_its_pages() -> None:
    out = io.BytesIO()
    pages = [Image.new("L", (60, 40), 255) for _ in range(3)]
    pages[0].save(out, format="TIFF", save_all=True, append_images=pages[1:])
    parsed = parse_document(out.getvalue(), Path("fax.tiff"))

    assert [section.page for section in parsed.sections] == [1, 2, 3]


def test_a_damaged_picture_is_an_error() -> None:
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(b"\x89PNG\r\n\x1a\nand no more", Path("a.png"))


def page_of_private_letters() -> bytes:
    """A PDF whose font maps its letters to characters that mean nothing outside of it."""
    names = pypdf.generic.NameObject
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(300, 300)
    mapping, content = pypdf.generic.StreamObject(), pypdf.generic.StreamObject()
    mapping.set_data(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <41> <5a> <e041> endbfrange\n"
        b"endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    content.set_data(b"BT /F1 12 Tf 20 200 Td (ABCDEFGHIJKLMNOPQRSTUVWXYZ) Tj ET")
    font = pypdf.generic.DictionaryObject(
        {
            names("/Type"): names("/Font"),
            names("/Subtype"): names("/Type1"),
            names("/BaseFont"): names("/Courier"),
        }
    )
    font[names("/ToUnicode")] = writer._add_object(mapping)
    fonts = pypdf.generic.DictionaryObject({names("/F1"): font})
    page[names("/Contents")] = writer._add_object(content)
    page[names("/Resources")] = pypdf.generic.DictionaryObject({names("/Font"): fonts})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.usefixtures("recorded_tesseract")
def test_letters_that_mean_nothing_are_read_from_the_picture_of_the_page() -> None:
    parsed = parse_document(page_of_private_letters(), Path("a.pdf"))

    assert "几种浮点格式" in parsed.sections[0].text
    assert "\ue041" not in parsed.sections[0].text


@pytest.mark.usefixtures("no_tesseract")
def test_letters_that_mean_nothing_are_no_text() -> None:
    with pytest.raises(ParseError, match="no text layer on any of its 1 pages, and Tesseract"):
        parse_document(page_of_private_letters(), Path("a.pdf"))
