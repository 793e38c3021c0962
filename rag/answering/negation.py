"""Whether a text denies something: "not", "never", "without", 不, 没有 and their kin.

Pure, and of words only: double negation, irony and "unlike" are beyond it.
"""

from __future__ import annotations

import re
from typing import Final

from rag.tokens import content_terms

_ENGLISH: Final = re.compile(
    r"\b(?:not|cannot|never|no|none|nobody|nothing|nowhere|neither|nor|without)\b|n['’]t\b", re.IGNORECASE
)
# Words with one of these characters that deny nothing: 不仅 not only, 不断 steadily, 非常 very, 未来 future.
_CHINESE: Final = re.compile(
    r"(?!不仅|不但|不断|不同|不过|不少|不久|不论|不管|不锈|不动产|不等式|不妨|无论|无线|无穷|无限|非常|非洲|未来|未必不)"
    r"(?<![南是])(?:不|没|未|无法|无需|无须|无人|无权|并非|绝非)"
)
# "not only … but also" denies nothing, and "No. 5" is a number.
_EXCEPT: Final = re.compile(
    r"\bnot (?:only|just|merely)\b|\bno\.\s*\d|\bno (?:more|fewer|less) than\b", re.IGNORECASE
)
# What denies without a word for "not": enough to bear a claim that says it with one.
_IN_OTHER_WORDS: Final = re.compile(
    r"\b(?:lack\w*|unable|impossible|fail\w*|refus\w*|forbid\w*|prevent\w*|absent|except|only|un(?:supported|known|able))\b"
    r"|[无非缺拒禁免仅只]|难以|失败|除外",
    re.IGNORECASE,
)
_CLAUSE_EDGE: Final = re.compile(
    r"[,;:，；：。.!?！？()（）]|\b(?:but|although|though|while|whereas|because|and)\b|但|而且|因为"
)


def is_negated(text: str) -> bool:
    """Whether the text denies something.

    Example:
        >>> is_negated("It isn't fast."), is_negated("It is not only fast."), is_negated("模型不支持工具")
        (True, False, True)
    """
    plain = _EXCEPT.sub(" ", text)
    return _ENGLISH.search(plain) is not None or _CHINESE.search(plain) is not None


def says_opposite(claim: str, quote: str) -> bool:
    """Whether one of the two denies what the other says, as far as words tell.

    A quote may deny something else beside what it proves, so only the clauses that share most of the claim's
    terms count.

    Example:
        >>> says_opposite("Ollama supports tools.", "Ollama does not support tools, but vLLM does.")
        True
        >>> says_opposite("vLLM is fast.", "vLLM is fast, but it does not run on Windows.")
        False
    """
    if is_negated(claim):
        return not is_negated(quote) and _IN_OTHER_WORDS.search(quote) is None
    terms = frozenset(content_terms(claim))
    return any(
        is_negated(clause) and len(terms.intersection(content_terms(clause))) > len(terms) / 2
        for clause in _CLAUSE_EDGE.split(quote)
        if clause
    )
