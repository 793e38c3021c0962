"""What a line of a question set's files must hold; what else it holds is passed over."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _as_text(value: object) -> object:
    """Ids are numbers in some sets, and bool is an int to Python."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_list(value: object) -> object:
    """One text stands for a list of it."""
    return [value] if isinstance(value, str) else value


Id = Annotated[str, StringConstraints(min_length=1), BeforeValidator(_as_text)]
Asked = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[list[str], BeforeValidator(_as_list)]
# Some sets call it ``_id``.
_ID_NAMES = AliasChoices("id", "_id")


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class DocumentLine(_Line):
    """A line of documents.jsonl."""

    id: Id = Field(validation_alias=_ID_NAMES)
    title: str | None = None
    text: str


class QueryLine(_Line):
    """A line of queries.jsonl."""

    id: Id = Field(validation_alias=_ID_NAMES)
    text: Asked


class AnswersLine(_Line):
    """A line of answers.jsonl."""

    query_id: Id
    answers: list[str]


class SpanLine(_Line):
    """A line of spans.jsonl; ``end`` is the offset after the last character."""

    query_id: Id
    doc_id: Id
    start: int = Field(ge=0)
    end: int = Field(ge=1)


class OwnQuestionLine(_Line):
    """A line of a questions file about a person's own library.

    Attributes:
        documents: each a document's path or the end of it, its id, or its title.
        answerable: false for a question that the library does not answer.
        answers: strings of which a passage that answers contains one.
    """

    id: Id | None = None
    question: Asked = Field(validation_alias=AliasChoices("question", "text", "query"))
    documents: Texts = Field(default_factory=list, validation_alias=AliasChoices("documents", "document"))
    answerable: bool = True
    answers: Texts = Field(default_factory=list, validation_alias=AliasChoices("answers", "answer", "quote"))
