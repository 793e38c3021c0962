"""The prompts in the protocol's words, the beginnings of the documents that they are about attached.

It does not know what a prompt says (``mcp_server.prompts``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.types import (
    EmbeddedResource,
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from mcp_server.prompts import PROMPTS
from mcp_server.resources.completion import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_server.resources.pages import DocumentPages


def listed_prompts() -> list[Prompt]:
    """What a person may pick from."""
    return [
        Prompt(
            name=prompt.name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                PromptArgument(name=one.name, description=one.description, required=one.required)
                for one in prompt.arguments
            ],
        )
        for prompt in PROMPTS.values()
    ]


@dataclass(frozen=True, slots=True)
class FilledPrompts:
    """Fills prompts; the documents are read from the library."""

    pages: DocumentPages

    def filled(self, name: str, given: Mapping[str, str]) -> GetPromptResult:
        """A prompt as messages of a person's.

        Raises:
            KeyError: there is no such prompt.
            ToolError: an argument is missing, unknown or too long.
            LibraryError: one names no document.
        """
        prompt = PROMPTS[name]
        text = prompt.filled(given)
        named = [given[one.name].strip() for one in prompt.arguments if one.name in DOCUMENTS]
        first = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=prompt.description, messages=[first, *map(self._attached, named)])

    def _attached(self, document: str) -> PromptMessage:
        page = self.pages.first_page(document)
        return PromptMessage(role="user", content=EmbeddedResource(type="resource", resource=page))
