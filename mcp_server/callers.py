"""Who calls, and what they may: the person of this machine, or whoever holds a token.

It knows names and scopes, and neither tokens nor HTTP. ``current_caller`` is read in the event loop when a
request comes in, and passed down as a plain argument: a background thread has no request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

Scope = Literal["read", "ingest", "agent"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

# What a tool needs beyond ``read``, which every caller needs: ``ingest`` writes to the library, and an agent
# keeps the machine's model busy for minutes.
_NEEDED: Final[Mapping[str, Scope]] = {"ingest": "ingest", "run_agent": "agent"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        name: the owner of the jobs that the caller starts.
        scopes: what the caller may do.

    Example:
        >>> Caller("ci", frozenset({"read"})).may("ingest")
        False
    """

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether the caller was given that scope."""
        return scope in self.scopes

    def require(self, tool: str) -> None:
        """Return if the caller may call that tool.

        Raises:
            ToolError: the token lacks the scope that the tool needs.
        """
        needed = scope_of(tool)
        if not self.may(needed):
            held = ", ".join(sorted(self.scopes)) or "none"
            raise ToolError(
                f"{tool} needs the scope {needed!r}, and the token {self.name!r} has {held}",
                hint=f"stillroom mcp token add NAME --scope {needed}",
            )


# The person of this machine: over stdio, and over HTTP on loopback where no token was made.
LOCAL: Final = Caller("local", frozenset(SCOPES))


def scope_of(tool: str) -> Scope:
    """The scope that a served tool needs.

    Example:
        >>> scope_of("search_library"), scope_of("ingest")
        ('read', 'ingest')
    """
    return _NEEDED.get(tool, "read")


def current_caller() -> Caller:
    """Who sent the request that this task of the event loop serves.

    Whoever presented a verified token; where the transport asked for none, the person of this machine.
    """
    from mcp.server.auth.middleware.auth_context import get_access_token

    token = get_access_token()
    if token is None:
        return LOCAL
    return Caller(token.client_id, frozenset(scope for scope in SCOPES if scope in token.scopes))
