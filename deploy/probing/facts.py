"""What a server says of itself and of a model without computing a token. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What was said.

    Attributes:
        server: its kind and version, for a person.
        server_how: where it says so.
        fingerprint: changes when the model, or how it is served, may have changed.
        context_tokens: prompt and answer together, of one request; None where it does not say.
        context_how: where it says so.
        says_tools: whether it claims that the model takes tools; None where it claims nothing.
        says_thinking: whether it claims that the model thinks, and lets that be switched; None likewise.
        says_opened: the model's chat template ends its prompts with an opening tag; None likewise.
    """

    server: str
    server_how: str
    fingerprint: str
    context_tokens: int | None = None
    context_how: str = ""
    says_tools: bool | None = None
    says_thinking: bool | None = None
    says_opened: bool | None = None
