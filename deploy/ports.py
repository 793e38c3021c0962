"""Ports on this machine: find a free one, and say who has a taken one.

It does not keep a port: between the answer and the engine's own bind another program may take it, and the
engine's log then says so (``deploy.launching.diagnosis``).
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from stillroom.errors import EnvironmentUnfitError, PortTakenError

_CONNECT_TIMEOUT_SECONDS: Final = 1.0
_HINT: Final = "stillroom up --port 0 finds a free port"


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens now, chosen by the operating system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(host: str, port: int) -> None:
    """Return if an engine can listen there.

    An engine of another program answers a health check as well as ours does: the port is looked at before
    anything is started.

    Raises:
        PortTakenError: something listens there; names its pid and program where the system tells.
        EnvironmentUnfitError: the address is not this machine's, or the port is reserved for root.
    """
    if not (accepts_connections(host, port) or _bind_fails(host, port)):
        return
    raise port_taken(host, port)


def port_taken(host: str, port: int) -> PortTakenError:
    """The error that names who has it, where the system tells."""
    return PortTakenError(f"port {port} on {host} is taken by {_listener(port)}", hint=_HINT)


def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens there, within a second; a name that cannot be resolved does not."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _bind_fails(host: str, port: int) -> bool:
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        # A port whose last connection is still in TIME_WAIT is free for a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise EnvironmentUnfitError(
                f"cannot listen on port {port} of {host}: {error.strerror}", hint=_HINT
            ) from error
    return False


def require_own_address(host: str) -> None:
    """Return if this machine can listen at that address.

    Raises:
        EnvironmentUnfitError: it cannot.
    """
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise EnvironmentUnfitError(
                f"{host} is no address of this machine: {error.strerror or error}",
                hint="--host 127.0.0.1 for this machine alone, --host 0.0.0.0 for all its addresses",
            ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def listener_pid(port: int) -> int | None:
    """The process that listens on that port; None where nothing does or the system does not tell."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other programs' sockets to root only
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            return connection.pid
    return None


def _listener(port: int) -> str:
    import psutil

    pid = listener_pid(port)
    try:
        return f"pid {pid} ({psutil.Process(pid).name()})" if pid else "another program"
    except psutil.NoSuchProcess:
        return "another program"
