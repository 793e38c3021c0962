"""Where it listens, and how clients reach it there."""

from __future__ import annotations

import socket

import pytest

from mcp_server.http.addresses import listening_socket, own_names, reached_at, server_url
from stillroom.errors import McpError


def test_machine_knows_its_own_names() -> None:
    assert {socket.gethostname().lower(), "127.0.0.1"} <= set(own_names())


def test_address_for_clients_is_where_they_reach_it() -> None:
    assert server_url("127.0.0.1", 8620, secure=False) == "http://127.0.0.1:8620/mcp"
    assert server_url("box.lan", 1, secure=True) == "https://box.lan:1/mcp"
    assert server_url("::1", 1, secure=False) == "http://[::1]:1/mcp"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_server_on_all_addresses_is_reached_at_one_of_this_machines(host: str) -> None:
    assert reached_at("127.0.0.1") == "127.0.0.1"
    # A machine that has no way out has no better name for itself.
    assert reached_at(host) in {host, *own_names()}


def test_port_that_is_taken_is_an_error_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(McpError, match=f"cannot listen on port {port} of 127.0.0.1") as caught:
            listening_socket("127.0.0.1", port)
    assert "--port 0" in caught.value.hint


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-name.invalid"])
def test_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(McpError, match=f"cannot listen on port 0 of {host}") as caught:
        listening_socket(host, 0)
    assert "--host takes a name or an address of this machine" in caught.value.hint
    assert "--port 0" not in caught.value.hint


def test_socket_is_one_whose_answers_do_not_wait_for_acknowledgements() -> None:
    # What asyncio looks at before it switches TCP_NODELAY on.
    with listening_socket("127.0.0.1", 0) as listening:
        assert (listening.type, listening.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)


def test_connection_waits_from_the_moment_the_socket_is_there() -> None:
    with (
        listening_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname(), timeout=60) as connection,
    ):
        assert connection.getpeername() == listening.getsockname()
