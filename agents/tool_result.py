"""What a tool gives back: text for a model, data for a program, and quotes that were checked.

Pure. It knows no tool and keeps nothing; what is too long for a model is `agents.result_pages`'s business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import TypeAdapter

from agents.fence import closed
from agents.result_pages import PAGE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.document import Citation


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gives back.

    Attributes:
        text: for a model to read, at most about ``PAGE_CHARACTERS`` long.
        data: the same as JSON values, uncut, for programs.
        citations: quotes that were found, word for word, in the library.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    citations: tuple[Citation, ...] = ()


@runtime_checkable
class Report(Protocol):
    """A typed result that knows how it reads. A ``citations`` attribute is taken along where it has one."""

    def to_text(self) -> str:
        """The result as a model should read it."""
        ...


def to_result(value: object) -> ToolResult:
    """A function's value as text, as JSON data, and its citations; the text is as long as it is.

    Example:
        >>> to_result({"a": 1}).text
        '{"a": 1}'
    """
    if isinstance(value, ToolResult):
        return ToolResult(encodable(value.text), value.data, value.citations)
    value = encodable(value)
    kind: Any = type(value)
    plain = _adapter(kind).dump_python(value, mode="json")
    data = plain if isinstance(plain, dict) else {"result": plain}
    citations: tuple[Citation, ...] = getattr(value, "citations", ())
    return ToolResult(encodable(_readable(value, plain)), data, citations)


def cap_text(text: str, *, limit: int = PAGE_CHARACTERS) -> str:
    """The text, or its first ``limit`` characters and a plain note of how many were left out."""
    if len(text) <= limit:
        return text
    left_out = f"{len(text) - limit} of {len(text)} characters left out"
    return f"{closed(text[:limit])}\n[cut: {left_out}; ask for less at a time]"


def encodable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value without halves of surrogate pairs, which are in file names and no encoder takes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, dict):
        return {encodable(key): encodable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [encodable(item) for item in value]
    return value


@lru_cache(maxsize=256)
def _adapter(kind: type[Any]) -> TypeAdapter[object]:
    """Made once for each type: making one takes about as long as a call of a quick tool."""
    return TypeAdapter(kind)


def _readable(value: object, plain: object) -> str:
    if isinstance(value, Report):
        return value.to_text()
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
