"""Which network addresses belong to the public internet.

Pure: it judges an address, however a URL had spelled it. It resolves no names and opens nothing.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Translated to IPv4 by the network (RFC 6052): judged by the IPv4 address in the last four bytes.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Ways to write or tunnel an IPv4 address in an IPv6 one that no public server needs: IPv4-compatible
# (RFC 4291), local NAT64 (RFC 8215), 6to4 (RFC 7526 calls it historic), Teredo (RFC 4380).
_TUNNELS: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")
)
# Protocol assignments (RFC 6890), among them Oracle's metadata server, and the historic 6to4 relays: what
# Python takes for private of them differs between its versions.
_ASSIGNED: Final = tuple(ipaddress.IPv4Network(network) for network in ("192.0.0.0/24", "192.88.99.0/24"))
# Cloud machines ask these for credentials, and they look public: Azure's wire server.
_METADATA: Final = frozenset({ipaddress.IPv4Address("168.63.129.16")})
# An interface identifier that ends like this carries an IPv4 address (ISATAP, RFC 5214).
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Whether it is a public unicast address: not loopback, private, link-local, multicast or reserved.

    Example:
        >>> [is_public(ipaddress.ip_address(a)) for a in ("93.184.215.14", "::ffff:10.0.0.1")]
        [True, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in network for network in _TUNNELS) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return False
    elif any(address in network for network in _ASSIGNED):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
        and not address.is_link_local
        and address not in _METADATA
    )
