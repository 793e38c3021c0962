"""What certificates a URL's server is checked against: none are read where there is no TLS.

Reading the system's list takes 13 ms, and each HTTP client reads its own: a chat model has two of them, and
one is made for each answer (measured on 2026-11-26).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl


def verification(url: str) -> ssl.SSLContext | bool:
    """The value of ``verify`` for an HTTP client of that URL.

    For ``http://`` it is a context that trusts nobody: a client that came to speak TLS with it after all
    would fail, not skip the check.

    Example:
        >>> verification("https://example.com/v1")
        True
    """
    if urlsplit(url).scheme == "https":
        return True
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
