"""A typed function becomes a tool: schema, validation, result, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import Field

from agents.result_pages import PAGE_CHARACTERS
from agents.tools import ToolResult, tool
from rag.document import Citation
from stillroom.errors import LibraryEmptyError, ToolError


def weigh(
    thing: str,
    unit: Literal["g", "kg"] = "g",
    times: Annotated[int, Field(ge=1, le=9)] = 1,
    note: str | None = None,
) -> str:
    """Weigh a thing.

    Use it for small things only.

    Args:
        thing: what to weigh,
            by its plain name.
        unit: of the result.
        times: how often.
        note: kept beside the result.

    Returns:
        Text for the programmer's eyes.
    """
    return f"{thing} {unit} {times} {note}"


@dataclass(frozen=True)
class Found:
    """A typed result with evidence."""

    count: int
    citations: tuple[Citation, ...]

    def to_text(self) -> str:
        """How a model reads it."""
        return f"{self.count} found"


QUOTE = Citation(1, "d1", "Title", "/a.md", "p1", "line 3", "a quote", 20, 27)


def find() -> Found:
    """Find."""
    return Found(1, (QUOTE,))


def speak(length: int) -> str:
    """Speak at length."""
    return "x" * length


def fail() -> str:
    """Fail as a library does."""
    raise LibraryEmptyError("the library is empty", hint="stillroom ingest PATH")


def test_signature_becomes_a_closed_schema_with_descriptions_enums_and_bounds() -> None:
    schema = tool(weigh).parameters
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["thing"]
    assert schema["properties"]["thing"] == {
        "type": "string",
        "description": "what to weigh, by its plain name.",
    }
    assert schema["properties"]["unit"]["enum"] == ["g", "kg"]
    assert (schema["properties"]["times"]["minimum"], schema["properties"]["times"]["maximum"]) == (1, 9)
    assert "title" not in str(schema)


def test_docstring_before_its_sections_becomes_the_description() -> None:
    assert tool(weigh).description == "Weigh a thing.\n\nUse it for small things only."


def test_call_fills_defaults_and_accepts_a_number_written_as_text() -> None:
    assert tool(weigh).call({"thing": "salt", "times": "3"}).text == "salt g 3 None"


def test_bad_arguments_are_each_named_with_what_was_needed() -> None:
    with pytest.raises(ToolError) as caught:
        tool(weigh).call({"unit": "stone", "times": 10, "colour": "red"})
    message = caught.value.message
    assert "'thing' is missing" in message
    assert "'unit' = 'stone': Input should be 'g' or 'kg'" in message
    assert "'times' = 10" in message
    assert "less than or equal to 9" in message
    assert "'colour' is unknown" in message
    assert caught.value.hint == "weigh(thing, unit?, times?, note?)"


def test_typed_result_gives_text_data_and_citations() -> None:
    result = tool(find).call({})
    assert result.text == "1 found"
    assert result.data["count"] == 1
    assert result.data["citations"][0]["quote"] == "a quote"
    assert result.citations == (QUOTE,)


def test_long_text_is_cut_and_says_by_how_much() -> None:
    result = tool(speak).call({"length": PAGE_CHARACTERS + 500})
    assert result.text.startswith("x" * PAGE_CHARACTERS + "\n[cut: 500 of 8500 characters")
    assert len(result.data["result"]) == 8500


def test_failure_of_ours_becomes_a_tool_error_that_keeps_the_hint() -> None:
    with pytest.raises(ToolError, match="fail: the library is empty") as caught:
        tool(fail).call({})
    assert caught.value.hint == "stillroom ingest PATH"


def test_function_without_annotation_is_refused_when_the_tool_is_made() -> None:
    def careless(thing) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Do anything."""
        return str(thing)

    with pytest.raises(TypeError, match="'thing' has no annotation"):
        tool(careless)


def test_result_made_by_hand_passes_through() -> None:
    def custom() -> ToolResult:
        """Give a result."""
        return ToolResult("text", {"a": 1}, (QUOTE,))

    assert tool(custom).call({}) == ToolResult("text", {"a": 1}, (QUOTE,))
