"""EPUB: chapters in the spine's order under their titles; what is protected or damaged is an error."""

from __future__ import annotations

import io
import socket
import zipfile
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINER = '<c><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></c>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Still Room</dc:title>
<dc:creator>Ada</dc:creator><dc:creator>Alan</dc:creator><dc:date>2026-03-01</dc:date></metadata>
<manifest><item id="b" href="two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/>
<itemref idref="a"/><itemref idref="b"/><itemref idref="gone"/></spine></package>"""
NAV = '<html><nav><a href="one.xhtml">1</a><a href="two%20b.xhtml#x">第二章</a></nav></html>'
ONE = "<html><body><h1>Of roses</h1><p>Distil them.</p><h2>White</h2><p>Twice.</p></body></html>"
TWO = "<html><p>蒸馏玫瑰。</p><table><tr><td>a</td><td>b</td></tr></table></html>"


def book(**changed: str) -> bytes:
    files: Mapping[str, str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": PACKAGE,
        "OEBPS/nav.xhtml": NAV,
        "OEBPS/two b.xhtml": TWO,
        "OEBPS/one.xhtml": ONE,
        **changed,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def test_chapters_stand_in_the_spines_order_under_their_titles() -> None:
    document = parse_document(book(), PurePath("b.epub"))
    assert (document.format, document.title) == ("epub", "The Still Room")
    assert document.metadata == {"author": "Ada, Alan", "date": "2026-03-01"}
    assert [(section.place, section.heading, section.text) for section in document.sections] == [
        ("chapter 1", ("Of roses",), "# Of roses\n\nDistil them."),
        ("chapter 1", ("Of roses", "White"), "## White\n\nTwice."),
        ("chapter 2", ("第二章",), "蒸馏玫瑰。\n\n| a | b |"),
    ]


def encryption(algorithm: str) -> str:
    return (
        f'<encryption><EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData></encryption>'
    )


def test_a_protected_book_is_an_error_and_one_with_scrambled_fonts_is_none() -> None:
    protected = {"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    with pytest.raises(ParseError, match="protected against copying"):
        parse_document(book(**protected), PurePath("b.epub"))
    fonts = {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert len(parse_document(book(**fonts), PurePath("b.epub")).sections) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"META-INF/container.xml": "<container/>"},
        {"META-INF/container.xml": CONTAINER.replace("book.opf", "none.opf")},
        {"OEBPS/book.opf": ""},
        {"OEBPS/book.opf": "no package at all"},
    ],
)
def test_a_book_without_its_package_is_damaged(changed: dict[str, str]) -> None:
    with pytest.raises(ParseError, match=r"damaged|no text"):
        parse_document(book(**changed), PurePath("b.epub"))


def test_an_entity_in_a_package_reads_no_file() -> None:
    package = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + PACKAGE.replace("Ada", "&x;")
    document = parse_document(book(**{"OEBPS/book.opf": package}), PurePath("b.epub"))
    assert document.metadata["author"].endswith("Alan")
    assert socket.gethostname() not in document.metadata["author"]
