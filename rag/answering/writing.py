"""Let a model write from passages and keep only what they prove; where nothing is left, say so.

It knows prompt, request and check, and not how the passages were found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rag.answering.citations import CheckedClaim, CitedText, check_claim, off_question
from rag.answering.conflicts import name_conflicts
from rag.answering.events import Answered, Dropped, Kept, Thought
from rag.answering.extracts import STRONG_COVERAGE, best_sentences
from rag.answering.fallbacks import extractive, refusal
from rag.answering.prompt import build_prompt
from rag.answering.reading import choose_reading, describe
from rag.answering.reply import ReplyReader
from rag.answering.wording import wording
from rag.document import Answer
from rag.language import detect_language
from rag.model_call import JsonReply, JsonRequest, stream_json, thinking_tokens
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms, coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deploy.endpoint import Endpoint
    from rag.answering.citations import Claim
    from rag.answering.events import AnswerEvent
    from rag.answering.prompt import Prompt
    from rag.document import Hit, Passage
    from rag.library import Library

# The first claim and its quote need this share of what the best sentence covers. Chosen by reading what the
# bundled model writes: claims beside the point had half of it or less, right ones all.
_FIRST_CLAIM_SHARE: Final = 0.6


def write_answer(
    question: str, hits: Sequence[Hit], endpoint: Endpoint, max_tokens: int, library: Library | None
) -> Iterator[AnswerEvent]:
    """What the model writes and the passages prove, sentence by sentence; else their own sentences.

    Args:
        question: standing alone.
        hits: best first.
        endpoint: the model.
        max_tokens: of its reply.
        library: where the hits were found, so that the model can read what stands around them.

    Raises:
        ModelError: as ``stream_json``; also where the context is too small for one passage.
    """
    words = wording(detect_language(question))
    room = endpoint.context_tokens - thinking_tokens(endpoint)
    reading = choose_reading(question, hits, library, context_tokens=room, max_tokens=max_tokens)
    prompt = build_prompt(question, reading.hits, context_tokens=room, max_tokens=max_tokens)
    request = JsonRequest(prompt.system, prompt.user, words.notes, prompt.schema, prompt.answer_tokens)
    draft, reader, reply = _Draft(question, prompt), ReplyReader(), JsonReply()
    for piece in stream_json(endpoint, request, reply):
        if piece.kind == "reasoning":
            yield Thought(piece.text)
        else:
            yield from draft.take(reader.feed(piece.text))
    rest = reader.finish()
    yield from draft.take(rest.claims)
    made = _finished(draft, hits, reply, not_answered=rest.not_answered)
    notices = [made.notice] if made.notice else []
    if reply.prompt_was_cut:
        counts = {"counted": reply.prompt_tokens, "least": reply.least_prompt_tokens}
        notices.append(words.prompt_cut.format(**counts))
    not_read = (describe(passage, words.not_read) for passage in prompt.left_out)
    yield Answered(replace(made, notice=" ".join(notices), left_out=(*reading.left_out, *not_read)))


class _Draft:
    """The answer as it grows out of the model's claims."""

    def __init__(self, question: str, prompt: Prompt) -> None:
        self.question = question
        self.passages = prompt.passages
        self.text = CitedText(detect_language(question))
        self.dropped: list[str] = []
        self.kept: list[CheckedClaim] = []
        self._asked = frozenset(content_terms(question))
        self._bar = self._first_bar(prompt.passages.values())

    def take(self, claims: Iterable[Claim]) -> Iterator[Kept | Dropped]:
        """Check claims; those that stand become sentences, each said once."""
        for claim in claims:
            checked = check_claim(claim, self.passages, self.question)
            if isinstance(checked, CheckedClaim) and not self.kept and self._is_beside_the_point(checked):
                checked = off_question(checked, self.question)
            if isinstance(checked, str):
                self.dropped.append(checked)
                yield Dropped(checked)
            elif checked.text not in {other.text for other in self.kept}:
                self.kept.append(checked)
                yield Kept(*self.text.add(checked), self.text.text)

    def _first_bar(self, passages: Iterable[Passage]) -> float:
        """The coverage that the first claim needs: much, where some sentence has nearly all that was asked.

        A small model likes to begin with the first sentence that it read. What follows may add to it freely.
        """
        spans = ((passage.text, split_sentences(passage.text)) for passage in passages)
        best = max((coverage(self._asked, text[a:b]) for text, found in spans for a, b in found), default=0.0)
        return _FIRST_CLAIM_SHARE * best if best >= STRONG_COVERAGE else 0.0

    def _is_beside_the_point(self, claim: CheckedClaim) -> bool:
        quote = claim.passage.text[claim.start : claim.end]
        return not claim.other_language and coverage(self._asked, f"{claim.text}\n{quote}") < self._bar

    def answer(self, reasoning: str) -> Answer:
        """The sentences that were kept, with what is to be said of them."""
        words = wording(detect_language(self.question))
        conflicts = name_conflicts(self.text, list(self.passages.values()))
        crossed = any(claim.other_language for claim in self.kept)
        return Answer(
            question=self.question,
            kind="written",
            text=self.text.text,
            citations=self.text.citations,
            reasoning=reasoning,
            dropped=tuple(self.dropped),
            notice=words.notice_other_language if crossed else "",
            conflicts=conflicts,
        )


def _finished(draft: _Draft, hits: Sequence[Hit], reply: JsonReply, *, not_answered: bool) -> Answer:
    """The draft where anything of it was kept; else the passages' own sentences, or a refusal."""
    question, reasoning = draft.question, reply.reasoning
    words = wording(detect_language(question))
    if draft.kept:
        return draft.answer(reasoning)
    if draft.dropped:
        dropped = tuple(draft.dropped)
        return extractive(
            question, hits, notice=words.notice_unverified, reasoning=reasoning, dropped=dropped
        )
    if not not_answered:
        return extractive(question, hits, notice=words.notice_unusable, reasoning=reasoning)
    # Small models give up easily: not where one sentence shares nearly all words of the question.
    if any(sentence.coverage >= STRONG_COVERAGE for sentence in best_sentences(question, hits)):
        return extractive(question, hits, notice=words.notice_model_found_nothing, reasoning=reasoning)
    read = len(draft.passages)
    return refusal(question, words.refused_by_model.format(passages=read), reasoning=reasoning)
