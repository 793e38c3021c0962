"""Where the HTTP server listens, by which names it may be called, and whether it may do so without a token.

Values in, values out, but for the one function that opens the socket. It does not serve.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.loopback import local_root
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8620
MCP_PATH: Final = "/mcp"
# Requests that wait until they are accepted; systems cut it to a limit of their own.
_BACKLOG: Final = 1024
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared, not bound


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


def accepted_hosts(exposure: Exposure, own_names: Iterable[str] = ()) -> list[str]:
    """What the ``Host`` header may say, in the SDK's way: each name bare, and with any port.

    Args:
        exposure: what was allowed.
        own_names: this machine's names and addresses, where it listens on all of them.

    Example:
        >>> accepted_hosts(Exposure(allowed_hosts=("box.lan",)))[-2:]
        ['box.lan', 'box.lan:*']
    """
    listening = own_names if exposure.host in _EVERY_ADDRESS else (exposure.host,)
    names = dict.fromkeys(map(_bracketed, (*_LOOPBACK_NAMES, *listening, *exposure.allowed_hosts)))
    return [form for name in names for form in ((name,) if _has_port(name) else (name, f"{name}:*"))]


def accepted_origins(exposure: Exposure) -> list[str]:
    """What an ``Origin`` header may say where there is one: pages of this machine, and those allowed."""
    if exposure.this_machine_alone:
        local = [f"{scheme}://{name}" for scheme in ("http", "https") for name in _LOOPBACK_NAMES]
        return [form for origin in local for form in (origin, f"{origin}:*")]
    return list(exposure.allowed_origins)


def own_names() -> tuple[str, ...]:
    """This machine's name and the addresses of its interfaces."""
    import psutil

    found = psutil.net_if_addrs().values()
    addresses = [
        entry.address.partition("%")[0]
        for entries in found
        for entry in entries
        if entry.family in {socket.AF_INET, socket.AF_INET6}
    ]
    return (socket.gethostname().lower(), *addresses)


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; connections wait in it until they are served.

    Args:
        host: name or address.
        port: 0 for one that is free.

    Raises:
        McpError: the address is not this machine's, or something else listens there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = found[0]
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise McpError(
            f"cannot listen on port {port} of {host}: {error.strerror or error}",
            hint="--port 0 finds a free port; --host 127.0.0.1 is this machine alone",
        ) from error
    listening.setblocking(False)  # noqa: FBT003 -- its only parameter
    return listening


def server_url(exposure: Exposure, port: int, *, secure: bool) -> str:
    """Where clients reach the server.

    Example:
        >>> server_url(Exposure(), 8620, secure=False)
        'http://127.0.0.1:8620/mcp'
    """
    if exposure.public_url:
        return exposure.public_url
    root = local_root(exposure.host, port)
    return f"{root.replace('http', 'https', 1) if secure else root}{MCP_PATH}"


def _bracketed(name: str) -> str:
    """A name as ``Host`` has it: IPv6 addresses stand in brackets."""
    return f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name


def _has_port(name: str) -> bool:
    return ":" in name.rpartition("]")[2]
