"""Which of the two languages a text is mostly written in: English or Chinese.

It counts characters and knows no dictionary. Any other Latin script counts as English, and Japanese counts
as Chinese: what depends on it is only which stop words, sentence marks and answer language come first.
"""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "zh"]

# Unified ideographs with extension A and the compatibility block. Extensions B and later are rare enough in
# running text to change no majority.
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")

# The first characters decide: a book's language is settled long before its last page.
_SAMPLE_CHARACTERS = 20_000


def detect_language(text: str) -> Language:
    """The language of most of the text; English where it has no letters at all.

    One Han character weighs as much as one Latin word, so that a Chinese sentence full of product names
    stays Chinese, and an English one that quotes a name in Han characters stays English.

    Example:
        >>> detect_language("什么是 KV cache？")
        'zh'
        >>> detect_language("DeepSeek (深度求索) released a new reasoning model")
        'en'
    """
    sample = text[:_SAMPLE_CHARACTERS]
    han_characters = len(_HAN.findall(sample))
    latin_words = len(_LATIN_WORD.findall(sample))
    return "zh" if han_characters > latin_words else "en"
