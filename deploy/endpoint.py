"""A place that answers chat requests: the one noun that the library and the agents know of deployment.

It says what the model there can do, and how that was told. It does not know which process serves it, how it
was started, or how a server is asked (``deploy.probing`` asks).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deploy.spec import EngineName  # noqa: TC001  read at run time, where an endpoint comes back from a file
from stillroom.addresses import shown_address

# Where a thought is found: in a field of its own, in the text between tags, or in the text with only the
# closing tag, because the chat template puts the opening one into the prompt.
ReasoningForm = Literal["apart", "tagged", "opened"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a server was asked, for a person to read.

    Attributes:
        name: what was asked, such as ``tools`` or ``context``.
        value: the answer in a word or a number.
        how: what the server said or did, from which that was concluded.
    """

    name: str
    value: str
    how: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the model behind an endpoint can do.

    Attributes:
        native_tools: its template shows tool definitions to it, and the server reads its calls.
        json_schema: the server constrains its output to a JSON schema.
        reasoning: it thinks before it answers.
        reasoning_form: where its thought is found; of no meaning where ``reasoning`` is false.
        languages: ISO 639-1 codes of the languages that it writes.
        embeddings: the server turns texts into vectors with this model.
        embedding_dimensions: elements of such a vector; None where there are none.
        context_tokens: prompt and answer together, as the server says; None where it was not asked or does
            not say. ``Endpoint.context_tokens`` is what may be used.
        findings: how all this was told; empty where nobody asked the server.
        identity: of the model and of how it is served, as the server tells: another digest, another version
            or other flags make another; empty where nobody asked.
    """

    native_tools: bool = False
    json_schema: bool = True
    reasoning: bool = False
    languages: tuple[str, ...] = ("en", "zh")
    reasoning_form: ReasoningForm = "apart"
    embeddings: bool = False
    embedding_dimensions: int | None = None
    context_tokens: int | None = None
    findings: tuple[Finding, ...] = ()
    # It says which model this is and not what it can do.
    identity: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible chat endpoint.

    Attributes:
        base_url: the root of the OpenAI API, ending in ``/v1``; for Ollama the native API is beside it.
        model: the name that requests carry.
        engine: decides which of the server's APIs is used; a llama.cpp server that a person runs counts as
            ``embedded``.
        context_tokens: prompt and answer together; longer requests are refused by the server.
        api_key: sent as a bearer token; never printed.
    """

    base_url: str
    model: str
    engine: EngineName
    context_tokens: int
    capabilities: Capabilities = field(default_factory=Capabilities)
    api_key: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The base URL as messages, logs and traces show it: without a name and password.

        Example:
            >>> Endpoint("https://me:hush@box.example/v1", "m", "vllm", context_tokens=4096).address
            'https://box.example/v1'
        """
        return shown_address(self.base_url)
