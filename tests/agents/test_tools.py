"""A typed function becomes a tool: schema, validation, result, errors."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


def test_call_fills_defaults_and_sets_unambiguous_slips_right() -> None:
    assert tool(weigh).call({"thing": "salt", "times": "３"}).text == "salt g 3 None"
    assert tool(weigh).call({"thing": 7, "unit": "KG", "times": None}).text == "7 kg 1 None"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"thing": "salt", "times": True}, "'times' = True: Input should be a valid integer"),
        ({"thing": "salt", "times": "three"}, "'times' = 'three': Input should be a valid integer"),
        ({"thing": "salt", "times": 2.5}, "'times' = 2.5: Input should be a valid integer"),
        ({"thing": None}, "'thing' = None: Input should be a valid string"),
        ({"thing": {"name": "salt"}}, "'thing' = {'name': 'salt'}: Input should be a valid string"),
        (["salt"], r"its arguments must be one object, not \['salt'\]"),
    ],
)
def test_what_could_mean_anything_else_is_refused_with_the_value_seen(
    arguments: Any,  # noqa: ANN401
    why: str,
) -> None:
    with pytest.raises(ToolError, match=f"weigh: {why}"):
        tool(weigh).call(arguments)


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.sampled_from(["g", "kg"]),
    st.integers(1, 9),
    st.none() | st.text(max_size=20),
)
def test_arguments_that_the_schema_allows_reach_the_function_as_they_are(
    thing: str, unit: str, times: int, note: str | None
) -> None:
    result = tool(weigh).call({"thing": thing, "unit": unit, "times": times, "note": note})
    assert result.data["result"] == f"{thing} {unit} {times} {note}"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["thing", "unit", "times", "note", "x"]),
        st.from_type(type).flatmap(
            lambda _: (
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
            )
        ),
    )
)
def test_any_arguments_end_in_a_result_or_a_refusal(arguments: dict[str, Any]) -> None:
    with contextlib.suppress(ToolError):
        assert tool(weigh).call(arguments).text.count(" ") >= 3


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


@pytest.mark.parametrize(
    "raised", [ValueError("bad\nday"), KeyError("k"), SystemExit(3), RecursionError(), MemoryError()]
)
def test_whatever_a_function_raises_becomes_a_tool_error_that_names_it(
    raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def careless() -> str:
        """Be careless."""
        raise raised

    with caplog.at_level(logging.DEBUG, "agents.tools"), pytest.raises(ToolError) as caught:
        tool(careless).call({})
    assert caught.value.message.startswith(f"careless failed: {type(raised).__name__}")
    assert caught.value.__cause__ is raised
    assert caplog.records[0].exc_info


def test_result_that_is_no_json_value_is_a_failure_of_the_tool() -> None:
    def strange() -> object:
        """Give something strange."""
        return object()

    with pytest.raises(ToolError, match="strange failed: "):
        tool(strange).call({})


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    def name() -> dict[str, str]:
        """Give a file's name."""
        return {"a\udcff": "b\udcff"}

    result = tool(name).call({})
    assert result.data == {"a?": "b?"}
    assert result.text == '{"a?": "b?"}'


def test_check_that_fails_in_any_way_is_a_refusal() -> None:
    def broken(thing: str) -> None:
        raise LookupError(thing)

    def put(thing: str) -> str:
        """Put."""
        return thing

    with pytest.raises(ToolError, match="put failed: LookupError: salt"):
        tool(put, precheck=broken).check({"thing": "salt"})


def test_exception_that_cannot_say_what_it_is_is_told_by_its_type() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> str:
        """Fail."""
        raise MuteError

    with pytest.raises(ToolError, match=r"^fail failed: MuteError$"):
        tool(fail).call({})
