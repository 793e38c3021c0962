"""What an MCP tool gave back, as our result: text for the model, data for programs.

Pure. What no model can read as text is named with its kind and size, so that its absence is seen. Text from
outside is data: it cannot steer a terminal or pass for a turn of a chat template.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from agents.mcp_servers.failures import plain_words
from agents.tools import ToolResult
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from mcp.types import BlobResourceContents, CallToolResult, ContentBlock, TextResourceContents

    from agents.mcp_servers.redaction import Secrets

# More is of no use to a model, and each result is kept for as long as the conversation lasts.
MOST_CHARACTERS: Final = 4_000_000
_KIB: Final = 1024


def to_result(name: str, result: CallToolResult, secrets: Secrets) -> ToolResult:
    """The result's text and data; the text is not yet cut to a page.

    Args:
        name: of the tool, for messages.
        result: as the SDK has checked it.
        secrets: hidden, wherever they turn up.

    Raises:
        ToolError: the tool says that it failed, in its own words.
    """
    parts = [block_text(block) for block in result.content]
    text = "\n".join(part for part in parts if part)
    data = result.structured_content
    if not text and data:
        text = json.dumps(data, ensure_ascii=False)
    readable = secrets.redact_result(plain_words(text, limit=MOST_CHARACTERS))
    if result.is_error:
        # Stillroom's own server writes errors this way; other servers' texts stay whole.
        message, _, hint = secrets.redact(readable).partition("\nHint: ")
        raise ToolError(message or f"{name}: the tool failed and gave no reason", hint=hint)
    return ToolResult(readable or "[the tool gave an empty result]", _as_object(secrets.redact_data(data)))


def block_text(block: ContentBlock) -> str:
    """One block of a result as text."""
    from mcp.types import AudioContent, EmbeddedResource, ImageContent, ResourceLink, TextContent

    match block:
        case TextContent():
            return block.text
        case EmbeddedResource():
            return resource_text(block.resource)
        case ResourceLink():
            words = [block.uri, block.title or block.name, block.mime_type or "", block.description or ""]
            return f"[resource {', '.join(word for word in words if word)}]"
        case ImageContent() | AudioContent():
            return f"[{block.type} {block.mime_type}, {_size(block.data)}: not shown]"


def resource_text(resource: TextResourceContents | BlobResourceContents) -> str:
    """A resource's text, with its address if it is not the whole answer; of a binary one kind and size."""
    from mcp.types import TextResourceContents

    if isinstance(resource, TextResourceContents):
        return resource.text
    return f"[resource {resource.uri}, {resource.mime_type or 'binary'}, {_size(resource.blob)}: not shown]"


def _as_object(data: object) -> dict[str, Any]:
    """Structured content as an object; from revision 2026-07-28 on it may be any JSON value."""
    if data is None:
        return {}
    return data if isinstance(data, dict) else {"result": data}


def _size(base64_text: str) -> str:
    """Size of what the text encodes: three bytes in four characters."""
    size_bytes = len(base64_text) * 3 // 4 - base64_text[-2:].count("=")
    return f"{size_bytes} bytes" if size_bytes < _KIB else f"{size_bytes / _KIB:.1f} KiB"
