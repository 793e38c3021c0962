"""HTML: the page's main text without menus and adverts, as Markdown, a section a heading.

Trafilatura finds the main text; where it keeps too little of the page, all visible text is taken instead.
Scripts never run and nothing is fetched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode
from rag.parsers.markdown import split_by_headings
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from pathlib import PurePath

    from lxml.html import HtmlElement

    from rag.parsers.options import ParseOptions

# An encoding stated in the first bytes, as browsers look for it.
_STATED_ENCODING = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HEAD_BYTES = 1024
# The statement itself was read as ASCII, so the page is in none of these whatever it states.
_NOT_ASCII_LIKE = re.compile(rb"utf-?(?:16|32)|unicode$", re.IGNORECASE)

# Below this share of a page's visible characters the main text is likely the wrong part of a short page.
_MAIN_SHARE = 0.3

# What XML cannot hold: lxml refuses a text with any of these when Trafilatura copies it.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROL_REFERENCE = re.compile(r"&#(?:x0*(?:1?[0-9a-f])|0*(?:[12]?\d|3[01]));", re.IGNORECASE)

_UNSEEN = ("script", "style", "noscript", "template", "nav", "svg")
_BLOCKS = ("p", "div", "li", "tr", "br", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "td", "th")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*|[ \t]*\n[ \t]*")


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The main text's sections by heading.

    Raises:
        ParseError: the bytes are no HTML, or their encoding is not recognized.
    """
    import trafilatura

    source = _CONTROL_REFERENCE.sub(" ", _NOT_XML.sub("", _decode(content, path)))
    page = _tree(source, path)
    title = " ".join((page.findtext(".//title") or page.findtext(".//h1") or path.stem).split())
    visible = _visible_text(page)
    main = trafilatura.extract(source, output_format="markdown", include_tables=True, favor_recall=True) or ""
    if len(_letters(main)) < _MAIN_SHARE * len(_letters(visible)):
        return ParsedDocument(title=title, format="html", sections=(Section(visible),))
    return ParsedDocument(title=title, format="html", sections=tuple(split_by_headings(main)))


def _decode(content: bytes, path: PurePath) -> str:
    stated = _STATED_ENCODING.search(content[:_HEAD_BYTES])
    if stated and not _NOT_ASCII_LIKE.match(stated.group(1)):
        try:
            return content.decode(stated.group(1).decode("ascii"))
        except (LookupError, UnicodeError):
            # A page that states the wrong encoding, or "undefined" as scripts do, is read as one that
            # states none.
            pass
    return decode(content, path)


def _tree(source: str, path: PurePath) -> HtmlElement:
    import lxml.etree
    import lxml.html

    # lxml refuses text that carries an encoding declaration, and bytes without one it guesses.
    try:
        return lxml.html.document_fromstring(
            source.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8")
        )
    except lxml.etree.LxmlError as error:
        raise ParseError(f"{path} holds no HTML ({error})", hint="open it in a browser") from error


def _visible_text(page: HtmlElement) -> str:
    for element in page.xpath("//*[" + " or ".join(f"self::{name}" for name in _UNSEEN) + "]"):
        element.drop_tree()
    for element in page.iter(*_BLOCKS):
        element.tail = "\n" + (element.tail or "")
    body = page.find("body")
    text = (page if body is None else body).text_content()
    return _BLANK_LINES.sub(lambda gap: "\n\n" if gap.group().count("\n") > 1 else "\n", text).strip()


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
