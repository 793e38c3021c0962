"""EPUB: the chapters in the order of the book's spine, each a section a heading, placed ``chapter N``.

A chapter without a heading of its own has the one that the table of contents gives it. Books under a copy
protection are an error; fonts alone may be scrambled.
"""

from __future__ import annotations

import io
import posixpath
import struct
import urllib.parse
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final, cast

from rag.document import ParsedDocument, Section
from rag.parsers.html import decode_page, page_tree
from rag.parsers.html_blocks import blocks, plain_text
from rag.parsers.outline import Outline, sections_by_heading
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

    from lxml.etree import _Element

    from rag.parsers.options import ParseOptions

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Two ways to scramble embedded fonts, which hide no text (EPUB 3.3, section 4.4; Adobe's older one).
_FONT_SCRAMBLING: Final = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_MAX_UNPACKED_BYTES = 256 * 1024**2
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)

_METADATA: Final = {
    "creator": "author",
    "date": "date",
    "subject": "tags",
    "language": "language",
    "publisher": "publisher",
    "description": "description",
}


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The book's chapters.

    Raises:
        ParseError: it is damaged, protected, or unpacks to more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            book = _Book(archive, path)
            return book.document()
    except _DAMAGE as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint="open it in Calibre and convert it to EPUB again",
        ) from error


class _Book:
    """An open EPUB."""

    def __init__(self, archive: zipfile.ZipFile, path: PurePath) -> None:
        self._archive = archive
        self._path = path
        self._unpacked_bytes = 0
        self._refuse_protected()
        package_name = _first(self._xml(_CONTAINER), "//*[local-name()='rootfile']/@full-path")
        self._folder = posixpath.dirname(package_name)
        self._package = self._xml(package_name)

    def document(self) -> ParsedDocument:
        """All chapters of the spine."""
        outline_titles = self._contents()
        sections: list[Section] = []
        missing = 0
        for number, name in enumerate(self._spine(), start=1):
            if name not in self._archive.NameToInfo:
                missing += 1
                continue
            sections.extend(self._chapter(name, f"chapter {number}", outline_titles.get(name, "")))
        metadata = self._metadata()
        title = metadata.pop("title", "")
        notes = (f"{missing} chapters are named and not there",) if missing else ()
        return ParsedDocument(title, "epub", tuple(sections), metadata, notes)

    def _chapter(self, name: str, place: str, title: str) -> Iterator[Section]:
        source = decode_page(self._read(name), self._path).text
        page, _ = page_tree(source, self._path)
        outline = Outline()
        body = page.find("body")
        found = list(blocks(page if body is None else body))
        if title and not any(level for level, _ in found):
            outline.enter(1, title)
        yield from sections_by_heading(found, outline, place)

    def _spine(self) -> list[str]:
        """The names of the chapters' files, in reading order."""
        items = {
            item.get("id"): item
            for item in _all(self._package, "//*[local-name()='manifest']/*[local-name()='item']")
        }
        names = []
        for reference in _all(self._package, "//*[local-name()='itemref']/@idref"):
            item = items.get(reference)
            # The contents are a list of the headings, which are there anyway.
            if item is not None and "nav" not in (item.get("properties") or "").split():
                names.append(self._name(item.get("href") or ""))
        return names

    def _contents(self) -> Mapping[str, str]:
        """What the table of contents calls each file: EPUB 2's ``toc.ncx`` or EPUB 3's ``nav``."""
        titles: dict[str, str] = {}
        for item in _all(self._package, "//*[local-name()='manifest']/*[local-name()='item']"):
            name = self._name(item.get("href") or "")
            is_ncx = item.get("media-type") == "application/x-dtbncx+xml"
            is_nav = "nav" in (item.get("properties") or "").split()
            if not (is_ncx or is_nav) or name not in self._archive.NameToInfo:
                continue
            folder = posixpath.dirname(name)
            if is_ncx:
                for point in _all(self._xml(name), "//*[local-name()='navPoint']"):
                    label = " ".join("".join(_all(point, "./*[local-name()='navLabel']//text()")).split())
                    target = _first(point, "./*[local-name()='content']/@src")
                    titles.setdefault(_resolved(folder, target), label)
                continue
            page, _ = page_tree(decode_page(self._read(name), self._path).text, self._path)
            for link in page.iter("a"):
                titles.setdefault(_resolved(folder, link.get("href") or ""), plain_text(link))
        return titles

    def _metadata(self) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for element in _all(self._package, "//*[local-name()='metadata']/*"):
            name = str(element.tag).rpartition("}")[2]
            value = " ".join("".join(element.itertext()).split())
            key = "title" if name == "title" else _METADATA.get(name)
            if key and value and value not in found.setdefault(key, []):
                found[key].append(value)
        return {key: values[0] if key == "title" else ", ".join(values) for key, values in found.items()}

    def _refuse_protected(self) -> None:
        if _ENCRYPTION not in self._archive.NameToInfo:
            return
        ways = _all(self._xml(_ENCRYPTION), "//*[local-name()='EncryptionMethod']/@Algorithm")
        if not set(ways) <= _FONT_SCRAMBLING:
            raise ParseError(
                f"{self._path} is protected against copying (DRM): its chapters are encrypted",
                hint="ingest another edition; a protected one opens only in its shop's own reader",
            )

    def _name(self, href: str) -> str:
        return _resolved(self._folder, href)

    def _xml(self, name: str) -> _Element:
        import lxml.etree

        parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
        try:
            root = lxml.etree.fromstring(self._read(name), parser)
        except lxml.etree.LxmlError as error:
            raise ValueError(f"{name} is no XML: {error}") from error
        if root is None:
            raise ValueError(f"{name} is no XML")
        return root

    def _read(self, name: str) -> bytes:
        with self._archive.open(name) as stream:
            content = stream.read(_MAX_UNPACKED_BYTES - self._unpacked_bytes + 1)
        self._unpacked_bytes += len(content)
        if self._unpacked_bytes > _MAX_UNPACKED_BYTES:
            raise ParseError(
                f"{self._path} unpacks to more than {_MAX_UNPACKED_BYTES:,} bytes",
                hint="take the pictures out, or split it",
            )
        return content


def _resolved(folder: str, href: str) -> str:
    """A link's file, from the archive's top."""
    return posixpath.normpath(posixpath.join(folder, urllib.parse.unquote(href.partition("#")[0])))


def _first(element: _Element, xpath: str) -> str:
    found = _all(element, xpath)
    if not found:
        raise ValueError(f"nothing at {xpath}")
    return str(found[0])


def _all(element: _Element, xpath: str) -> list[Any]:
    """What an XPath finds: elements, or the texts of attributes."""
    return cast("list[Any]", element.xpath(xpath))
