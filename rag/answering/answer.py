"""Answer a question from the library, with citations that were checked, or refuse.

The one place where retrieval, evidence, prompt, model and citation check meet. It knows the model only as an
endpoint; how passages are found, what a prompt says and what counts as proof are its siblings' business.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rag.answering.events import Answered, Retrieved
from rag.answering.evidence import is_sufficient, rule_for
from rag.answering.fallbacks import extractive, refusal
from rag.answering.followup import standalone_question
from rag.answering.wording import wording
from rag.answering.writing import write_answer
from rag.embedders import BUNDLED_EMBEDDER
from rag.language import detect_language

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from deploy.endpoint import Endpoint
    from rag.answering.events import AnswerEvent
    from rag.answering.evidence import Rule
    from rag.answering.followup import Turn
    from rag.document import Answer, Hit
    from rag.library import Library
    from rag.retrieval.options import RetrievalOptions

# Of the model's reply, without its reasoning.
_ANSWER_TOKENS: Final = 512
_PASSAGES: Final = 6


def answer(
    question: str,
    library: Library,
    *,
    endpoint: Endpoint | None,
    limit: int = _PASSAGES,
    max_tokens: int = _ANSWER_TOKENS,
    history: Sequence[Turn] = (),
    options: RetrievalOptions | None = None,
) -> Answer:
    """Find passages and answer from them; see ``answer_events``.

    Example:
        >>> answer("What is a KV cache?", library, endpoint=None).kind  # doctest: +SKIP
        'extractive'
    """
    return final_answer(
        answer_events(
            question,
            library,
            endpoint=endpoint,
            limit=limit,
            max_tokens=max_tokens,
            history=history,
            options=options,
        )
    )


def answer_events(
    question: str,
    library: Library,
    *,
    endpoint: Endpoint | None,
    limit: int = _PASSAGES,
    max_tokens: int = _ANSWER_TOKENS,
    history: Sequence[Turn] = (),
    options: RetrievalOptions | None = None,
) -> Generator[AnswerEvent, None, None]:
    """Find passages and answer from them, each step as it is done; the last event is ``Answered``.

    Closing the iterator ends the request to the model.

    Args:
        question: in English or Chinese; the answer is in its language.
        library: where the passages are.
        endpoint: the model to write with; None for the documents' own sentences.
        limit: how many passages are looked at.
        max_tokens: of the model's reply, without its reasoning.
        history: the turns before, oldest first. A question that needs them is rewritten into one that stands
            alone; nothing is answered from them.
        options: how to search, and in which documents.

    Raises:
        LibraryEmptyError: nothing was ingested yet.
        ModelError: the endpoint refused the request, is not reachable, or broke off.
    """
    from rag.retrieval.options import RetrievalOptions
    from rag.retrieval.retrieve import retrieve

    standalone = standalone_question(question, history, endpoint)
    hits = retrieve(library, standalone, limit=limit, options=options or RetrievalOptions())
    yield Retrieved(standalone, hits)
    for event in events_from_hits(
        standalone,
        hits,
        endpoint=endpoint,
        max_tokens=max_tokens,
        rule=rule_for(library.embedder.name),
        library=library,
    ):
        if isinstance(event, Answered) and standalone != question:
            yield Answered(replace(event.answer, question=question, standalone=standalone))
        else:
            yield event


def answer_from_hits(
    question: str,
    hits: Sequence[Hit],
    *,
    endpoint: Endpoint | None,
    max_tokens: int = _ANSWER_TOKENS,
    rule: Rule | None = None,
) -> Answer:
    """Answer from passages that were found already; see ``events_from_hits``."""
    return final_answer(events_from_hits(question, hits, endpoint=endpoint, max_tokens=max_tokens, rule=rule))


def events_from_hits(
    question: str,
    hits: Sequence[Hit],
    *,
    endpoint: Endpoint | None,
    max_tokens: int = _ANSWER_TOKENS,
    rule: Rule | None = None,
    library: Library | None = None,
) -> Generator[AnswerEvent, None, None]:
    """Answer from passages that were found already, each step as it is done.

    Weak evidence is refused before any model is asked. A model is asked only in a language that it writes.

    Args:
        question: standing alone.
        hits: what was found for it, best first.
        endpoint: the model to write with; None for the documents' own sentences.
        max_tokens: of the model's reply, without its reasoning.
        rule: what counts as evidence; that of the bundled embedder if not given.
        library: where the passages were found, so that a model can read what stands around them.

    Raises:
        ModelError: the endpoint refused the request, is not reachable, broke off, or has too small a context.
    """
    language = detect_language(question)
    words = wording(language)
    if not is_sufficient(question, hits, rule or rule_for(BUNDLED_EMBEDDER)):
        yield Answered(refusal(question, words.refused_weak))
    elif endpoint is None:
        yield Answered(extractive(question, hits, notice=words.notice_no_endpoint))
    elif language not in endpoint.capabilities.languages:
        notice = words.notice_language.format(model=endpoint.model)
        yield Answered(extractive(question, hits, notice=notice))
    else:
        yield from write_answer(question, hits, endpoint, max_tokens, library)


def final_answer(events: Iterable[AnswerEvent]) -> Answer:
    """The answer at the end of the events."""
    *_, last = events
    assert isinstance(last, Answered)  # noqa: S101 - what each of the iterators promises
    return last.answer
