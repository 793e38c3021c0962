"""Read claims out of a model's JSON, while it is written and however badly.

Pure: text in, claims out. It does not check whether they are true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.answering.citations import Claim
from rag.answering.prompt import LONGEST_TEXT_CHARACTERS
from rag.model_call import json_objects
from rag.passages.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ENDINGS: Final = tuple('.。!！?？"”’)）')


@dataclass(frozen=True, slots=True)
class Reply:
    """What could be read of a model's reply."""

    claims: tuple[Claim, ...]
    not_answered: bool


class _WrittenClaim(BaseModel):
    """A claim as a model wrote it: a server need not have kept to the schema."""

    model_config = ConfigDict(strict=True)

    text: str = Field(min_length=1)
    passage: str
    quote: str


class ReplyReader:
    """Reads a reply that comes in pieces.

    Example:
        >>> reader = ReplyReader()
        >>> reader.feed('{"answer": [{"passage": "P1", "quote": "It is {small}.", ')
        []
        >>> [claim.text for claim in reader.feed('"text": "Small."}')]
        ['Small.']
    """

    def __init__(self) -> None:
        self._text = ""
        self._open: list[int] = []  # where each object that has not ended begins, outermost first
        self._in_string = self._escaped = False
        self._given: list[Claim] = []

    def feed(self, piece: str) -> list[Claim]:
        """The claims that are complete now and were not before."""
        return [claim for written in self._ended_objects(piece) for claim in self._new(written)]

    def finish(self) -> Reply:
        """What the reply says as a whole; its claims are those that ``feed`` did not give."""
        whole = read_reply(self._text)
        return Reply(tuple(claim for claim in whole.claims if claim not in self._given), whole.not_answered)

    def _new(self, written: str) -> Iterator[Claim]:
        # An object around other objects was read through them.
        for claim in read_reply(written).claims:
            if claim not in self._given:
                self._given.append(claim)
                yield claim

    def _ended_objects(self, piece: str) -> Iterator[str]:
        """The text of each object that ends in the piece; prose around objects is passed over."""
        before = len(self._text)
        self._text += piece
        for offset, character in enumerate(piece, before):
            if self._in_string:
                self._in_string = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
            elif character == "{":
                self._open.append(offset)
            elif character == '"':
                self._in_string = bool(self._open)
            elif character == "}" and self._open:
                yield self._text[self._open.pop() : offset + 1]


def read_reply(text: str) -> Reply:
    """The claims in a reply, also where it was cut off, wrapped in prose, or is partly malformed.

    Example:
        >>> read_reply('{"not_answered": true}')
        Reply(claims=(), not_answered=True)
    """
    claims: list[Claim] = []
    not_answered = False
    for value in json_objects(text):
        listed = value.get("answer", [value])
        claims += _readable_claims(listed if isinstance(listed, list) else [listed])
        not_answered = not_answered or value.get("not_answered") is True
    return Reply(tuple(claims), not_answered)


def _readable_claims(values: Sequence[Any]) -> list[Claim]:
    claims = []
    for value in values:
        try:
            written = _WrittenClaim.model_validate(value)
        except ValidationError:
            continue
        claims += [Claim(text, written.passage, written.quote) for text in _whole_sentences(written.text)]
    return claims


def _whole_sentences(text: str) -> list[str]:
    """The sentences of a claim, each to be checked alone; one that the length limit cut off is left out.

    A short text without a full stop is a sentence too.
    """
    found = [text[start:end] for start, end in split_sentences(text)]
    if len(text) >= LONGEST_TEXT_CHARACTERS and found and not found[-1].endswith(_ENDINGS):
        found.pop()
    return found
