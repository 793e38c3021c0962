"""Arithmetic as people and models write it, put into Python's grammar: signs, thousands, percentages.

``12% of 3,400`` becomes a matrix product: arithmetic has no other use for it, and it binds like a product.

Pure text. It evaluates nothing, and does not know which names are allowed: what it cannot read stays as it
is, for whoever parses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

PERCENT: Final = "percent"
OF: Final = "@"

# Full-width forms come with Chinese input methods.
_SPELLINGS: Final = str.maketrans(
    {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "π": "pi"}
    | {chr(0xFF01 + i): chr(0x21 + i) for i in range(0x5E)}
    | {"＾": "**", "\u3000": " "}
)
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d*)?(?:[eE][+-]?\d+)?")
_WORD: Final = re.compile(r"(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\s+|\*\*|//|.", re.DOTALL)
_OF: Final = re.compile(r"of\b", re.IGNORECASE)
# "3400的12%" is 12% of 3400; what follows must not belong to the percentage, nor make a remainder of it.
_CHINESE_OF: Final = re.compile(
    r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)\s*的\s*(\d+(?:\.\d+)?)\s*%"
    r"(?=\s*(?:[-+),]|\*(?!\*)|/(?!/)|$))"
)
# A sign and a percentage, with nothing behind it of which it could be the remainder.
_SIGNED_SHARE: Final = re.compile(r"[+-]\s*[\d.,]+\s*%\s*(?:[-+*/),]|$)")
_SIGN_APART: Final = re.compile(r"[+-]\s")


def as_python(expression: str) -> str:
    """The expression for Python's parser, percentages as calls of ``percent``.

    Raises:
        ValueError: a comma or a percent sign may mean two things, or nothing.

    Example:
        >>> as_python("3,400 × 12.5%"), as_python("7 % 4"), as_python("12% of max(1, 200)")
        ('3400 * percent(12.5)', '7 % 4', 'percent(12) @ max(1, 200)')
    """
    text = expression.translate(_SPELLINGS).strip().rstrip("=? ")
    text = _CHINESE_OF.sub(r"\2% of \1", text)
    written = _Written()
    at = 0
    while at < len(text):
        grouped = _THOUSANDS.match(text, at)
        word = _next(text, at) if grouped is None else grouped[0]
        at += len(word)
        if grouped is not None and written.in_call:
            raise ValueError(
                f"{word!r} in a function may mean two things: write {word.replace(',', '')} for one number, "
                "and a blank behind each comma for several"
            )
        if grouped is not None:
            written.add(word.replace(",", ""))
        elif _OF.fullmatch(word):
            written.add(OF)
        elif word == OF:
            raise ValueError(f"{OF!r} is not allowed")
        elif word == "%" and written.ends_an_operand and _is_share(text, at):
            written.wrap()
        elif word == "," and not written.in_call:
            raise ValueError("a comma parts thousands, as in 3,400, or the numbers of a function")
        else:
            written.add(word)
    return "".join(written.words)


def _next(text: str, at: int) -> str:
    match = _WORD.match(text, at)
    return match[0] if match else text[at]


def _is_share(text: str, at: int) -> bool:
    """Whether the percent sign before ``at`` is a percentage's, and not that of a remainder.

    Raises:
        ValueError: nobody can know.
    """
    rest = text[at:].lstrip()
    if not rest or rest[0] in "*/%)," or _OF.match(rest):
        return True
    if rest[0] not in "+-":
        return False
    if _SIGN_APART.match(rest) or _SIGNED_SHARE.match(rest):
        return True
    if text[at - 2 : at - 1].isspace() and text[at : at + 1].isspace():
        return False
    raise ValueError(
        f"'%{rest[0]}' may be a percentage or a remainder: write '% {rest[0]} ' for the one, "
        "and brackets around a negative number for the other"
    )


@dataclass
class _Written:
    """What is written so far, and the brackets that are open."""

    words: list[str] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)
    _calls: list[bool] = field(default_factory=list)
    # Where the last operand begins; None behind an operator.
    _operand: int | None = None

    @property
    def in_call(self) -> bool:
        """Whether a comma parts the numbers of a function here."""
        return bool(self._calls) and self._calls[-1]

    @property
    def ends_an_operand(self) -> bool:
        """Whether a number, a name or a closing bracket stands last."""
        return self._operand is not None

    def add(self, word: str) -> None:
        """Write it as it is."""
        if word == "(":
            named = self._operand is not None and self.words[self._operand].isidentifier()
            self._open.append(self._operand if named and self._operand is not None else len(self.words))
            self._calls.append(named)
            self._operand = None
        elif word == ")":
            self._operand = self._open.pop() if self._open else None
            if self._calls:
                self._calls.pop()
        elif word[0].isalnum() or word[0] in "._":
            self._operand = len(self.words)
        elif not word.isspace():
            self._operand = None
        self.words.append(word)

    def wrap(self) -> None:
        """Make a percentage of the last operand."""
        start = self._operand or 0
        while self.words[-1].isspace():
            self.words.pop()
        self.words[start] = f"{PERCENT}({self.words[start]}"
        self.words[-1] += ")"
        self._operand = None
