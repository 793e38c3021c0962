"""Widen a question by a model: other ways to ask it, a passage that might answer it, or its translation.

What the model wrote is checked and bounded, and it is only searched by, never shown as knowledge. A model
that fails, or that does not keep to what was asked, widens nothing, and the search goes on with a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rag.language import detect_language
from rag.retrieval.expansion_wording import wording
from rag.tokens import content_terms
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.endpoint import Endpoint
    from rag.language import Language
    from rag.retrieval.options import Expansion

# RAG-Fusion asks for a handful; each costs a search of its own.
_MOST_QUERIES: Final = 3
_LONGEST_QUERY_CHARACTERS: Final = 300
# About a passage: 200 tokens of the embedder.
_LONGEST_PASSAGE_CHARACTERS: Final = 800
# Of the reply: JSON around at most that many characters.
_REPLY_TOKENS: Final = {"fusion": 320, "hyde": 400, "translate": 200}


@dataclass(frozen=True, slots=True)
class Expanded:
    """What to search for besides the question.

    Attributes:
        queries: other questions, each searched by words and by meaning.
        passage: what a passage that answers might say; searched by meaning with the question.
        notes: why there is nothing, where there is nothing.
    """

    queries: tuple[str, ...] = ()
    passage: str = ""
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All of it."""
        return (*self.queries, self.passage) if self.passage else self.queries


def expand(question: str, mode: Expansion, endpoint: Endpoint | None) -> Expanded:
    """Ask the model to widen the question; never raises for a model that fails.

    Args:
        question: as a person wrote it: data, whatever it says.
        mode: ``fusion``: other ways to ask; ``hyde``: a passage that might answer; ``translate``: the same
            question in the other language.
        endpoint: the model; None where none runs.

    Example:
        >>> expand("what is kept?", "fusion", None).notes
        ('the question was not widened: no model is running',)
    """
    if endpoint is None:
        return _nothing("no model is running")
    language = detect_language(question)
    written: Language = _other(language) if mode == "translate" else language
    if written not in endpoint.capabilities.languages:
        return _nothing(f"{endpoint.model} does not write {written!r}")
    try:
        values = _reply(question, mode, endpoint)
    except ModelError as error:
        return _nothing(error.message)
    expanded = _read(values, mode, question, written)
    return expanded if expanded.texts else _nothing(f"the reply of {endpoint.model} could not be used")


def _reply(question: str, mode: Expansion, endpoint: Endpoint) -> list[dict[str, Any]]:
    from rag.model_call import ask_for_json, json_objects
    from rag.prompt_text import as_data

    words = wording(detect_language(question))
    reply = ask_for_json(
        endpoint,
        system=words.instructions[mode],
        user=words.question.format(question=as_data(question)),
        notes=words.notes,
        schema=_schema(mode),
        max_tokens=_REPLY_TOKENS[mode],
    )
    return list(json_objects(reply.text))


def _schema(mode: Expansion) -> dict[str, Any]:
    from rag.prompt_text import closed_object

    query = {"type": "string", "minLength": 2, "maxLength": _LONGEST_QUERY_CHARACTERS}
    if mode == "fusion":
        listed = {"type": "array", "items": query, "minItems": 1, "maxItems": _MOST_QUERIES}
        return closed_object({"queries": listed})
    if mode == "hyde":
        passage = {"type": "string", "minLength": 20, "maxLength": _LONGEST_PASSAGE_CHARACTERS}
        return closed_object({"passage": passage})
    return closed_object({"translation": query})


def _read(values: Iterable[dict[str, Any]], mode: Expansion, question: str, written: Language) -> Expanded:
    """What can be used of the reply; a server need not have kept to the schema."""
    for value in values:
        if mode == "hyde":
            texts = _usable([value.get("passage")], question, written, longest=_LONGEST_PASSAGE_CHARACTERS)
            if texts:
                return Expanded(passage=texts[0])
            continue
        listed = value.get("queries") if mode == "fusion" else [value.get("translation")]
        texts = _usable(
            listed if isinstance(listed, list) else [], question, written, longest=_LONGEST_QUERY_CHARACTERS
        )
        if texts:
            return Expanded(queries=texts[:_MOST_QUERIES])
    return Expanded()


def _usable(texts: Iterable[object], question: str, written: Language, *, longest: int) -> tuple[str, ...]:
    """Those that say something, in the language that was asked for, and are not the question again."""
    kept: list[str] = []
    seen = {content_terms(question)}
    for text in texts:
        if not isinstance(text, str):
            continue
        shortened = " ".join(text.split())[:longest]
        terms = content_terms(shortened)
        if terms and terms not in seen and detect_language(shortened) == written:
            seen.add(terms)
            kept.append(shortened)
    return tuple(kept)


def _other(language: Language) -> Language:
    return "zh" if language == "en" else "en"


def _nothing(why: str) -> Expanded:
    return Expanded(notes=(f"the question was not widened: {why}",))
