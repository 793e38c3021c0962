"""Which of vLLM's parsers take a model's thoughts and tool calls out of its text.

Pure. Names are those of vLLM 0.32.0 (``vllm/reasoning/__init__.py``, ``vllm/tool_parsers/__init__.py``);
which family writes in which form is what vLLM's pages "Reasoning Outputs" and "Tool Calling" list. The
DeepSeek-R1 distills have a parser for thoughts and, as those pages say, none for tool calls.
"""

from __future__ import annotations

import re
from typing import Final

# The first that occurs in a model's id or tag; R1-0528-Qwen3 is R1 before it is Qwen3.
_REASONING: Final = (
    (re.compile(r"deepseek-r1", re.IGNORECASE), "deepseek_r1"),
    (re.compile(r"gpt-oss", re.IGNORECASE), "openai_gptoss"),
    (re.compile(r"qwen3", re.IGNORECASE), "qwen3"),
)
_TOOLS: Final = (
    (re.compile(r"deepseek-r1-(?:distill|0528-qwen3)", re.IGNORECASE), ""),
    (re.compile(r"deepseek-r1-0528|deepseek-v3-0324", re.IGNORECASE), "deepseek_v3"),
    (re.compile(r"deepseek-v3\.1", re.IGNORECASE), "deepseek_v31"),
    (re.compile(r"gpt-oss", re.IGNORECASE), "openai"),
    (re.compile(r"qwen3-coder", re.IGNORECASE), "qwen3_xml"),
    (re.compile(r"qwen(?:2\.5|3)", re.IGNORECASE), "hermes"),
    (re.compile(r"llama-3", re.IGNORECASE), "llama3_json"),
    (re.compile(r"mi[sx]tral", re.IGNORECASE), "mistral"),
)


def reasoning_parser(*names: str) -> str:
    """The parser for the thoughts of a model of those names; empty for none.

    Example:
        >>> reasoning_parser("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseek-r1:7b")
        'deepseek_r1'
    """
    return _first(_REASONING, names)


def tool_parser(*names: str) -> str:
    """The parser for its tool calls; empty for none.

    Example:
        >>> tool_parser("Qwen/Qwen3-8B"), tool_parser("deepseek-ai/DeepSeek-R1-Distill-Llama-8B")
        ('hermes', '')
    """
    return _first(_TOOLS, names)


def _first(known: tuple[tuple[re.Pattern[str], str], ...], names: tuple[str, ...]) -> str:
    text = " ".join(names)
    return next((parser for pattern, parser in known if pattern.search(text)), "")
