"""A place that answers chat requests: the one noun that the library and the agents know of deployment.

It says what the model there can do. It does not know which process serves it or how it was started.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.spec import EngineName  # noqa: TC001  read at run time, where an endpoint comes back from a file


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the model behind an endpoint can do.

    Attributes:
        native_tools: its template shows tool definitions to it, and it calls them.
        json_schema: the server constrains its output to a JSON schema.
        reasoning: it thinks between ``<think>`` and ``</think>`` before it answers.
        languages: ISO 639-1 codes of the languages that it writes.
    """

    native_tools: bool = False
    json_schema: bool = True
    reasoning: bool = False
    languages: tuple[str, ...] = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible chat endpoint.

    Attributes:
        base_url: the root of the OpenAI API, ending in ``/v1``; for Ollama the native API is beside it.
        model: the name that requests carry.
        context_tokens: prompt and answer together; longer requests are refused or cut by the server.
        api_key: sent as a bearer token; never printed.
    """

    base_url: str
    model: str
    engine: EngineName
    context_tokens: int
    capabilities: Capabilities = field(default_factory=Capabilities)
    api_key: str | None = field(default=None, repr=False)
