"""What comes from a server, without the tools in its list that are none by the protocol.

The SDK refuses a list as a whole for one bad entry, and the server with it. So bad entries are taken out
before it sees them, and why is kept. It does not judge what a tool says of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agents.mcp_servers.failures import invalid_words, plain_words

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mcp.client._transport import ReadStream
    from mcp.shared.message import SessionMessage

_METHOD: Final = "tools/list"
# Where in an error of the whole list the tool's own part begins: behind "tools" and its number.
_WITHIN_A_TOOL: Final = 2
_NAME_CHARACTERS: Final = 100


class ToolSieve:
    """The stream of a server's messages, its lists of tools sifted.

    Args:
        stream: as the transport reads it.
        left_out: is told of each tool that is none: its name, and why.
    """

    def __init__(self, stream: ReadStream[SessionMessage | Exception], left_out: dict[str, str]) -> None:
        self._stream = stream
        self._left_out = left_out
        self._version: str | None = None

    @property
    def last_context(self) -> Any:  # noqa: ANN401 -- the SDK looks for it, and takes what it gets
        """Of the sender of the last message."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return self._sifted(await self._stream.receive())

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        """All messages until the end."""
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        """The next message."""
        return self._sifted(await anext(self._stream))

    async def __aenter__(self) -> Self:
        """Open the stream."""
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Close the stream."""
        return await self._stream.__aexit__(kind, error, trace)

    def _sifted(self, message: SessionMessage | Exception) -> SessionMessage | Exception:
        from mcp.types import JSONRPCResponse

        if isinstance(message, Exception) or not isinstance(message.message, JSONRPCResponse):
            return message
        result = message.message.result
        if isinstance(version := result.get("protocolVersion"), str):
            self._version = version
        # Nothing else that a server answers has tools; what a tool gave back has its data one level deeper.
        if isinstance(tools := result.get("tools"), list) and tools and "content" not in result:
            result["tools"] = good_tools(result, self._version, self._left_out)
        return message


def good_tools(result: dict[str, Any], version: str | None, left_out: dict[str, str]) -> list[Any]:
    """The tools of a list that the protocol's revision takes; all of them where the list is bad without any.

    Args:
        result: the list as the server sent it.
        version: the revision that was agreed on; None for the newest, which is not agreed on beforehand.
        left_out: gets the name of each that is none, and why; whoever is good again is taken out of it.
    """
    from mcp_types.version import LATEST_MODERN_VERSION

    revision = version or LATEST_MODERN_VERSION
    tools: list[Any] = result["tools"]
    if not _problem(result, tools, revision) or _problem(result, [], revision):
        for tool in tools:
            left_out.pop(_name(tool, 0), None)
        return tools
    good = []
    for number, tool in enumerate(tools, start=1):
        problem = _problem(result, [tool], revision)
        if problem:
            left_out[_name(tool, number)] = problem
        else:
            left_out.pop(_name(tool, number), None)
            good.append(tool)
    return good


def _problem(result: dict[str, Any], tools: list[Any], revision: str) -> str:
    """What the SDK would refuse in a list of these tools; empty where nothing."""
    from mcp.types import ListToolsResult
    from mcp_types.methods import validate_server_result
    from pydantic import ValidationError

    listed = {**result, "tools": tools}
    try:
        try:
            validate_server_result(_METHOD, revision, listed)
        except (KeyError, ValueError) as unknown:
            if isinstance(unknown, ValidationError):
                raise
        ListToolsResult.model_validate(listed, by_name=False)
    except ValidationError as error:
        return invalid_words(error, below=_WITHIN_A_TOOL)
    return ""


def _name(tool: object, number: int) -> str:
    """How a message calls the tool."""
    name = tool.get("name") if isinstance(tool, dict) else None
    return plain_words(name, limit=_NAME_CHARACTERS) if isinstance(name, str) and name else f"no. {number}"
