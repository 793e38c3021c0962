"""An address is public or not, in whatever way it is spelled or wrapped."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.toolkit.web_addresses import is_public

INNER = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
]


@pytest.mark.parametrize("address", INNER)
def test_inner_address_is_not_public_in_any_wrapping(address: str) -> None:
    number = int(ipaddress.IPv4Address(address))
    assert not is_public(ipaddress.ip_address(address))
    for prefix in ("::ffff:0:0", "64:ff9b::", "::", "2002::", "64:ff9b:1::"):
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)
        assert not is_public(wrapped), wrapped
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | (number << 80)))
    assert not is_public(ipaddress.IPv6Address((0x2606_4700 << 96) | (0x5EFE << 32) | number))


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "100::1",
    ],
)
def test_inner_address_of_ipv6_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.215.14",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2400:3200::1",
    ],
)
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_address_of_ipv4_is_judged_alike_when_it_is_mapped_or_translated(
    address: ipaddress.IPv4Address,
) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))
        assert is_public(wrapped) == is_public(address)
    if is_public(address):
        kinds = (address.is_private, address.is_loopback, address.is_multicast, address.is_link_local)
        assert not any(kinds)
