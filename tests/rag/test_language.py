"""Language detection: the majority script wins."""

from __future__ import annotations

import pytest

from rag.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What fits in 24 GB?", "en"),
        ("什么模型适合 24 GB 显存？", "zh"),
        ("vLLM 与 Ollama 的区别", "zh"),
        ("The paper 注意力 is cited often in the field", "en"),
        ("", "en"),
        ("42", "en"),
    ],
)
def test_language_is_that_of_most_of_the_text(text: str, language: str) -> None:
    assert detect_language(text) == language
