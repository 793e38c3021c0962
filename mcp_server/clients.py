"""The clients of the revisions before 2026-07-28 that are connected: who wants to hear of what.

From 2026-07-28 on each request says which log messages it wants, and a stream that the SDK serves carries
what changes; a client before that says so once, for as long as it is connected. What is told is other
modules' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

from mcp.types import LOG_LEVEL_META_KEY, LoggingLevel

if TYPE_CHECKING:
    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext

_LEVELS: Final[tuple[LoggingLevel, ...]] = get_args(LoggingLevel)
_FIRST_OF_PER_REQUEST: Final = "2026-07-28"
# A client that asks for more at once is not reading.
MOST_SUBSCRIPTIONS: Final = 1_000
MOST_URI_CHARACTERS: Final = 2_000
_LEVEL: Final = "stillroom.level"


@dataclass(slots=True, eq=False)
class Client:
    """One connection.

    Attributes:
        connection: takes messages as long as it is open, and drops them afterwards.
        uris: of the resources that it wants to hear of.
    """

    connection: Connection
    uris: set[str] = field(default_factory=set)


class Clients:
    """Those that shook hands, until their connection ends."""

    def __init__(self) -> None:
        self._clients: dict[int, Client] = {}

    def of(self, context: ServerRequestContext[Any, Any]) -> Client:
        """The client that sent this request or notification, remembered from now on."""
        connection = _connection(context)
        key = id(connection)
        if key not in self._clients:
            self._clients[key] = Client(connection)
            connection.exit_stack.callback(self._clients.pop, key, None)
        return self._clients[key]

    def every(self) -> tuple[Client, ...]:
        """All that are connected."""
        return tuple(self._clients.values())


def is_modern(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether each request says for itself what it wants to hear."""
    return context.protocol_version >= _FIRST_OF_PER_REQUEST


def set_level(context: ServerRequestContext[Any, Any], level: LoggingLevel) -> None:
    """From now on this client hears messages of that level and above."""
    _connection(context).state[_LEVEL] = level


def wants(context: ServerRequestContext[Any, Any], level: LoggingLevel) -> bool:
    """Whether a message of that level may be sent while a request is served: none unasked."""
    asked: object
    if is_modern(context):
        asked = (context.meta or {}).get(LOG_LEVEL_META_KEY)
    else:
        asked = _connection(context).state.get(_LEVEL)
    return asked in _LEVELS and _LEVELS.index(level) >= _LEVELS.index(asked)


def _connection(context: ServerRequestContext[Any, Any]) -> Connection:
    """The SDK gives handlers a session a request; what lasts is behind it, and has no public name yet."""
    return context.session._connection  # noqa: SLF001
