"""Answer a question from the library, with citations that were checked, or refuse.

The one place where retrieval, evidence, prompt, model and citation check meet. It knows the model only as an
endpoint; how passages are found, what a prompt says and what counts as proof are its siblings' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.answering.citations import Claim, check_claims, cited_text
from rag.answering.evidence import E5_DENSE_FLOORS, STRONG_COVERAGE, best_sentences, is_sufficient
from rag.answering.prompt import LONGEST_TEXT_CHARACTERS, build_prompt
from rag.answering.quotes import citation
from rag.answering.wording import wording
from rag.document import Answer
from rag.embedders import BUNDLED_EMBEDDER
from rag.language import detect_language
from rag.model_call import ask_for_json, json_objects, thinking_tokens
from rag.passages.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.endpoint import Endpoint
    from rag.answering.evidence import DenseFloors
    from rag.document import Hit
    from rag.library import Library

_ENDINGS: Final = tuple('.。!！?？"”’)）')


def answer(
    question: str, library: Library, *, endpoint: Endpoint | None, limit: int = 6, max_tokens: int = 512
) -> Answer:
    """Find passages and answer from them.

    Args:
        question: in English or Chinese.
        library: where the passages are.
        endpoint: the model to write with; None for the documents' own sentences.
        limit: how many passages are looked at.
        max_tokens: of the model's reply, without its reasoning.

    Raises:
        LibraryEmptyError: nothing was ingested yet.
        ModelError: the endpoint refused the request or is not reachable.

    Example:
        >>> answer("What is a KV cache?", library, endpoint=None).kind  # doctest: +SKIP
        'extractive'
    """
    from rag.retrieval.retrieve import retrieve

    hits = retrieve(library, question, limit=limit)
    # Floors were calibrated for the bundled embedder alone; another one's cosines have another scale.
    floors = E5_DENSE_FLOORS if library.embedder.name == BUNDLED_EMBEDDER else None
    return answer_from_hits(question, hits, endpoint=endpoint, max_tokens=max_tokens, dense_floors=floors)


def answer_from_hits(
    question: str,
    hits: Sequence[Hit],
    *,
    endpoint: Endpoint | None,
    max_tokens: int = 512,
    dense_floors: DenseFloors | None = E5_DENSE_FLOORS,
) -> Answer:
    """Answer from passages that were found already; see ``answer``.

    Weak evidence is refused before any model is asked. A model is asked only in a language that it writes.

    Raises:
        ModelError: the endpoint refused the request, is not reachable, or has too small a context.
    """
    language = detect_language(question)
    words = wording(language)
    if not is_sufficient(question, hits, dense_floors=dense_floors):
        return _refusal(question, words.refused_weak)
    if endpoint is None:
        return _extractive(question, hits, notice=words.notice_no_endpoint)
    if language not in endpoint.capabilities.languages:
        return _extractive(question, hits, notice=words.notice_language.format(model=endpoint.model))
    return _written(question, hits, endpoint, max_tokens)


def _written(question: str, hits: Sequence[Hit], endpoint: Endpoint, max_tokens: int) -> Answer:
    """What the model writes and the passages prove; else the passages' own sentences."""
    language = detect_language(question)
    words = wording(language)
    room = endpoint.context_tokens - thinking_tokens(endpoint)
    prompt = build_prompt(question, hits, context_tokens=room, max_tokens=max_tokens)
    raw = ask_for_json(
        endpoint,
        system=prompt.system,
        user=prompt.user,
        notes=words.notes,
        schema=prompt.schema,
        max_tokens=prompt.answer_tokens,
    )
    reply = read_reply(raw.text)
    if reply.not_answered and not reply.claims:
        return _model_found_nothing(question, hits, len(prompt.passages), raw.reasoning)
    if not reply.claims:
        return _extractive(question, hits, notice=words.notice_unusable, reasoning=raw.reasoning)
    verdict = check_claims(reply.claims, prompt.passages, question)
    if not verdict.kept:
        return _extractive(
            question, hits, notice=words.notice_unverified, reasoning=raw.reasoning, dropped=verdict.dropped
        )
    text, citations = cited_text(verdict.kept, language)
    crossed = any(claim.other_language for claim in verdict.kept)
    return Answer(
        question=question,
        kind="written",
        text=text,
        citations=citations,
        reasoning=raw.reasoning,
        dropped=verdict.dropped,
        notice=words.notice_other_language if crossed else "",
    )


def _model_found_nothing(question: str, hits: Sequence[Hit], read: int, reasoning: str) -> Answer:
    """Refuse, unless one sentence shares nearly all words of the question: small models give up easily."""
    words = wording(detect_language(question))
    if any(sentence.coverage >= STRONG_COVERAGE for sentence in best_sentences(question, hits)):
        return _extractive(question, hits, notice=words.notice_model_found_nothing, reasoning=reasoning)
    return _refusal(question, words.refused_by_model.format(passages=read), reasoning=reasoning)


def _extractive(
    question: str, hits: Sequence[Hit], *, notice: str, reasoning: str = "", dropped: tuple[str, ...] = ()
) -> Answer:
    """The passages' own sentences, word for word, each with its citation."""
    chosen = best_sentences(question, hits)
    return Answer(
        question=question,
        kind="extractive",
        text="\n".join(f"{sentence.text} [{marker}]" for marker, sentence in enumerate(chosen, 1)),
        citations=tuple(
            citation(marker, sentence.passage, sentence.start, sentence.end)
            for marker, sentence in enumerate(chosen, 1)
        ),
        reasoning=reasoning,
        dropped=dropped,
        notice=notice,
    )


def _refusal(question: str, why: str, *, reasoning: str = "") -> Answer:
    return Answer(question=question, kind="refused", text=why, citations=(), reasoning=reasoning)


@dataclass(frozen=True, slots=True)
class Reply:
    """What could be read of a model's reply."""

    claims: tuple[Claim, ...]
    not_answered: bool


class _WrittenClaim(BaseModel):
    """A claim as a model wrote it: a server need not have kept to the schema."""

    model_config = ConfigDict(strict=True)

    text: str = Field(min_length=1)
    passage: str
    quote: str


def read_reply(text: str) -> Reply:
    """The claims in a reply, also where it was cut off, wrapped in prose, or is partly malformed.

    Example:
        >>> read_reply('{"not_answered": true}')
        Reply(claims=(), not_answered=True)
    """
    claims: list[Claim] = []
    not_answered = False
    for value in json_objects(text):
        listed = value.get("answer", [value])
        claims += _readable_claims(listed if isinstance(listed, list) else [listed])
        not_answered = not_answered or value.get("not_answered") is True
    return Reply(tuple(claims), not_answered)


def _readable_claims(values: Sequence[Any]) -> list[Claim]:
    claims = []
    for value in values:
        try:
            written = _WrittenClaim.model_validate(value)
        except ValidationError:
            continue
        claims += [Claim(text, written.passage, written.quote) for text in _whole_sentences(written.text)]
    return claims


def _whole_sentences(text: str) -> list[str]:
    """The sentences of a claim, each to be checked alone; one that the length limit cut off is left out.

    A short text without a full stop is a sentence too.
    """
    found = [text[start:end] for start, end in split_sentences(text)]
    if len(text) >= LONGEST_TEXT_CHARACTERS and found and not found[-1].endswith(_ENDINGS):
        found.pop()
    return found
