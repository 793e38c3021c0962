"""How often one caller may ask: a bucket that every request takes from, and that time fills again.

A bucket belongs to a token's name or, where none was verified, to an address: so guessing tokens is slow too.
The buckets are values of this process; a second server counts for itself.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mcp_server.http.exchange import exchange_of
from mcp_server.http.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

# Beyond so many callers those that were quiet for longest are forgotten, once their bucket is full again.
_MOST_BUCKETS: Final = 4096
# An address of IPv6 is one of 2^64 that the same machine may use.
_IPV6_NETWORK_BITS: Final = 64


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


@dataclass(slots=True)
class Rates:
    """The buckets.

    Args:
        per_minute: requests of one caller; as many may come at once.
        clock: seconds that only grow.

    Example:
        >>> rates = Rates(1, clock=lambda: 0.0)
        >>> rates.seconds_to_wait("a"), rates.seconds_to_wait("a")
        (0, 60)
    """

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    # Whoever asked last stands last.
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict, init=False)

    def seconds_to_wait(self, caller: str) -> int:
        """0 if the caller may ask now, which counts; else after how many seconds."""
        now = self.clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[caller] = _Bucket(self.per_minute, now)
        self._buckets.move_to_end(caller)
        bucket.left = min(float(self.per_minute), self._refilled(bucket, now))
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return math.ceil((1 - bucket.left) * 60 / self.per_minute)

    def _refilled(self, bucket: _Bucket, now: float) -> float:
        return bucket.left + (now - bucket.at) * self.per_minute / 60

    def _forget(self, now: float) -> None:
        """One look at each that goes and at one that stays: a bucket is full again within a minute."""
        while len(self._buckets) >= _MOST_BUCKETS:
            bucket = next(iter(self._buckets.values()))
            if self._refilled(bucket, now) < self.per_minute:
                return
            self._buckets.popitem(last=False)


class RateLimit:
    """ASGI layer that refuses what comes too often; it stands behind the verification of tokens."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say when to come again."""
        wait = self._rates.seconds_to_wait(caller_of(scope))
        if wait:
            response = refusal(
                429,
                f"more than {self._rates.per_minute} requests a minute; come again in {wait} s",
                headers={"Retry-After": str(wait)},
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def caller_of(scope: Scope) -> str:
    """Who counts as one: the holder of a verified token or, without one, an address."""
    token = exchange_of(scope).token
    if token is not None:
        return f"token {token.client_id}"
    return f"address {network(scope['client'][0] if scope.get('client') else '')}"


def network(address: str) -> str:
    """What addresses count as one caller.

    Example:
        >>> network("10.0.0.7"), network("2001:db8::7")
        ('10.0.0.7', '2001:db8::/64')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 -- of IP
        return address
    return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
