"""Whether a URL stays on this machine: then no proxy of the environment may see its requests."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine by its loopback name or address.

    Example:
        >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("https://huggingface.co")
        (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
