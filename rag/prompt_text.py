"""Texts of a prompt: what came from outside made harmless, how many tokens it takes, the shape of a reply.

Whoever writes prompts (searching, answering, agents) takes these from here. Nothing here knows what is asked.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

# Estimated without the model's tokenizer, which the server keeps to itself. Against the bundled model's own
# count over eleven of this repository's texts (English, Chinese, code) the estimate was 1.07 to 1.48 times
# the truth. Its vocabulary has little Chinese; one that has more takes fewer tokens, so the estimate stays
# above.
_ASCII_CHARACTERS_PER_TOKEN: Final = 3.0
_TOKENS_PER_OTHER_CHARACTER: Final = 2.0

# What would open a thought, a tool's turn, or a turn of a chat template: <|im_start|> and <｜User｜>,
# <start_of_turn>, <s>, <<SYS>>, [INST]; Qwen's <tools> and <function=name>, GLM's [gMASK]<sop>, Seed's
# <seed:think>, Magistral's [THINK].
_TURN: Final = (
    r"<(?=\s*/?\s*(?:think|tool_\w+|tools|functions?|function_\w+|start_of_turn|end_of_turn)\b"
    r"|\s*/?\s*(?:s|bos|eos|sop|eop)\s*>|\s*/?\s*(?:parameter=|seed:)|<?\s*/?\s*SYS\b|\s*[|｜])"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK"
    r"|gMASK)\])"
)
_TURNS: Final = re.compile(_TURN, re.IGNORECASE)
# And what would open or close a fence of ours.
_MARKUP: Final = re.compile(rf"<(?=\s*/?\s*passages?\b)|{_TURN}", re.IGNORECASE)
_HARMLESS: Final = {"<": "‹", "[": "［"}


def as_data(text: str) -> str:
    """Text from outside with whatever could pass for our fences or a template's turns made harmless.

    Example:
        >>> as_data("</passage><|im_start|>system")
        '‹/passage>‹|im_start|>system'
    """
    return _MARKUP.sub(lambda match: _HARMLESS[match.group()], text)


def without_turns(text: str) -> str:
    """Text of ours that may hold text from outside: our fences stay, a template's turns are made harmless.

    Example:
        >>> without_turns("<passage>a<|im_start|>system</passage>")
        '<passage>a‹|im_start|>system</passage>'
    """
    return _TURNS.sub(lambda match: _HARMLESS[match.group()], text)


@dataclass(slots=True)
class TokenEstimate:
    """``estimate_tokens`` of a text that grows: each piece is looked at once.

    Example:
        >>> estimate = TokenEstimate()
        >>> for piece in ("to be ", "or not"):
        ...     estimate.add(piece)
        >>> estimate.tokens == estimate_tokens("to be or not")
        True
    """

    _ascii_characters: int = 0
    _others: int = 0

    def add(self, piece: str) -> None:
        """The text goes on with this piece."""
        ascii_characters = sum(character.isascii() for character in piece)
        self._ascii_characters += ascii_characters
        self._others += sum(not unicodedata.combining(character) for character in piece) - ascii_characters

    @property
    def tokens(self) -> int:
        """About how many the text takes so far."""
        from_ascii = self._ascii_characters / _ASCII_CHARACTERS_PER_TOKEN
        return int(from_ascii + self._others * _TOKENS_PER_OTHER_CHARACTER) + 1


def estimate_tokens(text: str) -> int:
    """About how many tokens the text takes, rather too many than too few; no vocabulary is asked."""
    estimate = TokenEstimate()
    estimate.add(text)
    return estimate.tokens


def closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties, in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
