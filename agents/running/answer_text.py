"""The final answer inside a JSON action that is still being written, as plain text, piece by piece.

It reads ``{"action": "final_answer", "args": {"answer": "…`` from chunks that are cut anywhere, also inside
an escape, and prose around it. Whether the action is valid ``agents.calling`` says when it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agents.calling.actions import FINAL

_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_HEX_DIGITS: Final = 4
_REPLACEMENT: Final = "\ufffd"
# Of a string that is not the answer: a key or an action's name is no longer, and nothing else is asked of it.
_LONGEST_NAME: Final = 100


class StringDecoder:
    r"""The inside of a JSON string as it comes, escapes and surrogate pairs put together.

    Example:
        >>> decoder = StringDecoder()
        >>> [decoder.feed(character) for character in r"a\ud83d\ude00"][-1]
        '😀'
    """

    def __init__(self) -> None:
        self.closed = False
        self._escape: str | None = None  # what came after a backslash; None outside an escape
        self._high = ""  # the first half of a surrogate pair

    def feed(self, character: str) -> str:
        """What is certain with this character; the closing quotation mark sets ``closed``."""
        if self._escape is not None:
            return self._escaped(character)
        if character == "\\":
            self._escape = ""
            return ""
        pending, self._high = (_REPLACEMENT if self._high else ""), ""
        if character == '"':
            self.closed = True
            return pending
        return pending + character

    def _escaped(self, character: str) -> str:
        if self._escape == "" and character != "u":
            self._escape = None
            pending, self._high = (_REPLACEMENT if self._high else ""), ""
            return pending + _ESCAPES.get(character, character)
        digits = f"{self._escape}{character}"
        if character != "u" and character not in _HEX:
            self._escape, self._high = None, ""
            return _REPLACEMENT
        self._escape = digits
        if len(digits) <= _HEX_DIGITS:
            return ""
        self._escape = None
        return self._unit(chr(int(digits[1:], 16)))

    def _unit(self, unit: str) -> str:
        """One of UTF-16's units: a character, or half of one."""
        high, self._high = self._high, ""
        if "\ud800" <= unit <= "\udbff":
            self._high = unit
            return _REPLACEMENT if high else ""
        if "\udc00" <= unit <= "\udfff":
            return (high + unit).encode("utf-16", "surrogatepass").decode("utf-16") if high else _REPLACEMENT
        return (_REPLACEMENT if high else "") + unit


@dataclass
class _Level:
    """An object or a list that is open.

    Attributes:
        key: the last one read, for an object.
        action: what its ``action`` is, if that has come.
        at_key: a string that begins now is a key.
    """

    is_object: bool
    key: str = ""
    action: str = ""
    at_key: bool = True


class AnswerReader:
    """Finds the answer's text in chunks of a reply.

    Attributes:
        found: the text of an answer has begun.

    Example:
        >>> reader = AnswerReader()
        >>> chunks = ['{"action": "final_ans', 'wer", "args": {"answer": "5', ' g"}}']
        >>> [reader.feed(chunk) for chunk in chunks]
        ['', '5', ' g']
    """

    def __init__(self) -> None:
        self.found = False
        self._levels: list[_Level] = []
        self._string: StringDecoder | None = None
        self._text = ""  # of a string that is not the answer
        self._answering = False

    def feed(self, chunk: str) -> str:
        """What this chunk adds to the answer."""
        return "".join(map(self._character, chunk))

    def _character(self, character: str) -> str:
        if self._string is not None:
            return self._in_string(self._string, character)
        match character:
            case '"' if self._levels:
                self._string, self._text = StringDecoder(), ""
                self._answering = not self.found and self._is_answer()
                self.found = self.found or self._answering
            case "{" | "[" if self._levels or character == "{":
                self._levels.append(_Level(character == "{"))
            case "}" | "]" if self._levels:
                self._levels.pop()
            case ":" if self._levels:
                self._levels[-1].at_key = False
            case "," if self._levels:
                self._levels[-1].at_key = True
        return ""

    def _in_string(self, string: StringDecoder, character: str) -> str:
        text = string.feed(character)
        if not self._answering and len(self._text) < _LONGEST_NAME:
            self._text += text
        if string.closed:
            self._string = None
            self._end_string()
        shown = text if self._answering else ""
        self._answering = self._answering and not string.closed
        return shown

    def _end_string(self) -> None:
        level = self._levels[-1]
        if not level.is_object or self._answering:
            return
        if level.at_key:
            level.key = self._text
        elif level.key == "action":
            level.action = self._text

    def _is_answer(self) -> bool:
        """Whether the string that begins now is the argument ``answer`` of the action that ends the run."""
        *_, outer, inner = (_Level(is_object=False), *self._levels[-2:])
        if not inner.is_object or inner.at_key or inner.key != "answer":
            return False
        return FINAL in {outer.action, inner.action}
