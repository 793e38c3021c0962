"""One request to a model for JSON that keeps to a schema: thinking first where it thinks.

It knows endpoints and messages, and nothing of passages, tools or what the JSON means: whoever searches,
answers or acts with a model asks through it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.chat import chat_model, json_schema_option, split_reasoning
from deploy.chat_errors import cut_off_text, model_errors, readable_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.endpoint import Endpoint

# A thought may take this share of the context; the rest is the prompt's and the reply's.
_THINKING_SHARE: Final = 4


@dataclass(frozen=True, slots=True)
class JsonReply:
    """What a model replied.

    Attributes:
        text: JSON if the server kept to the schema; it may be cut off by the token limit.
        reasoning: what it thought before; empty for a model that does not think.
    """

    text: str
    reasoning: str


def ask_for_json(
    endpoint: Endpoint, *, system: str, user: str, notes: str, schema: dict[str, Any], max_tokens: int
) -> JsonReply:
    """Ask for one JSON value.

    A schema that binds from the first token keeps a reasoning model from thinking, so such a model is asked
    twice: freely, and then, with its own notes in front of it, under the schema.

    Args:
        endpoint: where the model answers.
        system: instructions.
        user: the request.
        notes: how the notes are introduced, with ``{notes}`` where they go.
        schema: of the reply.
        max_tokens: of the reply; a thought has a quarter of the context beside it.

    Raises:
        ModelError: the endpoint refused the request, was not reachable or took too long.
    """
    reasoning = ""
    if endpoint.capabilities.reasoning:
        thought, said = _ask(endpoint, system, user, max_tokens=thinking_tokens(endpoint))
        reasoning = thought or said
        user = f"{user}\n\n{notes.format(notes=said or thought)}"
    option = json_schema_option(endpoint, schema, name="reply") if endpoint.capabilities.json_schema else {}
    thought, said = _ask(endpoint, system, user, max_tokens=max_tokens, **option)
    # A server that takes the template's own <think> for an open thought hands the JSON over as reasoning.
    return JsonReply(said or thought, reasoning)


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


def _ask(
    endpoint: Endpoint,
    system: str,
    user: str,
    *,
    max_tokens: int,
    **option: Any,  # noqa: ANN401 - LangChain's
) -> tuple[str, str]:
    """Reasoning and answer of one request."""
    import openai
    from langchain_core.messages import HumanMessage, SystemMessage

    with model_errors(endpoint):
        model = chat_model(endpoint, max_tokens=max_tokens)
        try:
            with readable_answer(endpoint):
                message = model.invoke([SystemMessage(system), HumanMessage(user)], **option)
        except openai.LengthFinishReasonError as error:
            return "", cut_off_text(error)
    return split_reasoning(message)
