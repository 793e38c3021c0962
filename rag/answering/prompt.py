"""The prompt for a cited answer, as data: messages, the passages that fit, and the JSON schema of the reply.

Pure. Passages are fenced and carry ids that are given here, so that nothing in a document can pass for an
instruction, a fence or an id. It does not call a model and does not check what one replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rag.answering.citations import FEWEST_QUOTE_TERMS
from rag.answering.wording import wording
from rag.language import detect_language
from rag.passages.sentences import split_sentences
from rag.prompt_text import as_data, closed_object, estimate_tokens
from rag.tokens import content_terms, coverage
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.document import Hit, Passage

# Role markers of a chat template around three messages, and the opening of the reply.
_TEMPLATE_TOKENS: Final = 48

# A claim's sentence. A small model that finds no end stops here.
LONGEST_TEXT_CHARACTERS: Final = 200
# Tokens of one claim: a quote of a whole passage in the worst case, a sentence, and the JSON around them.
_TOKENS_PER_CLAIM: Final = 250
_MOST_CLAIMS: Final = 4
# Sentences of one passage that a claim may quote: each is a branch of the grammar that the server makes.
_MOST_QUOTABLE: Final = 40


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model, and what its reply is checked against.

    Attributes:
        user: the question, the fenced passages, and the question again: a small model answers what it
            read last.
        passages: those that fitted, by the ids that the prompt gives them.
        left_out: those that did not.
        schema: JSON schema of the reply.
        answer_tokens: what is left for the reply, at most what was asked for.
    """

    system: str
    user: str
    passages: Mapping[str, Passage]
    schema: dict[str, Any]
    answer_tokens: int
    left_out: tuple[Passage, ...] = ()


def build_prompt(question: str, hits: Sequence[Hit], *, context_tokens: int, max_tokens: int) -> Prompt:
    """The prompt with as many of the best passages as fit beside the reply.

    Args:
        question: its language decides that of the instructions and of the answer.
        hits: best first; where the context is too small, those that do not fit are left out.
        context_tokens: of prompt and reply together.
        max_tokens: of the reply; at most half of the context is given to it.

    Raises:
        ModelError: not even the best passage fits.
    """
    words = wording(detect_language(question))
    answer_tokens = min(max_tokens, context_tokens // 2)
    asked = words.question.format(question=as_data(question))
    budget = passage_budget(question, context_tokens=context_tokens, max_tokens=max_tokens)
    passages: dict[str, Passage] = {}
    fenced: list[str] = []
    left_out: list[Passage] = []
    needed = 0
    for hit in hits:
        name = f"P{len(passages) + 1}"
        fenced_text = fence(name, hit.passage)
        if needed + estimate_tokens(fenced_text) > budget:
            left_out.append(hit.passage)
            continue
        needed += estimate_tokens(fenced_text)
        fenced.append(fenced_text)
        passages[name] = hit.passage
    if not passages:
        least = min((estimate_tokens(fence("P1", hit.passage)) for hit in hits), default=0)
        taken = context_tokens - answer_tokens - budget
        raise ModelError(
            f"question and one passage need about {taken + least} tokens; "
            f"a context of {context_tokens} has {context_tokens - answer_tokens} beside the reply",
            hint="ask a shorter question, or start the engine with a larger context",
        )
    return Prompt(
        system=words.instructions,
        user="\n\n".join((asked, *fenced, asked)),
        passages=passages,
        schema=answer_schema(
            passages,
            question=question,
            most_claims=max(1, min(_MOST_CLAIMS, answer_tokens // _TOKENS_PER_CLAIM)),
        ),
        answer_tokens=answer_tokens,
        left_out=tuple(left_out),
    )


def passage_budget(question: str, *, context_tokens: int, max_tokens: int) -> int:
    """Tokens that are left for passages beside instructions, question and reply; it may be below nothing.

    Args:
        question: as it is asked.
        context_tokens: of prompt and reply together.
        max_tokens: of the reply; at most half of the context is given to it.
    """
    words = wording(detect_language(question))
    asked = words.question.format(question=as_data(question))
    taken = _TEMPLATE_TOKENS + estimate_tokens(words.instructions) + 2 * estimate_tokens(asked)
    return context_tokens - min(max_tokens, context_tokens // 2) - taken


def answer_schema(passages: Mapping[str, Passage], *, question: str, most_claims: int) -> dict[str, Any]:
    """The reply: claims, or that the passages do not answer.

    A claim names its passage, then quotes, then answers: the evidence is on the page before the model writes
    its own words. The quote is one of the passage's own sentences, by enumeration: a model of 135M parameters
    that wrote quotes freely had two right in 14 questions, and chose a sentence in all of them. The list is
    called ``answer`` because the same model, offered ``claims`` beside ``not_answered``, gave up three times
    as often.
    """
    claims = {
        "type": "array",
        "items": {
            "anyOf": [
                _claim_schema(name, quotable_sentences(passage, question))
                for name, passage in passages.items()
            ]
        },
        "minItems": 1,
        "maxItems": most_claims,
    }
    return {"anyOf": [closed_object({"answer": claims}), closed_object({"not_answered": {"const": True}})]}


def quotable_sentences(passage: Passage, question: str) -> tuple[str, ...]:
    """The passage's sentences that are long enough to prove something, on one line each; a table's rows.

    The whole passage where none is. Of very many, those that share most terms with the question.
    """
    sentences = [" ".join(passage.text[start:end].split()) for start, end in split_sentences(passage.text)]
    long_enough = [
        sentence for sentence in sentences if len(set(content_terms(sentence))) >= FEWEST_QUOTE_TERMS
    ]
    distinct = list(dict.fromkeys(long_enough)) or [" ".join(passage.text.split())]
    asked = frozenset(content_terms(question))
    best = sorted(distinct, key=lambda sentence: -coverage(asked, sentence))[:_MOST_QUOTABLE]
    return tuple(sentence for sentence in distinct if sentence in best)


def fence(name: str, passage: Passage) -> str:
    """A passage as the prompt shows it: under its id, its title and headings, and its table's head."""
    above = " › ".join(dict.fromkeys((passage.document_title, *passage.heading)))
    text = f"{passage.header}\n{passage.text}" if passage.header else passage.text
    return f'<passage id="{name}">\n{as_data(above)}\n{as_data(text)}\n</passage>'


def _claim_schema(name: str, sentences: Sequence[str]) -> dict[str, Any]:
    return closed_object(
        {
            "passage": {"const": name},
            "quote": {"enum": [as_data(sentence) for sentence in sentences]},
            "text": {"type": "string", "minLength": 2, "maxLength": LONGEST_TEXT_CHARACTERS},
        }
    )
