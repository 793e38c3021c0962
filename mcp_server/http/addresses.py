"""Where the HTTP server listens, and how clients reach it there. It opens the socket, and does not serve."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, Final

from deploy.loopback import local_root
from mcp_server.http.exposure import MCP_PATH
from stillroom.errors import McpError

DEFAULT_PORT: Final = 8620
# Requests that wait until they are accepted; systems cut it to a limit of their own.
_BACKLOG: Final = 1024
_PORT_TAKEN: Final = frozenset({errno.EADDRINUSE, errno.EACCES})
_FREE_PORT: Final = "--port 0 finds a free port"
# Addresses of documentation, which no machine has (RFC 5737 and 3849).
_ELSEWHERE: Final = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}  # noqa: S104 -- compared, not bound
_OWN_HOST: Final = "--host takes a name or an address of this machine; 127.0.0.1 is this machine alone"


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
        family, _, _, _, address = found[0]
        listening = _opened(family, address)
    except OSError as error:
        raise McpError(
            f"cannot listen on port {port} of {host}: {error.strerror or error}",
            hint=_FREE_PORT if error.errno in _PORT_TAKEN else _OWN_HOST,
        ) from error
    return listening


def _opened(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    # With its protocol named, unlike socket.create_server's: asyncio turns Nagle's algorithm off for such
    # sockets alone, and with it on every answer waits 40 ms for the client's acknowledgement of its head.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows it would let two servers have one port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
        opened.setblocking(False)  # noqa: FBT003 -- its only parameter
    except OSError:
        opened.close()
        raise
    return opened


def reached_at(host: str) -> str:
    """By which address others reach a server that listens there: on all of them, the one that leads out.

    Without a way out it is ``host`` again. Nothing is sent.
    """
    target = _ELSEWHERE.get(host)
    if target is None:
        return host
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 9))
        except OSError:
            return host
        found: str = probe.getsockname()[0]
    return found


def server_url(host: str, port: int, *, secure: bool) -> str:
    """Where clients reach a server that listens there.

    Example:
        >>> server_url("127.0.0.1", 8620, secure=False)
        'http://127.0.0.1:8620/mcp'
    """
    root = local_root(host, port)
    return f"{root.replace('http', 'https', 1) if secure else root}{MCP_PATH}"
