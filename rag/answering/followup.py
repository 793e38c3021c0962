"""Make a question that leans on the conversation before it into one that stands alone.

The model rewrites it, and what it wrote is used only where its words come from the conversation; else the
content words of the question before are appended. Nothing is ever answered from the conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.answering.wording import wording
from rag.language import detect_language
from rag.model_call import ask_for_json, json_objects, thinking_tokens
from rag.prompt_text import as_data, closed_object, estimate_tokens
from rag.tokens import content_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.endpoint import Endpoint

# Turns that a follow-up may lean on, and how much of each answer is told: names stand at its beginning.
_TURNS: Final = 3
_ANSWER_CHARACTERS: Final = 300
_LONGEST_QUESTION_CHARACTERS: Final = 300
# Of the rewritten question: JSON around at most the characters above, a token for each in Chinese.
_REWRITE_TOKENS: Final = 320
# Words of the question before that are appended where no model helps.
_MOST_APPENDED: Final = 8
# A question of fewer content terms than this says too little to be looked for alone.
_FEWEST_TERMS: Final = 2
# The share of the follow-up's own terms that its rewriting must keep.
_KEPT_TERMS: Final = 0.5

_ENGLISH_CUE: Final = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|these|those|former|latter)\b"
    r"|\b(?:is|does|about|of|for|with|in|to|from|by) that\b|\bthat\W*$"
    r"|^\W*(?:and|or|but|so|then|also|what about|how about|what else|why not)\b",
    re.IGNORECASE,
)
_CHINESE_CUE: Final = re.compile(
    r"[它他她其该此这]|那(?!里|么|不勒|曲)|上述|前者|后者|呢\W*$|^\W*(?:还有|另外|所以|那么)"
)
# A capital or a digit, but not the capital that a sentence begins with, whose word is one to ask with.
_NAME: Final = re.compile(r"[A-Z\d]")
_WORD: Final = re.compile(r"\w+(?:[.'’-]\w+)*")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of the conversation, as it stands alone, and what was answered; nothing where refused."""

    question: str
    answer: str


def standalone_question(question: str, history: Sequence[Turn], endpoint: Endpoint | None) -> str:
    """The question, or what it means after those turns.

    Args:
        question: as it was asked.
        history: the turns before, oldest first.
        endpoint: the model to rewrite with, where it writes the question's language; None for none.

    Raises:
        ModelError: the endpoint refused the request, is not reachable, or broke off.

    Example:
        >>> standalone_question("How large is it?", [Turn("What is the KV cache?", "")], None)
        'How large is it? (KV cache)'
    """
    if not history or not leans_on_history(question):
        return question
    turns = history[-_TURNS:]
    if endpoint is not None and detect_language(question) in endpoint.capabilities.languages:
        rewritten = _rewritten(question, turns, endpoint)
        if is_faithful(rewritten, question, turns):
            return rewritten
    return _with_terms(question, turns[-1].question)


def leans_on_history(question: str) -> bool:
    """Whether the question has a pronoun, begins as a follow-up does, or says too little alone.

    Example:
        >>> leans_on_history("How large is it?"), leans_on_history("How large is the KV cache?")
        (True, False)
    """
    cue = _CHINESE_CUE if detect_language(question) == "zh" else _ENGLISH_CUE
    return cue.search(question) is not None or len(set(content_terms(question))) < _FEWEST_TERMS


def is_faithful(rewritten: str, question: str, history: Sequence[Turn]) -> bool:
    """Whether a rewriting asks the same: it keeps what was asked, and adds what was spoken of alone."""
    if not rewritten or detect_language(rewritten) != detect_language(question):
        return False
    asked, written = frozenset(content_terms(question)), frozenset(content_terms(rewritten))
    spoken = frozenset(term for turn in history for term in content_terms(f"{turn.question}\n{turn.answer}"))
    exact = frozenset(term for term in asked if any(character.isdigit() for character in term))
    return (
        exact <= written
        and len(asked & written) >= _KEPT_TERMS * len(asked)
        and bool((written - asked) & spoken)
        and written <= asked | spoken
    )


def _rewritten(question: str, turns: Sequence[Turn], endpoint: Endpoint) -> str:
    """What the model makes of it; nothing where its reply cannot be read or the conversation is too long."""
    words = wording(detect_language(question))
    lines = []
    for turn in turns:
        lines.append(words.earlier_question.format(text=as_data(turn.question)))
        if turn.answer:
            lines.append(words.earlier_answer.format(text=as_data(turn.answer[:_ANSWER_CHARACTERS])))
    user = "\n".join((*lines, words.question.format(question=as_data(question))))
    room = endpoint.context_tokens - thinking_tokens(endpoint) - _REWRITE_TOKENS
    if estimate_tokens(words.rewrite + user) > room:
        return ""
    text = {"type": "string", "minLength": 2, "maxLength": _LONGEST_QUESTION_CHARACTERS}
    reply = ask_for_json(
        endpoint,
        system=words.rewrite,
        user=user,
        notes=words.notes,
        schema=closed_object({"question": text}),
        max_tokens=_REWRITE_TOKENS,
    )
    found = next((value.get("question") for value in json_objects(reply.text)), None)
    return " ".join(found.split()) if isinstance(found, str) else ""


def _with_terms(question: str, before: str) -> str:
    """The question with the content words of the one before it: all of a Chinese one, which has no spaces."""
    if detect_language(before) == "zh":
        added = before.strip("？?。. ")
    else:
        asked = frozenset(content_terms(question))
        spoken = (word for run in _subjects(before) for word in run)
        new = [word for word in spoken if not asked.issuperset(content_terms(word))]
        added = " ".join(list(dict.fromkeys(new))[:_MOST_APPENDED])
    return f"{question} ({added})" if added else question


def _subjects(text: str) -> list[list[str]]:
    """Runs of content words, such as "KV cache"; only those with a name in them where there are any."""
    runs: list[list[str]] = [[]]
    for word in _WORD.findall(text):
        if content_terms(word):
            runs[-1].append(word)
        else:
            runs.append([])
    named = [run for run in runs if any(_NAME.search(word) for word in run)]
    return named or runs
