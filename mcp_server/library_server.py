"""The MCP server over a library: tools, documents as resources, prompts, completion, logging, changes.

Each method of the protocol is given to the module that knows what it is about. It knows the SDK's ways of
registering and how our errors become the protocol's.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mcp import MCPError
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.subscriptions import ListenHandler
from mcp.types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    GetPromptResult,
    ListResourcesResult,
    NotificationParams,
    PaginatedRequestParams,
    Prompt,
    PromptReference,
    SetLevelRequestParams,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from agents.services import OpenedOnce
from mcp_server.addresses import DOCUMENT_TEMPLATE, read_address
from mcp_server.background import in_background
from mcp_server.callers import current_caller
from mcp_server.clients import MOST_SUBSCRIPTIONS, MOST_URI_CHARACTERS, Clients, set_level
from mcp_server.prompts import PROMPTS
from mcp_server.protocol_errors import answered, error_text
from mcp_server.resources.changes import Changes
from mcp_server.resources.completion import Completing
from mcp_server.resources.pages import DocumentPages
from mcp_server.served_prompts import FilledPrompts, listed_prompts
from mcp_server.tool_server import ToolServer
from stillroom.errors import LibraryError, StillroomError, ToolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from mcp.server import MCPServer
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.lowlevel.helper_types import ReadResourceContents
    from mcp.server.mcpserver import Context
    from mcp.types import InputRequiredResult, ResourceTemplate

    from agents.services import Services
    from mcp_server.tools.served_tool import ServedTool
    from rag.library import Library


# The same for every caller, and for as long as a server runs.
_NEVER_CHANGE: Final[tuple[CacheableMethod, ...]] = (
    "tools/list",
    "prompts/list",
    "resources/templates/list",
)
_CACHED_MS: Final = 300_000


class LibraryServer(ToolServer):
    """A ``ToolServer`` with the documents of one library; what is registered in the SDK's way is served too.

    Args:
        services: what it works on; nothing of it is opened before it is needed.
        tools: makes the tools from the services.
        lifespan: entered while a client is connected, around the looking for changes.
        options: as for ``ToolServer``.

    Attributes:
        changes: tells clients what came and went, while one is connected.
    """

    def __init__(
        self,
        name: str,
        services: Services,
        tools: Callable[[Services], Sequence[ServedTool]],
        *,
        lifespan: Callable[[MCPServer[Any]], AbstractAsyncContextManager[None]] | None = None,
        **options: Any,  # noqa: ANN401 (passed on)
    ) -> None:
        opening: OpenedOnce[Library] = OpenedOnce(services.library)
        services = replace(services.for_threads(), library=opening)
        super().__init__(
            name,
            tools(services),
            lifespan=partial(self._while_served, lifespan),
            cache_hints=dict.fromkeys(_NEVER_CHANGE, CacheHint(_CACHED_MS, "public")),
            **options,
        )
        self._pages = DocumentPages(services)
        self._prompts = FilledPrompts(self._pages)
        self._completing = Completing(services)
        self._clients = Clients()
        self._listening = ListenHandler(self._subscriptions)
        self.changes = Changes(opening.peek, services.library_name, self._subscriptions, self._clients)
        self.middleware.append(_say_that_documents_change)
        serve = self._lowlevel_server.add_request_handler
        serve("resources/list", PaginatedRequestParams, self._list_documents)
        serve("resources/subscribe", SubscribeRequestParams, self._subscribe)
        serve("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)
        serve("subscriptions/listen", SubscriptionsListenRequestParams, self._listen)
        serve("completion/complete", CompleteRequestParams, self._complete)
        serve("logging/setLevel", SetLevelRequestParams, self._set_level)
        self._lowlevel_server.add_notification_handler(
            "notifications/initialized", NotificationParams, self._remember
        )

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """How documents' addresses are made."""
        return [self._pages.template, *await super().list_resource_templates()]

    async def read_resource(
        self,
        uri: Any,  # noqa: ANN401 (the SDK's is a str or its own URL)
        context: Context[Any, Any] | None = None,
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """A page of a document, or whatever else was registered.

        Raises:
            ResourceNotFoundError: there is no such library, document or page.
            ResourceError: the library cannot be read.
        """
        try:
            address = read_address(str(uri))
            if address is None:
                return await super().read_resource(uri, context)
            current_caller().require("resources/read")
            return [await in_background(partial(self._pages.read, address))]
        except ToolError as error:
            raise ResourceNotFoundError(error_text(error)) from error
        except LibraryError as error:
            kind = ResourceNotFoundError if type(error) is LibraryError else ResourceError
            raise kind(error_text(error)) from error
        except StillroomError as error:
            raise ResourceError(error_text(error)) from error

    async def list_prompts(self) -> list[Prompt]:
        """The prompts that a person may pick."""
        return [*listed_prompts(), *await super().list_prompts()]

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """A prompt with its arguments filled in.

        Raises:
            MCPError: there is no such prompt, or an argument is missing, unknown, or names no document.
        """
        if name in PROMPTS:
            given = {key: str(value) for key, value in (arguments or {}).items()}
            return await answered("prompts/get", partial(self._prompts.filled, name, given))
        registered = [one.name for one in await super().list_prompts()]
        if name in registered:
            return await super().get_prompt(name, arguments, context)
        known = ", ".join((*PROMPTS, *registered))
        raise MCPError(INVALID_PARAMS, f"there is no prompt {name[:100]!r}; there are {known}")

    async def _list_documents(
        self, _context: ServerRequestContext[Any, Any], params: PaginatedRequestParams
    ) -> ListResourcesResult:
        listed = await answered("resources/list", partial(self._pages.listed, params.cursor))
        if params.cursor:
            return listed
        registered = await self.list_resources()
        return ListResourcesResult(resources=[*registered, *listed.resources], next_cursor=listed.next_cursor)

    async def _complete(
        self, _context: ServerRequestContext[Any, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        await self._require_known(params)
        chosen: Mapping[str, str] = (params.context.arguments if params.context else None) or {}
        typed = params.argument
        offered = await answered(
            "completion/complete",
            partial(self._completing.offered, typed.name, typed.value, chosen.get("library", "")),
        )
        return CompleteResult(
            completion=Completion(
                values=list(offered.values),
                total=offered.total,
                has_more=offered.total > len(offered.values),
            )
        )

    async def _require_known(self, params: CompleteRequestParams) -> None:
        """Whether the prompt or the template is there.

        Raises:
            MCPError: it is not; the message names those that are.
        """
        ref = params.ref
        if isinstance(ref, PromptReference):
            asked, known = ref.name, [prompt.name for prompt in await self.list_prompts()]
        else:
            asked = ref.uri
            known = [one.uri_template for one in await self.list_resource_templates()]
        # Some clients send the address as far as it is filled in.
        if asked not in known and not asked.startswith(DOCUMENT_TEMPLATE.partition("{")[0]):
            raise MCPError(INVALID_PARAMS, f"nothing is called {asked[:100]!r}; there are {', '.join(known)}")

    async def _subscribe(
        self, context: ServerRequestContext[Any, Any], params: SubscribeRequestParams
    ) -> EmptyResult:
        uri = str(params.uri)
        uris = self._clients.of(context).uris
        if len(uris) >= MOST_SUBSCRIPTIONS:
            raise MCPError(INVALID_PARAMS, f"{len(uris)} subscriptions are open, and no more are taken")
        await self._require_there("resources/subscribe", [uri])
        uris.add(uri)
        return EmptyResult()

    async def _listen(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Revision 2026-07-28's way: one stream, with all that its client wants to hear of."""
        uris = params.notifications.resource_subscriptions or ()
        if len(uris) > MOST_SUBSCRIPTIONS:
            raise MCPError(
                INVALID_PARAMS,
                f"{len(uris)} subscriptions are asked for: needed are {MOST_SUBSCRIPTIONS} at most",
            )
        await self._require_there("subscriptions/listen", tuple(dict.fromkeys(uris)))
        return await self._listening(context, params)

    async def _require_there(self, method: str, uris: Sequence[str]) -> None:
        """Whether there is something at each address.

        Raises:
            MCPError: at one there is nothing, or it is too long.
        """
        longest = max(map(len, uris), default=0)
        if longest > MOST_URI_CHARACTERS:
            raise MCPError(
                INVALID_PARAMS,
                f"the address has {longest} characters: needed are {MOST_URI_CHARACTERS} at most",
            )
        registered = {str(one.uri) for one in await self.list_resources()}
        if documents := [uri for uri in uris if uri not in registered]:
            await answered(method, partial(self._require_documents, documents))

    def _require_documents(self, uris: Sequence[str]) -> None:
        for uri in uris:
            self._require_document(uri)

    def _require_document(self, uri: str) -> None:
        address = read_address(uri)
        if address is None:
            raise LibraryError(
                f"there is nothing at {uri[:100]!r}", hint="resources/list names what there is"
            )
        self._pages.found(address)

    async def _unsubscribe(
        self, context: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        self._clients.of(context).uris.discard(str(params.uri))
        return EmptyResult()

    async def _set_level(
        self, context: ServerRequestContext[Any, Any], params: SetLevelRequestParams
    ) -> EmptyResult:
        set_level(context, params.level)
        return EmptyResult()

    async def _remember(self, context: ServerRequestContext[Any, Any], _params: NotificationParams) -> None:
        self._clients.of(context)

    @asynccontextmanager
    async def _while_served(
        self,
        outer: Callable[[MCPServer[Any]], AbstractAsyncContextManager[None]] | None,
        server: MCPServer[Any],
    ) -> AsyncIterator[None]:
        """Look for changes of the library as long as somebody may want to hear of them."""
        async with AsyncExitStack() as stack:
            if outer is not None:
                await stack.enter_async_context(outer(server))
            looking = asyncio.create_task(self.changes.watch())
            try:
                yield
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking


async def _say_that_documents_change(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """The SDK says so to clients of revision 2026-07-28 alone, and has no setting for the others."""
    result = await call_next(ctx)
    if ctx.method == "initialize" and isinstance(result, dict):
        result["capabilities"]["resources"]["listChanged"] = True
    return result
