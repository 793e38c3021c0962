"""The address of a document as an MCP resource: ``library://{library}/{document}{?start}``.

Pure. It does not know which documents there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from stillroom.errors import ToolError

SCHEME: Final = "library"
DOCUMENT_TEMPLATE: Final = "library://{library}/{document}{?start}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a document's text is read.

    Attributes:
        library: name of the library.
        document: its id; a title or a file's name is understood as well where only one document has it.
        start: offset of the first character.

    Example:
        >>> Address("default", "茶园记录", 6000).uri
        'library://default/%E8%8C%B6%E5%9B%AD%E8%AE%B0%E5%BD%95?start=6000'
    """

    library: str
    document: str
    start: int = 0

    @property
    def uri(self) -> str:
        """The address in one line, percent-encoded."""
        place = f"{SCHEME}://{quote(self.library, safe='')}/{quote(self.document, safe='')}"
        return f"{place}?start={self.start}" if self.start else place


def read_address(uri: str) -> Address | None:
    """The address that ``uri`` is; None where it is of another kind.

    Raises:
        ToolError: it is one of ours that nothing can be at.

    Example:
        >>> read_address("library://default/valve.md?start=")
        Address(library='default', document='valve.md', start=0)
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    document = unquote(parts.path.removeprefix("/"))
    if parts.scheme != SCHEME or not document:
        return None
    start = parse_qs(parts.query).get("start", ["0"])[-1]
    if not (start.isascii() and start.isdecimal() and len(start) < len(str(10**10))):
        raise ToolError(
            f"start = {start[:40]!r} in the address is no offset: needed is a number of characters",
            hint=Address(unquote(parts.netloc), document).uri,
        )
    return Address(unquote(parts.netloc), document, int(start))
