"""To whom the HTTP server is open: by which names it may be called, and whether without a token.

Pure. Where it listens, and on what socket, is ``mcp_server.http.addresses``'s.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_HOST: Final = "127.0.0.1"
MCP_PATH: Final = "/mcp"
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared, not bound
_HOST: Final = re.compile(r"[^\s/@]+")
_ORIGIN: Final = re.compile(r"https?://[^\s/@]+")


@dataclass(frozen=True, slots=True)
class Exposure:
    """To whom the server is open.

    Attributes:
        host: name or address that it listens on.
        allowed_hosts: further names that requests may call it by.
        allowed_origins: web pages' origins that may call it.
        trusted_proxies: addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        public_url: where clients reach it, ending in the path, if that is not where it listens.
    """

    host: str = DEFAULT_HOST
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""

    @property
    def this_machine_alone(self) -> bool:
        """Whether nobody but programs of this machine is meant to reach it."""
        return is_loopback_host(self.host) and not (
            self.allowed_hosts or self.allowed_origins or self.trusted_proxies or self.public_url
        )


def is_loopback_host(host: str) -> bool:
    """Whether only this machine can connect to a server that listens there.

    Example:
        >>> is_loopback_host("localhost"), is_loopback_host("::1"), is_loopback_host("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may come to mean another address
        return False


def require_token(exposure: Exposure, *, has_token: bool) -> None:
    """Return if the server may open without asking who calls.

    Raises:
        McpError: others than this machine's programs could call it, and no token is known.
    """
    if has_token or exposure.this_machine_alone:
        return
    if not is_loopback_host(exposure.host):
        what = f"listening on {exposure.host} lets other machines in"
    else:
        what = "other hosts, origins or proxies are allowed"
    raise McpError(f"{what}, and there is no token to ask them for", hint="stillroom mcp token add NAME")


def require_sound(exposure: Exposure) -> None:
    """Return if every name and address can be one: a mistyped one would let nobody in, or anybody.

    Raises:
        McpError: one cannot; it is named.
    """
    for host in exposure.allowed_hosts:
        _require(_HOST.fullmatch(host), f"--allow-host {host!r}", "a name such as box.lan, or box.lan:8620")
    for origin in exposure.allowed_origins:
        _require(_ORIGIN.fullmatch(origin), f"--allow-origin {origin!r}", "an origin: https://app.example")
    for proxy in exposure.trusted_proxies:
        _require(_is_network(proxy), f"--trust-proxy {proxy!r}", "an address or a network: 10.0.0.0/8")
    url = exposure.public_url
    _require(not url or _is_public_url(url), f"--public-url {url!r}", f"https://box.example{MCP_PATH}")


def accepted_hosts(exposure: Exposure, own_names: Iterable[str] = ()) -> list[str]:
    """What the ``Host`` header may say in small letters, in the SDK's way: each name bare, and with any port.

    Args:
        exposure: what was allowed.
        own_names: this machine's names and addresses, where it listens on all of them.

    Example:
        >>> accepted_hosts(Exposure(allowed_hosts=("box.lan",)))[-2:]
        ['box.lan', 'box.lan:*']
    """
    listening = own_names if exposure.host in EVERY_ADDRESS else (exposure.host,)
    public = urlsplit(exposure.public_url).hostname
    allowed = (*exposure.allowed_hosts, *((public,) if public else ()))
    names = dict.fromkeys(_bracketed(name.lower()) for name in (*_LOOPBACK_NAMES, *listening, *allowed))
    return [form for name in names for form in ((name,) if _has_port(name) else (name, f"{name}:*"))]


def accepted_origins(exposure: Exposure) -> list[str]:
    """What an ``Origin`` header may say where there is one: pages of this machine, and those allowed."""
    if exposure.this_machine_alone:
        local = [f"{scheme}://{name}" for scheme in ("http", "https") for name in _LOOPBACK_NAMES]
        return [form for origin in local for form in (origin, f"{origin}:*")]
    return [origin.lower() for origin in exposure.allowed_origins]


def _bracketed(name: str) -> str:
    """A name as ``Host`` has it: IPv6 addresses stand in brackets."""
    return f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name


def _has_port(name: str) -> bool:
    return ":" in name.rpartition("]")[2]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_public_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    plain = not (url.query or url.fragment or url.username or url.password or port == 0)
    named = _HOST.fullmatch(url.hostname or "")
    return bool(plain and named and url.scheme in {"http", "https"} and url.path.endswith(MCP_PATH))


def _require(sound: object, given: str, needed: str) -> None:
    if not sound:
        raise McpError(f"{given} cannot be used; needed is {needed}", hint="stillroom mcp serve --help")
