"""The tool that fetches a public web page and gives what it says.

How it is fetched, and from where it may be, is `agents.toolkit.web_fetch`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from agents.fence import data_note, fenced

if TYPE_CHECKING:
    from agents.toolkit.web_fetch import Fetched, WebFetcher

_HTML: Final = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page's main text.

    Attributes:
        url: where it was in the end, after redirects.
        cut: the page is longer than what is fetched of one.
    """

    url: str
    title: str
    content_type: str
    text: str
    cut: bool

    def to_text(self) -> str:
        """Where it is from, then the text fenced."""
        cut = " Only its beginning was fetched." if self.cut else ""
        inside = f"{self.title}\n\n{self.text}" if self.title else self.text
        return f"{self.url} ({self.content_type}).{cut}\n{data_note('a web page')}\n{fenced(inside)}"


@dataclass(frozen=True, slots=True)
class WebTools:
    """The function over a fetcher; its signature is the tool's schema."""

    fetcher: WebFetcher

    async def fetch_page(self, url: Annotated[str, Field(min_length=8, max_length=2_000)]) -> WebPage:
        """Fetch a public web page and give its text.

        Args:
            url: in full, with https://.
        """
        return read_page(await self.fetcher.fetch(url, accepts=is_readable))

    def check(self, url: str) -> None:
        """Refuse a URL that cannot be fetched, before a person is asked.

        Raises:
            ToolError: it is none of a public web page.
        """
        self.fetcher.check(url)


def is_readable(content_type: str) -> bool:
    """Whether a content type is HTML, text or JSON."""
    kind, _, name = content_type.partition("/")
    is_json = kind == "application" and (name == "json" or name.endswith("+json"))
    return content_type in _HTML or kind == "text" or is_json


def read_page(fetched: Fetched) -> WebPage:
    """What a page says; of HTML its main text, by the library's own parser.

    Raises:
        ParseError: it is no HTML, or its encoding is not recognized.
    """
    from rag.parsers.html import decode_page, parse
    from rag.parsers.options import ParseOptions

    path = PurePath(fetched.url)
    title = ""
    text = decode_page(fetched.content, path, fetched.charset).text if fetched.content else ""
    if fetched.content_type in _HTML and text.strip():
        # Marked, so that the page's own statement of another encoding is not believed again.
        parsed = parse(b"\xef\xbb\xbf" + text.encode("utf-8", "replace"), path, ParseOptions(ocr=False))
        text, title = "\n\n".join(section.text for section in parsed.sections), parsed.title
    return WebPage(fetched.url, title, fetched.content_type, text, fetched.cut)
