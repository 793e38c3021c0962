"""Addresses of this machine: whether a URL stays on it, and how a server on it is reached from it."""

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


def local_root(host: str, port: int) -> str:
    """The root URL at which a server that listens there is reached from this machine.

    Example:
        >>> local_root("127.0.0.1", 8000), local_root("0.0.0.0", 8000), local_root("::1", 8000)
        ('http://127.0.0.1:8000', 'http://127.0.0.1:8000', 'http://[::1]:8000')
    """
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
