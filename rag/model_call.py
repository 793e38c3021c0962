"""A request to a model for JSON that keeps to a schema, read as it is written; it thinks first where it can.

It knows endpoints and messages, and nothing of passages, tools or what the JSON means: whoever searches,
answers or acts with a model asks through it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from deploy.chat import chat_model, json_schema_option, split_reasoning, stream_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.endpoint import Endpoint

# A thought may take this share of the context; the rest is the prompt's and the reply's.
_THINKING_SHARE: Final = 4

# No tokenizer in use makes fewer tokens of a text than this: English prose has 4 to 5 characters a token with
# the largest vocabularies, Chinese 1.5 to 2. A count below it is no count of the whole prompt.
_MOST_ASCII_CHARACTERS_PER_TOKEN: Final = 10
_MOST_OTHER_CHARACTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class JsonRequest:
    """What is asked.

    Attributes:
        system: instructions.
        user: the request.
        notes: how a thinking model's notes are introduced, with ``{notes}`` where they go.
        schema: of the reply.
        max_tokens: of the reply; a thought has a quarter of the context beside it.
    """

    system: str
    user: str
    notes: str
    schema: dict[str, Any]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class ReplyPiece:
    """A piece of the reply's JSON, or of what was thought before it."""

    kind: Literal["reasoning", "reply"]
    text: str


@dataclass(slots=True)
class JsonReply:
    """What a model replied, complete once ``stream_json`` has come to its end.

    Attributes:
        text: JSON if the server kept to the schema; it may be cut off by the token limit.
        reasoning: what it thought before; empty for a model that does not think.
        prompt_tokens: what the server counted in the last prompt; None where it does not say.
        least_prompt_tokens: fewer than the last prompt can have taken.
    """

    text: str = ""
    reasoning: str = ""
    prompt_tokens: int | None = None
    least_prompt_tokens: int = field(default=0)

    @property
    def prompt_was_cut(self) -> bool:
        """Whether the server counted fewer tokens than the prompt must have."""
        return self.prompt_tokens is not None and self.prompt_tokens < self.least_prompt_tokens


def stream_json(endpoint: Endpoint, request: JsonRequest, reply: JsonReply) -> Iterator[ReplyPiece]:
    """Ask for one JSON value and give it as it is written.

    A schema that binds from the first token keeps a reasoning model from thinking, so such a model is asked
    twice: freely, and then, with its own notes in front of it, under the schema.

    Args:
        endpoint: where the model answers.
        request: what is asked.
        reply: is filled in on the way.

    Raises:
        ModelError: the endpoint refused the request, was not reachable, took too long or broke off.
    """
    from langchain_core.messages import AIMessage

    user = request.user
    if endpoint.capabilities.reasoning:
        notes = ""
        for piece in _ask(endpoint, request.system, user, reply, max_tokens=thinking_tokens(endpoint)):
            if piece.kind == "reasoning":
                reply.reasoning += piece.text
                yield piece
            else:
                notes += piece.text
        if not reply.reasoning and notes:
            # No thought came apart: a closing tag may stand in the text, or all of it is one.
            thought, said = split_reasoning(AIMessage(notes))
            reply.reasoning, notes = thought or said, said
            yield ReplyPiece("reasoning", reply.reasoning)
        user = f"{user}\n\n{request.notes.format(notes=notes or reply.reasoning)}"
    yield from _constrained(endpoint, request, user, reply)


def ask_for_json(
    endpoint: Endpoint, *, system: str, user: str, notes: str, schema: dict[str, Any], max_tokens: int
) -> JsonReply:
    """The same, all at once; the arguments are those of ``JsonRequest``.

    Raises:
        ModelError: as ``stream_json``.
    """
    reply = JsonReply()
    for _ in stream_json(endpoint, JsonRequest(system, user, notes, schema, max_tokens), reply):
        pass
    return reply


def thinking_tokens(endpoint: Endpoint) -> int:
    """Tokens to keep free for a thought, and later for the notes that it becomes; 0 where none is thought."""
    return endpoint.context_tokens // _THINKING_SHARE if endpoint.capabilities.reasoning else 0


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, outermost first; those inside an object that was cut off, too.

    Example:
        >>> list(json_objects('Sure: {"claims": [{"text": "a"}, {"text": "b'))
        [{'text': 'a'}]
    """
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        # Besides what is no JSON: a number of thousands of digits, and brackets nested without end.
        except (ValueError, RecursionError):
            end = position + 1
        else:
            yield value
        position = text.find("{", end)


def _constrained(
    endpoint: Endpoint, request: JsonRequest, user: str, reply: JsonReply
) -> Iterator[ReplyPiece]:
    """The request under the schema, or without it where the server knows no schemas."""
    capabilities = endpoint.capabilities
    bound = capabilities.json_schema
    option = json_schema_option(endpoint, request.schema, name="reply") if bound else {}
    if bound and capabilities.reasoning_form == "opened":
        # Under a schema the text begins with the JSON, although the template has opened a thought.
        endpoint = replace(endpoint, capabilities=replace(capabilities, reasoning_form="tagged"))
    thought = ""
    for piece in _ask(endpoint, request.system, user, reply, max_tokens=request.max_tokens, **option):
        # A server that takes the template's own <think> for an open thought hands the JSON over as reasoning.
        if piece.kind == "reply" or bound:
            reply.text += piece.text
            yield ReplyPiece("reply", piece.text)
        else:
            thought += piece.text
            yield piece
    if thought and reply.text:
        reply.reasoning = "\n\n".join(filter(None, (reply.reasoning, thought)))
    elif thought:
        reply.text = thought
        yield ReplyPiece("reply", thought)


def _ask(
    endpoint: Endpoint,
    system: str,
    user: str,
    reply: JsonReply,
    *,
    max_tokens: int,
    **option: Any,  # noqa: ANN401 - LangChain's
) -> Iterator[ReplyPiece]:
    """One request's pieces."""
    from langchain_core.messages import HumanMessage, SystemMessage

    def counted(tokens: int) -> None:
        reply.prompt_tokens = tokens

    reply.prompt_tokens, reply.least_prompt_tokens = None, _least_tokens(system + user)
    model = chat_model(endpoint, max_tokens=max_tokens)
    messages = [SystemMessage(system), HumanMessage(user)]
    for piece in stream_pieces(endpoint, model, messages, on_prompt_tokens=counted, **option):
        yield ReplyPiece("reasoning" if piece.kind == "reasoning" else "reply", piece.text)


def _least_tokens(text: str) -> int:
    """Fewer tokens than any tokenizer makes of the text."""
    ascii_characters = sum(character.isascii() and not character.isspace() for character in text)
    others = sum(not character.isascii() for character in text)
    return ascii_characters // _MOST_ASCII_CHARACTERS_PER_TOKEN + others // _MOST_OTHER_CHARACTERS_PER_TOKEN
