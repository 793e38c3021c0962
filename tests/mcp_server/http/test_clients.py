"""The SDK's own client over HTTP with a token, in both generations of the protocol."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_server.http.wire import bearer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import Literal

    from tests.mcp_server.http.conftest import HttpServer, Tokens

pytestmark = pytest.mark.parametrize("mode", ["auto", "legacy"])


@asynccontextmanager
async def connected(server: HttpServer, token: str, mode: Literal["auto", "legacy"]) -> AsyncIterator[Client]:
    """A client that gave its token."""
    async with (
        httpx2.AsyncClient(headers=bearer(token), timeout=120, trust_env=False) as http,
        Client(streamable_http_client(server.url, http_client=http), mode=mode) as client,
    ):
        yield client


def with_client(
    server: HttpServer, token: str, mode: Literal["auto", "legacy"], use: Callable[[Client], Awaitable[Any]]
) -> Any:  # noqa: ANN401 -- whatever the use gives
    async def run() -> object:
        async with connected(server, token, mode) as client:
            return await use(client)

    return anyio.run(run)


def test_client_lists_calls_and_reads(
    guarded: HttpServer, tokens: Tokens, mode: Literal["auto", "legacy"]
) -> None:
    async def use(client: Client) -> None:
        assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[mode]
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"search_library", "read_document", "run_agent"} <= names
        found = await client.call_tool(
            "search_library", {"query": "When does the Marlow valve open?", "limit": 1}
        )
        assert found.structured_content is not None
        (citation,) = found.structured_content["citations"]
        assert citation["quote"] == "The Marlow valve opens at 4.2 bar."
        assert (await client.list_prompts()).prompts
        assert (await client.list_resource_templates()).resource_templates

    with_client(guarded, tokens.reader, mode, use)


def test_client_hears_of_progress_and_may_cancel(
    guarded: HttpServer, tokens: Tokens, mode: Literal["auto", "legacy"]
) -> None:
    heard: list[float] = []

    async def use(client: Client) -> None:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
            heard.append(progress)
            group.cancel_scope.cancel()

        async def never_answers() -> None:
            await client.call_tool("plan_deployment", progress_callback=on_progress)

        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                group.start_soon(never_answers)
        assert not (await client.call_tool("list_sources")).is_error

    with_client(guarded, tokens.reader, mode, use)
    assert heard


def test_client_is_told_which_scope_it_lacks(
    guarded: HttpServer, tokens: Tokens, mode: Literal["auto", "legacy"]
) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(MCPError, match="needs the scope 'agent', and the token 'reader' has read"):
            await client.call_tool("run_agent", {"question": "x"})
        assert not (await client.call_tool("list_sources")).is_error

    with_client(guarded, tokens.reader, mode, use)


def test_job_belongs_to_its_token_whatever_the_revision(
    guarded: HttpServer, tokens: Tokens, library_dir: Path, mode: Literal["auto", "legacy"]
) -> None:
    async def start(client: Client) -> str:
        started = await client.call_tool("ingest", {"paths": [str(library_dir.parent / "sources")]})
        assert started.structured_content is not None
        job_id: str = started.structured_content["job_id"]
        return job_id

    job_id = with_client(guarded, tokens.writer, mode, start)

    async def status(client: Client) -> bool:
        given = {"job_id": job_id, "wait_seconds": 0}
        return not (await client.call_tool("job_status", given)).is_error

    async def cancel(client: Client) -> bool:
        return not (await client.call_tool("cancel_job", {"job_id": job_id})).is_error

    other: Literal["auto", "legacy"] = "legacy" if mode == "auto" else "auto"
    for use in (status, cancel):
        assert with_client(guarded, tokens.owner, mode, use) is False
        assert with_client(guarded, tokens.owner, other, use) is False
    assert with_client(guarded, tokens.writer, other, status) is True
    assert with_client(guarded, tokens.writer, mode, cancel) is True


def test_client_whose_token_is_revoked_is_told_so_at_its_next_call(
    guarded: HttpServer, tokens: Tokens, mode: Literal["auto", "legacy"]
) -> None:
    token = tokens.add(f"client-{mode}")

    async def use(client: Client) -> None:
        assert not (await client.call_tool("list_sources")).is_error
        tokens.file.revoke(f"client-{mode}")
        with pytest.raises(MCPError):
            await client.call_tool("list_sources")

    with_client(guarded, token, mode, use)
    guarded.require_alive(tokens.reader)
