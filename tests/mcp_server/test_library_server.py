"""The whole server as the SDK's own client sees it in one process, in both generations of the protocol."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import (
    EmbeddedResource,
    PromptReference,
    ResourceLink,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from mcp_server.addresses import DOCUMENT_TEMPLATE
from mcp_server.prompts import PROMPTS
from mcp_server.server import build_server
from stillroom.errors import LibraryDamagedError
from tests.mcp_server.shelf import NOTES, TEXTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from mcp.types import Resource

    from agents.services import Services
    from rag.library import Library

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@asynccontextmanager
async def connected(shelf: Services, mode: str, **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401
    async with Client(build_server(shelf), mode=mode, **options) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
        yield client


def text_of(block: object) -> str:
    assert isinstance(block, TextContent)
    return block.text


async def refused(call: Callable[[], Awaitable[object]]) -> MCPError:
    with pytest.raises(MCPError) as caught:
        await call()
    return caught.value


@MODES
def test_the_server_says_what_it_can(shelf: Services, mode: str) -> None:
    async def ask() -> None:
        async with connected(shelf, mode) as client:
            can = client.server_capabilities
            assert can.resources is not None
            assert (can.resources.subscribe, can.resources.list_changed) == (True, True)
            assert can.completions is not None
            assert can.logging is not None
            assert can.prompts is not None

    anyio.run(ask)


@MODES
def test_a_result_brings_links_that_can_be_read(shelf: Services, mode: str) -> None:
    async def ask() -> None:
        async with connected(shelf, mode) as client:
            result = await client.call_tool("search_library", {"query": "水位达到37米", "limit": 2})
            links = [block for block in result.content if isinstance(block, ResourceLink)]
            assert links
            (page,) = (await client.read_resource(links[0].uri)).contents
            assert isinstance(page, TextResourceContents)
            assert result.structured_content is not None
            assert page.text.startswith(result.structured_content["citations"][0]["quote"])
            read = await client.call_tool("read_document", {"document_id": "手册.md"})
            (rest,) = [block for block in read.content if isinstance(block, ResourceLink)]
            assert rest.description is not None
            assert rest.description.endswith("characters follow")

    anyio.run(ask)


@MODES
def test_documents_are_listed_in_pages_with_size_and_kind(shelf: Services, mode: str) -> None:
    async def ask() -> None:
        listed: list[Resource] = []
        async with connected(shelf, mode) as client:
            page = await client.list_resources()
            while True:
                listed += page.resources
                if page.next_cursor is None:
                    break
                page = await client.list_resources(cursor=page.next_cursor)
            by_name = {one.name: one for one in listed}
            assert len(listed) == NOTES + len(TEXTS) + 1
            manual = by_name["手册.md"]
            assert manual.size == len(TEXTS["手册.md"].encode())
            assert (manual.title, manual.mime_type) == ("水库管理手册", "text/plain")
            assert manual.annotations is not None
            assert manual.annotations.last_modified
            error = await refused(lambda: client.list_resources(cursor="nonsense"))
            assert "is no cursor of resources/list" in error.message

    anyio.run(ask)


@MODES
@pytest.mark.parametrize("name", ["水库管理手册", "quotes.txt"])
def test_a_document_is_read_page_after_page(shelf: Services, mode: str, name: str) -> None:
    async def ask() -> str:
        text = ""
        async with connected(shelf, mode) as client:
            uri: str | None = DOCUMENT_TEMPLATE.replace("{library}", "shelf").replace(
                "{document}{?start}", name
            )
            while uri:
                (page,) = (await client.read_resource(uri)).contents
                assert isinstance(page, TextResourceContents)
                assert len(page.text) < 8_000
                uri = (page.meta or {}).get("stillroom/nextUri")
                text += page.text.rpartition("\n[")[0] if uri else page.text
        return text

    assert anyio.run(ask) == TEXTS["手册.md" if name == "水库管理手册" else name]


@MODES
@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("library://shelf/none", "has no document 'none'"),
        ("library://other/valve.md", "there is no library 'other' here; there is 'shelf'"),
        ("library://shelf/..%2f..%2f..%2fetc%2fpasswd", "has no document '../../../etc/passwd'"),
        ("library://shelf/%00", "has no document"),
        ("library://shelf/valve.md?start=x", "start = 'x' in the address is no offset"),
        ("library://shelf/valve.md?start=99999", "lies behind the end"),
        ("library://shelf/Yearly%20report", "2 documents"),
        ("file:///etc/passwd", "Unknown resource"),
    ],
)
def test_an_address_where_nothing_is_is_refused_in_words(
    shelf: Services, mode: str, uri: str, message: str
) -> None:
    async def ask() -> MCPError:
        async with connected(shelf, mode) as client:
            return await refused(lambda: client.read_resource(uri))

    error = anyio.run(ask)
    assert message in error.message
    assert error.code == -32602


@MODES
def test_arguments_are_completed(shelf: Services, mode: str) -> None:
    async def ask() -> None:
        template = ResourceTemplateReference(uri=DOCUMENT_TEMPLATE)
        async with connected(shelf, mode) as client:
            (served,) = (await client.list_resource_templates()).resource_templates
            assert served.uri_template == template.uri
            libraries = await client.complete(template, {"name": "library", "value": "s"})
            assert libraries.completion.values == ["shelf"]
            chosen = await client.complete(
                template, {"name": "document", "value": "水"}, {"library": "shelf"}
            )
            assert chosen.completion.values == ["水库管理手册"]
            prompt = PromptReference(name="compare_documents")
            first = await client.complete(prompt, {"name": "first", "value": "marl"})
            assert first.completion.values == ["Marlow valve"]
            free = await client.complete(
                PromptReference(name="ask_with_sources"), {"name": "question", "value": ""}
            )
            assert free.completion.values == []
            unknown = PromptReference(name="nothing")
            error = await refused(lambda: client.complete(unknown, {"name": "x", "value": ""}))
            assert "nothing is called 'nothing'; there are ask_with_sources" in error.message

    anyio.run(ask)


@MODES
def test_prompts_bring_the_documents_that_they_are_about(shelf: Services, mode: str) -> None:
    async def ask() -> None:
        async with connected(shelf, mode) as client:
            listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
            assert set(listed) == set(PROMPTS)
            assert all(
                argument.description for prompt in listed.values() for argument in prompt.arguments or []
            )
            got = await client.get_prompt("ask_with_sources", {"question": "什么时候打开{闸门}？"})
            assert "什么时候打开{闸门}？" in text_of(got.messages[0].content)
            got = await client.get_prompt(
                "summarize_document", {"document": "水库管理手册", "language": "中文"}
            )
            assert "Write in 中文" in text_of(got.messages[0].content)
            attached = got.messages[1].content
            assert isinstance(attached, EmbeddedResource)
            assert isinstance(attached.resource, TextResourceContents)
            assert attached.resource.text.startswith("# 水库管理手册")
            got = await client.get_prompt("compare_documents", {"first": "valve.md", "second": "hostile.md"})
            assert len(got.messages) == 3
            assert "<|im_start|>" not in got.model_dump_json()
            got = await client.get_prompt(
                "plan_my_machine", {"purpose": "代码补全", "model": "deepseek-r1:7b"}
            )
            assert "then with model=deepseek-r1:7b" in text_of(got.messages[0].content)

    anyio.run(ask)


@MODES
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("nothing", {}, "there is no prompt 'nothing'; there are ask_with_sources"),
        ("ask_with_sources", {}, "'question' is missing"),
        ("ask_with_sources", {"question": " "}, "'question' is missing"),
        ("ask_with_sources", {"question": "x" * 2_001}, "'question' has 2001 characters: needed are 2000"),
        ("ask_with_sources", {"question": "x", "tone": "y"}, "'tone' is unknown"),
        ("summarize_document", {"document": "nothing"}, "has no document 'nothing'"),
        ("compare_documents", {"first": "valve.md"}, "'second' is missing"),
        ("plan_my_machine", {"model": "x"}, "'purpose' is missing"),
    ],
)
def test_a_bad_argument_of_a_prompt_is_named(
    shelf: Services, mode: str, name: str, arguments: dict[str, str], message: str
) -> None:
    async def ask() -> MCPError:
        async with connected(shelf, mode) as client:
            return await refused(lambda: client.get_prompt(name, arguments))

    error = anyio.run(ask)
    assert message in error.message
    assert error.code == -32602


# The SDK warns where an older revision's way is used.
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
def test_a_client_that_subscribes_to_too_much_is_refused(shelf: Services) -> None:
    async def ask() -> None:
        async with connected(shelf, "legacy") as client:
            subscribe = client.session.subscribe_resource  # type: ignore[deprecated]
            error = await refused(lambda: subscribe("library://shelf/" + "x" * 2_000))
            assert "the address has 2016 characters: needed are 2000 at most" in error.message
            for number in range(1_000):
                await subscribe(f"library://shelf/valve.md?start={number}")
            error = await refused(lambda: subscribe("library://shelf/valve.md"))
            assert "1000 subscriptions are open, and no more are taken" in error.message
            await client.session.unsubscribe_resource("library://shelf/valve.md?start=1")  # type: ignore[deprecated]
            await subscribe("library://shelf/valve.md")

    anyio.run(ask)


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("library://shelf/../../etc/passwd", "has no document"),
        ("library://other/valve.md", "there is no library 'other' here"),
        ("library://shelf/valve.md?start=x", "is no offset"),
        ("file:///etc/passwd", "there is nothing at 'file:///etc/passwd'"),
    ],
)
def test_subscription_to_what_is_not_there_is_refused(shelf: Services, uri: str, said: str) -> None:
    async def ask() -> MCPError:
        async with connected(shelf, "legacy") as client:
            return await refused(lambda: client.session.subscribe_resource(uri))  # type: ignore[deprecated]

    async def listen() -> MCPError:
        async with connected(shelf, "auto") as client:
            there = "library://shelf/valve.md"
            return await refused(lambda: _first_heard(client, [there, uri]))

    for way in (ask, listen):
        error = anyio.run(way)
        assert said in error.message
        assert error.code == -32602


async def _first_heard(client: Client, uris: Sequence[str]) -> None:
    """Begin to listen, and stop."""
    async with client.listen(resource_subscriptions=uris):
        pass


def test_a_client_that_listens_for_too_much_is_refused_and_for_much_is_not(shelf: Services) -> None:
    async def ask() -> None:
        async with connected(shelf, "auto") as client:
            error = await refused(lambda: _first_heard(client, ["library://shelf/" + "x" * 2_000]))
            assert "the address has 2016 characters: needed are 2000 at most" in error.message
            many = [f"library://shelf/valve.md?start={number}" for number in range(1_001)]
            error = await refused(lambda: _first_heard(client, many))
            assert "1001 subscriptions are asked for: needed are 1000 at most" in error.message
            await _first_heard(client, many[1:])
            await _first_heard(client, [])

    anyio.run(ask)


@MODES
def test_library_that_is_damaged_is_an_error_of_the_server(shelf: Services, mode: str) -> None:
    def damaged() -> Library:
        raise LibraryDamagedError("its files do not agree", hint="stillroom ingest --rebuild")

    async def ask() -> MCPError:
        async with connected(replace(shelf, library=damaged), mode) as client:
            return await refused(client.list_resources)

    assert anyio.run(ask).code == -32603
