"""The questions that cost tokens: does the model keep to a schema, think, make vectors.

Each takes a chat API and gives an answer with its reason. Each request has a limit of a few tokens. Whether
it calls tools is asked in ``tool_calls``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from deploy.probing.report import LATE, Told
from deploy.probing.server import OK

if TYPE_CHECKING:
    from deploy.endpoint import ReasoningForm
    from deploy.probing.chat_api import ChatApi, ChatReply

# Enough to see whether a thought begins.
PLAIN_TOKENS: Final = 4
_SCHEMA_TOKENS: Final = 40
_OPENING: Final = "<think>"

# No model writes this by chance.
_WANTED: Final = {"kept": "q7"}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"kept": {"type": "string", "enum": ["q7"]}},
    "required": ["kept"],
    "additionalProperties": False,
}
_NO_SCHEMA: Final[dict[str, Any]] = {"type": "nonsense"}


def json_schema(api: ChatApi, *, thinks: bool) -> Told:
    """Whether an answer keeps to a schema that no answer would keep to by chance.

    A model that thinks first may not come to its answer: then a schema that is none must be refused, which
    only a server that reads schemas does.
    """
    reply = api.chat(max_tokens=_SCHEMA_TOKENS, schema=_SCHEMA)
    if reply is None:
        return LATE
    if reply.refusal is not None:
        return Told(value=False, how=f"refused: {reply.refusal.words}")
    # Where the template opens a thought, a parser of reasoning takes the JSON for one.
    written = (reply.text or reply.reasoning or "").strip()
    if _is_wanted(written):
        return Told(value=True, how="an answer kept to one")
    if reply.complete and reply.text and not thinks:
        return Told(value=False, how=f"an answer did not keep to one: {_shown(written)}")
    return _reads_schemas(api, written)


def _reads_schemas(api: ChatApi, written: str) -> Told:
    """Whether the server refuses what is no schema, after an answer that says nothing."""
    refused = api.chat(max_tokens=1, schema=_NO_SCHEMA)
    if refused is None:
        return LATE
    if refused.refusal is not None:
        return Told(value=True, how="it refuses a schema that is none; an answer would take a whole thought")
    return Told(value=False, how=f"it takes a schema that is none, and an answer began {_shown(written)}")


def thinking(
    plain: ChatReply, *, claimed: bool | None, opened: bool | None
) -> tuple[Told, ReasoningForm | None]:
    """Whether the model thinks, and where its thought is found.

    Args:
        plain: the beginning of an answer.
        claimed: the server says that it thinks and can hand that over apart.
        opened: the prompt that the template makes ends with the opening tag.
    """
    if claimed:
        return Told(value=True, how="the server says that it thinks"), "apart"
    # Some servers send the field for every model, empty; one of a parser that has only read a tag is, too.
    if plain.reasoning or (plain.reasoning is not None and not plain.text):
        return Told(value=True, how="an answer came with a field for the thought"), "apart"
    if plain.text.lstrip().startswith(_OPENING):
        return Told(value=True, how=f"an answer began with {_OPENING}"), "tagged"
    if opened:
        return Told(value=True, how=f"the template ends the prompt with {_OPENING}"), "opened"
    return Told(value=False, how=f"{PLAIN_TOKENS} tokens of an answer had no thought"), None


def embeddings(api: ChatApi) -> tuple[Told, int | None]:
    """Whether the server makes vectors with the model, and of how many elements."""
    reply = api.embed()
    if reply is None:
        return LATE, None
    vector = api.vector(reply)
    if reply.status == OK and isinstance(vector, list) and vector:
        return Told(value=True, how="a text came back as a vector"), len(vector)
    from deploy.refusals import server_words

    return Told(value=False, how=f"HTTP {reply.status}: {server_words(reply.text)}"), None


def _is_wanted(text: str) -> bool:
    try:
        return bool(json.loads(text) == _WANTED)
    except ValueError:
        return False


def _shown(text: str) -> str:
    """A model's words, short and on one line."""
    return json.dumps(" ".join(text.split())[:40], ensure_ascii=False)
