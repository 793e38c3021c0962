"""Where it may listen, and by which names it may be called."""

from __future__ import annotations

import socket

import pytest

from mcp_server.http.addresses import (
    Exposure,
    accepted_hosts,
    accepted_origins,
    is_loopback_host,
    listening_socket,
    own_names,
    require_token,
    server_url,
)
from stillroom.errors import McpError


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("box.lan", False),
        ("localhost.evil.example", False),
        ("::ffff:127.0.0.1", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:  # noqa: FBT001
    assert is_loopback_host(host) is loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "box.lan"])
def test_listening_beyond_loopback_without_a_token_is_refused_with_the_next_command(host: str) -> None:
    with pytest.raises(McpError, match=f"{host} lets other machines in, and there is no token") as caught:
        require_token(Exposure(host), has_token=False)
    assert caught.value.hint == "stillroom mcp token add NAME"
    require_token(Exposure(host), has_token=True)


@pytest.mark.parametrize(
    "exposure",
    [
        Exposure(allowed_hosts=("box.lan",)),
        Exposure(allowed_origins=("https://app.example",)),
        Exposure(trusted_proxies=("127.0.0.1",)),
        Exposure(public_url="https://box.example/mcp"),
    ],
)
def test_loopback_that_others_reach_through_something_needs_a_token_too(exposure: Exposure) -> None:
    with pytest.raises(McpError, match="other hosts, origins or proxies are allowed, and there is no token"):
        require_token(exposure, has_token=False)
    require_token(exposure, has_token=True)


def test_loopback_alone_needs_no_token() -> None:
    require_token(Exposure(), has_token=False)


def test_hosts_are_this_machines_names_bare_and_with_a_port() -> None:
    assert accepted_hosts(Exposure(), own_names=["10.0.0.7"]) == [
        "127.0.0.1",
        "127.0.0.1:*",
        "localhost",
        "localhost:*",
        "[::1]",
        "[::1]:*",
    ]


def test_server_on_every_address_may_be_called_by_each_and_by_names_that_are_allowed() -> None:
    exposure = Exposure("0.0.0.0", allowed_hosts=("mcp.example", "box.lan:9000", "fe80::1"))
    hosts = accepted_hosts(exposure, own_names=["box", "10.0.0.7", "2001:db8::7"])
    for wanted in ("box:*", "10.0.0.7:*", "[2001:db8::7]:*", "mcp.example", "mcp.example:*", "[fe80::1]:*"):
        assert wanted in hosts
    assert "box.lan:9000" in hosts
    assert "box.lan" not in hosts
    assert not any("0.0.0.0" in host for host in hosts)


def test_machine_knows_its_own_names() -> None:
    assert {socket.gethostname().lower(), "127.0.0.1"} <= set(own_names())


def test_origins_are_this_machines_pages_or_those_that_are_allowed() -> None:
    assert "http://localhost:*" in accepted_origins(Exposure())
    assert accepted_origins(Exposure("0.0.0.0")) == []
    assert accepted_origins(Exposure(allowed_origins=("https://app.example",))) == ["https://app.example"]


def test_address_for_clients_is_where_they_reach_it() -> None:
    assert server_url(Exposure(), 8620, secure=False) == "http://127.0.0.1:8620/mcp"
    assert server_url(Exposure("0.0.0.0"), 1, secure=True) == "https://127.0.0.1:1/mcp"
    assert server_url(Exposure("::1"), 1, secure=False) == "http://[::1]:1/mcp"
    assert (
        server_url(Exposure(public_url="https://a.example/mcp"), 1, secure=False) == "https://a.example/mcp"
    )


def test_port_that_is_taken_is_an_error_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(McpError, match=f"cannot listen on port {port} of 127.0.0.1") as caught:
            listening_socket("127.0.0.1", port)
    assert "--port 0" in caught.value.hint


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-name.invalid"])
def test_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(McpError, match=f"cannot listen on port 0 of {host}"):
        listening_socket(host, 0)


def test_connection_waits_from_the_moment_the_socket_is_there() -> None:
    with (
        listening_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname(), timeout=10) as connection,
    ):
        assert connection.getpeername() == listening.getsockname()
