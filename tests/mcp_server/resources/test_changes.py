"""Clients hear of documents that another process ingested, in the way of their revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.types import ResourceListChangedNotification, ResourceUpdatedNotification, ServerNotification

from mcp_server.library_server import LibraryServer
from mcp_server.server import build_server
from rag.ingesting.ingest import ingest
from tests.mcp_server.serving import open_library
from tests.mcp_server.shelf import shelf_services

if TYPE_CHECKING:
    from pathlib import Path

# Ten times what a slow machine needs for a look and an ingest of two lines.
PATIENCE_SECONDS = 120


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A library of one document, which a test may change."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("The first text is about pumps.")
    bring_in(tmp_path / "library")
    return tmp_path / "library"


def bring_in(directory: Path) -> None:
    """Ingest what the folder holds, through a library of its own as another process would."""
    with open_library(directory) as library:
        ingest(library, [directory.parent / "texts"])


def change(directory: Path) -> None:
    (directory.parent / "texts" / "a.txt").write_text("The first text is about valves now.")
    bring_in(directory)


async def only_uri(client: Client) -> str:
    """The address of the one document; asking for it has the server open its library."""
    (listed,) = (await client.list_resources()).resources
    return listed.uri


async def seen_once(server: object) -> None:
    """Wait until the server has looked at its library: what changes before that is nothing new."""
    assert isinstance(server, LibraryServer)
    while not server.changes.looked:  # noqa: ASYNC110 (nothing tells when it has)
        await anyio.sleep(0.05)


def test_a_client_that_listens_hears_what_came_and_what_went(directory: Path) -> None:
    async def hear() -> None:
        server = build_server(shelf_services(directory))
        with anyio.fail_after(PATIENCE_SECONDS):
            async with Client(server) as client:
                uri = await only_uri(client)
                await seen_once(server)
                async with client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as heard:
                    await anyio.to_thread.run_sync(change, directory)
                    assert isinstance(await anext(heard), ResourcesListChanged)
                    event = await anext(heard)
                assert isinstance(event, ResourceUpdated)
                assert event.uri == uri
                assert await only_uri(client) != uri

    anyio.run(hear)


# The SDK warns where an older revision's way is used.
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
def test_an_older_client_hears_it_by_notifications(directory: Path) -> None:
    heard: list[ServerNotification] = []
    told_of_both = ["notifications/resources/list_changed", "notifications/resources/updated"]

    async def on_message(message: object) -> None:
        if isinstance(message, ResourceListChangedNotification | ResourceUpdatedNotification):
            heard.append(message)

    async def hear(expected: list[str]) -> None:
        heard.clear()
        server = build_server(shelf_services(directory))
        with anyio.fail_after(PATIENCE_SECONDS):
            async with Client(server, mode="legacy", message_handler=on_message) as client:
                uri = await only_uri(client)
                await seen_once(server)
                await client.session.subscribe_resource(uri)  # type: ignore[deprecated]
                if expected != told_of_both:
                    await client.session.unsubscribe_resource(uri)  # type: ignore[deprecated]
                await anyio.to_thread.run_sync(change, directory)
                while len(heard) < len(expected):  # noqa: ASYNC110
                    await anyio.sleep(0.05)
                (listed,) = (await client.list_resources()).resources
                assert listed.uri != uri
        assert [message.method for message in heard] == expected

    anyio.run(hear, told_of_both)
    (directory.parent / "texts" / "a.txt").write_text("The first text is about nothing.")
    bring_in(directory)
    anyio.run(hear, told_of_both[:1])


def test_a_library_that_nobody_opened_is_not_opened_to_be_looked_at(tmp_path: Path) -> None:
    async def connect() -> None:
        async with Client(build_server(shelf_services(tmp_path / "none"))) as client:
            await client.list_tools()

    anyio.run(connect)
    assert not (tmp_path / "none").exists()
