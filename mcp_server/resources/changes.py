"""Tells clients that the library's documents changed, whoever changed them.

Documents are ingested by other processes, so the library is looked at now and then; it is never opened for
that. What a document says never changes under its id: a changed file becomes another document.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated

from mcp_server.addresses import Address
from mcp_server.background import in_background
from mcp_server.documents.listing import documents_of
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.subscriptions import SubscriptionBus

    from mcp_server.clients import Clients
    from rag.library import Library

# One statement of a few rows each time.
LOOK_SECONDS: Final = 2.0


class Changes:
    """Looks at a library, and tells what came and went.

    Args:
        opened: the library, if something has opened it.
        library_name: as in the documents' addresses.
        bus: carries events to clients of revision 2026-07-28 that listen.
        clients: those of the revisions before.
    """

    def __init__(
        self,
        opened: Callable[[], Library | None],
        library_name: str,
        bus: SubscriptionBus,
        clients: Clients,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._opened = opened
        self._library_name = library_name
        self._bus = bus
        self._clients = clients
        self._look_seconds = look_seconds
        self._generation: int | None = None
        self._ids: frozenset[str] = frozenset()

    @property
    def looked(self) -> bool:
        """Whether it knows what the library holds: what changes from now on is told."""
        return self._generation is not None

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self._look()
            except StillroomError as error:
                # Whoever uses the library next is told why; here nobody asked.
                logging.getLogger(__name__).debug("the library cannot be looked at: %s", error)
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        library = self._opened()
        if library is None:
            return
        generation = await in_background(lambda: library.generation)
        if generation == self._generation:
            return
        ids = await in_background(lambda: frozenset(one.id for one in documents_of(library)))
        known, first = self._ids, self._generation is None
        self._generation, self._ids = generation, ids
        if not first and ids != known:
            await self._tell(known - ids)

    async def _tell(self, gone: frozenset[str]) -> None:
        await self._bus.publish(ResourcesListChanged())
        for client in self._clients.every():
            await client.connection.send_resource_list_changed()
        for identity in sorted(gone):
            uri = Address(self._library_name, identity).uri
            await self._bus.publish(ResourceUpdated(uri=uri))
            for client in self._clients.every():
                if uri in client.uris:
                    await client.connection.send_resource_updated(uri)
