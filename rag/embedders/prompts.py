"""What embedding models want to read before a question and before a document, by their names.

Most retrieval models were trained with a fixed line before each text, and find worse without it. A model that
states its own is asked first, and what a person gives wins over both: this table is for the rest. Pure.
Sources: the models' cards on Hugging Face, as of 2026-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Prompts:
    """The text before a question, and the one before a document; both may be empty.

    Example:
        >>> prompts_of("intfloat/multilingual-e5-base")
        Prompts(query='query: ', document='passage: ')
    """

    query: str = ""
    document: str = ""


_INSTRUCTION: Final = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)
_REPRESENT: Final = "Represent this sentence for searching relevant passages: "

# The first that is found in the model's name, which is looked at in lower case.
_CONVENTIONS: Final = tuple(
    (re.compile(pattern), prompts)
    for pattern, prompts in (
        (r"\be5\b.*instruct", Prompts(f"{_INSTRUCTION} ")),
        (r"\be5\b", Prompts("query: ", "passage: ")),
        (r"\bqwen3-embedding\b", Prompts(_INSTRUCTION)),
        (r"\bgte-qwen", Prompts(f"{_INSTRUCTION} ")),
        (r"\bgte\b", Prompts()),
        (r"\bbge-m3\b", Prompts()),
        (r"\bbge-.*\bzh\b", Prompts("为这个句子生成表示以用于检索相关文章：")),
        (r"\bbge-.*\ben\b|\bbge-(small|base|large)\b|\bmxbai-embed\b", Prompts(_REPRESENT)),
        (r"\barctic-embed2\b|\barctic-embed-.*v2", Prompts("query: ")),
        (r"\barctic-embed\b", Prompts(_REPRESENT)),
        (r"\bnomic-embed-text\b", Prompts("search_query: ", "search_document: ")),
        (r"\bembeddinggemma\b", Prompts("task: search result | query: ", "title: none | text: ")),
    )
)


def prompts_of(model: str) -> Prompts:
    """The prompts by convention of a model's name or path; none for a model that is not known."""
    name = model.lower().replace("_", "-")
    return next((prompts for pattern, prompts in _CONVENTIONS if pattern.search(name)), Prompts())


def chosen(convention: Prompts, *, query: str | None, document: str | None) -> Prompts:
    """The prompts by convention, but for those that a person gave."""
    return Prompts(
        convention.query if query is None else query,
        convention.document if document is None else document,
    )
