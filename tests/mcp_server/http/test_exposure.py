"""By which names it may be called, and when it must ask for a token."""

from __future__ import annotations

import pytest

from mcp_server.http.exposure import (
    Exposure,
    accepted_hosts,
    accepted_origins,
    is_loopback_host,
    require_sound,
    require_token,
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
    exposure = Exposure("0.0.0.0", allowed_hosts=("MCP.example", "box.lan:9000", "fe80::1"))
    hosts = accepted_hosts(exposure, own_names=["box", "10.0.0.7", "2001:db8::7"])
    for wanted in ("box:*", "10.0.0.7:*", "[2001:db8::7]:*", "mcp.example", "mcp.example:*", "[fe80::1]:*"):
        assert wanted in hosts
    assert "box.lan:9000" in hosts
    assert "box.lan" not in hosts
    assert not any("0.0.0.0" in host for host in hosts)


def test_origins_are_this_machines_pages_or_those_that_are_allowed() -> None:
    assert "http://localhost:*" in accepted_origins(Exposure())
    assert accepted_origins(Exposure("0.0.0.0")) == []
    assert accepted_origins(Exposure(allowed_origins=("https://app.example",))) == ["https://app.example"]


def test_name_in_the_public_address_is_one_to_be_called_by() -> None:
    assert "box.example:*" in accepted_hosts(Exposure(public_url="https://box.example/a/mcp"))


@pytest.mark.parametrize(
    ("exposure", "message"),
    [
        (
            Exposure(allowed_hosts=("https://box.lan",)),
            "--allow-host 'https://box.lan' cannot be used",
        ),
        (Exposure(allowed_hosts=("",)), "--allow-host ''"),
        (Exposure(allowed_origins=("https://app.example/",)), "--allow-origin 'https://app.example/'"),
        (Exposure(allowed_origins=("*",)), "--allow-origin '[*]'"),
        (
            Exposure(trusted_proxies=("*",)),
            "--trust-proxy '[*]' cannot be used; needed is an address",
        ),
        (Exposure(trusted_proxies=("proxy.lan",)), "--trust-proxy 'proxy.lan'"),
        (Exposure(public_url="box.example/mcp"), "--public-url 'box.example/mcp'"),
        (Exposure(public_url="https://[box/mcp"), "--public-url"),
        (Exposure(public_url="https://box.example:x/mcp"), "--public-url"),
        (Exposure(public_url="https://you:secret@box.example/mcp"), "--public-url"),
        (Exposure(public_url="https://box.example"), "needed is https://box.example/mcp"),
    ],
)
def test_name_that_would_let_nobody_in_or_anybody_is_refused(exposure: Exposure, message: str) -> None:
    with pytest.raises(McpError, match=message):
        require_sound(exposure)


def test_names_that_can_be_meant_are_taken() -> None:
    require_sound(
        Exposure(
            allowed_hosts=("box.lan", "box.lan:8620", "fe80::1"),
            allowed_origins=("https://app.example", "http://localhost:6274"),
            trusted_proxies=("127.0.0.1", "10.0.0.0/8", "::1"),
            public_url="https://box.example/stillroom/mcp",
        )
    )
