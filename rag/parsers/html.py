"""HTML: the page's main text as a reader sees it, a section a heading, tables as rows, code in fences.

Scripts never run and nothing is fetched. Which part is the main text is `rag.parsers.html_page`'s to say,
what stands in it `rag.parsers.html_blocks`'s.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import DecodedText, decode_text, is_utf8
from rag.parsers.html_blocks import blocks, plain_text
from rag.parsers.html_page import main_part
from rag.parsers.outline import Outline, sections_by_heading
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from lxml.html import HtmlElement

    from rag.parsers.options import ParseOptions

# An encoding stated in the first bytes, as browsers look for it, or in an XML declaration.
_STATED_ENCODING: Final = re.compile(
    rb"(?:<meta[^>]+charset\s*=\s*[\"']?\s*|^\s*<\?xml[^>]+encoding\s*=\s*[\"'])([\w-]+)", re.IGNORECASE
)
_HEAD_BYTES = 4096
# The statement itself was read as ASCII, so the page is in none of these whatever it states.
_NOT_ASCII_LIKE: Final = re.compile(rb"utf-?(?:16|32)|unicode$", re.IGNORECASE)
# Names by which pages state less than they use; browsers read them as these (WHATWG Encoding Standard).
_WIDER: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
}

# What XML cannot hold: lxml refuses a text with any of these.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROL_REFERENCE: Final = re.compile(r"&#(?:x0*(?:1?[0-9a-f])|0*(?:[12]?\d|3[01]));", re.IGNORECASE)

_SCRIPT: Final = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")

# Where pages say who wrote them, when, and about what.
_META: Final = {
    "author": "author",
    "article:author": "author",
    "dc.creator": "author",
    "date": "date",
    "dc.date": "date",
    "article:published_time": "date",
    "datepublished": "date",
    "pubdate": "date",
    "article:modified_time": "modified",
    "description": "description",
    "og:description": "description",
    "keywords": "tags",
    "article:tag": "tags",
}


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The main text's sections by heading.

    Raises:
        ParseError: the bytes are no HTML, or their encoding is not recognized.
    """
    decoded = decode_page(content, path)
    source = _CONTROL_REFERENCE.sub(" ", _NOT_XML.sub("", decoded.text))
    page, complete = page_tree(source, path)
    title, metadata = _title(page), _metadata(page)
    if complete:
        sections = tuple(sections_by_heading(blocks(main_part(page, source)), Outline()))
    else:
        sections = (Section(_without_tags(source)),)
    return ParsedDocument(
        title=title or path.stem,
        format="html",
        sections=sections,
        metadata=metadata,
        notes=(*decoded.notes, *(() if complete else ("nested too deeply: read without its structure",))),
    )


def decode_page(content: bytes, path: PurePath, stated: str = "") -> DecodedText:
    """The text of a page, in the encoding that it states where that is true.

    Args:
        content: the page's bytes.
        path: as errors name it.
        stated: what a mail's header says of it; a page's own statement comes after it.

    Raises:
        ParseError: the encoding is not recognized.
    """
    in_page = _STATED_ENCODING.search(content[:_HEAD_BYTES])
    if not stated and in_page and not _NOT_ASCII_LIKE.match(in_page.group(1)):
        stated = in_page.group(1).decode("ascii")
    # Of a page in UTF-8 that states another encoding the bytes are right.
    if stated and not is_utf8(content):
        encoding = _WIDER.get(stated.lower(), stated)
        try:
            return DecodedText(content.decode(encoding), encoding)
        except (LookupError, UnicodeError):
            # A page that states the wrong encoding, or "undefined" as scripts do, is read as one that
            # states none.
            pass
    return decode_text(content, path)


def page_tree(source: str, path: PurePath) -> tuple[HtmlElement, bool]:
    """The elements of a page, and whether they are all: libxml2 stops at 256 within each other.

    Raises:
        ParseError: there are none.
    """
    import lxml.etree
    import lxml.html

    parser = lxml.html.HTMLParser(encoding="utf-8")
    # lxml refuses text that carries an encoding declaration, and bytes without one it guesses.
    try:
        page = lxml.html.document_fromstring(
            _NOT_XML.sub("", source).encode("utf-8", "replace"), parser=parser
        )
    # lxml asserts that it was given an element where a page holds comments only.
    except (lxml.etree.LxmlError, AssertionError) as error:
        raise ParseError(f"{path} holds no HTML ({error})", hint="open it in a browser") from error
    return page, not any("depth" in entry.message for entry in parser.error_log)


def _without_tags(source: str) -> str:
    lines = _TAG.sub("\n", _SCRIPT.sub("", source)).split("\n")
    return "\n".join(filter(None, (" ".join(html.unescape(line).split()) for line in lines)))


def _title(page: HtmlElement) -> str:
    if title := " ".join((page.findtext(".//title") or "").split()):
        return title
    heading = page.find(".//h1")
    return "" if heading is None else plain_text(heading)


def _metadata(page: HtmlElement) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for element in page.iter("meta"):
        name = element.get("name") or element.get("property") or element.get("itemprop") or ""
        value = " ".join((element.get("content") or "").split())
        if (key := _META.get(name.lower())) and value:
            found.setdefault(key, value)
    return found
