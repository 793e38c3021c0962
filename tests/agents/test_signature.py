"""Annotations become a small closed schema; a docstring's words go to what they describe."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator  # noqa: TC003 - its name is looked up
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter

from agents.signature import describe
from agents.tools import tool
from stillroom.errors import ToolError


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Place:
    """Where it is.

    Attributes:
        row: from 1,
            counted downwards.
        title: of the shelf.
    """

    row: int
    title: str = "shelf"


class Label(BaseModel):
    """Shown beside it."""

    text: str = Field(description="a few words")
    bold: bool = False


def store(  # noqa: D417, PLR0917 - a signature as others write them
    copy: int,
    colour: Colour,
    places: list[Place],
    json: Label | None = None,
    _when: date = date(2026, 1, 31),
    sizes: Annotated[tuple[int, ...], Field(max_length=3)] = (),
    options: dict[str, float] = {},  # noqa: B006 - never written to
    mode: Literal["a", 1] = "a",
) -> str:
    """Store things.

    Args:
        copy: how many.
        colour (Colour): of all.

    Returns:
        Nothing that a model should read.
    """
    return f"{copy} {colour} {places} {json} {_when} {sizes} {options} {mode}"


def test_names_that_a_model_class_uses_itself_are_arguments_like_others() -> None:
    said = tool(store).call({"copy": 2, "colour": "red", "places": [{"row": 1}], "json": {"text": "x"}}).text
    assert said == ("2 Colour.RED [Place(row=1, title='shelf')] text='x' bold=False 2026-01-31 () {} a")


def test_nested_values_keep_their_types_and_are_checked() -> None:
    arguments = {"copy": 1, "colour": "BLUE", "places": {"row": "２"}, "_when": "2026-03-01", "sizes": ["1"]}
    assert tool(store).call(arguments).text == (
        "1 Colour.BLUE [Place(row=2, title='shelf')] None 2026-03-01 (1,) {} a"
    )
    with pytest.raises(ToolError, match=r"'places\.0\.row' is missing"):
        tool(store).call({"copy": 1, "colour": "red", "places": [{}]})
    with pytest.raises(ToolError, match=r"'_when' = '31\.1\.': Input should be a valid date"):
        tool(store).call({"copy": 1, "colour": "red", "places": [], "_when": "31.1."})


def test_schema_is_sound_closed_and_says_everything_once() -> None:
    schema = tool(store).parameters
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["copy", "colour", "places"]
    assert schema["properties"]["copy"] == {"description": "how many.", "type": "integer"}
    assert schema["$defs"]["Place"]["properties"]["row"]["description"] == "from 1, counted downwards."
    assert schema["$defs"]["Place"]["description"] == "Where it is."
    assert schema["$defs"]["Place"]["properties"]["title"]["default"] == "shelf"
    assert schema["$defs"]["Label"]["properties"]["text"]["description"] == "a few words"
    assert "argument_" not in json.dumps(schema)


def test_docstring_without_sections_is_all_description() -> None:
    def plain() -> str:
        """Do one thing: nothing.

        More: of it.
        """
        return ""

    assert describe(plain) == ("Do one thing: nothing.\n\nMore: of it.", {})
    assert describe(lambda: "") == ("", {})


@dataclass(frozen=True)
class Order:
    """Everything that a signature may hold."""

    count: Annotated[int, Field(ge=0, le=99)]
    unit: Literal["g", "kg"]
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    place: Place | None = None


def keep(order: Order, orders: list[Order] = [], ready: bool = False) -> dict[str, Any]:  # noqa: B006, FBT001, FBT002
    """Keep orders."""
    adapter = TypeAdapter(list[Order])
    return {"orders": adapter.dump_python([order, *orders], mode="json"), "ready": ready}


KEEP = tool(keep)
ORDERS = st.fixed_dictionaries(
    {"count": st.integers(0, 99), "unit": st.sampled_from(["g", "kg"])},
    optional={
        "share": st.floats(0, 1),
        "note": st.none() | st.text(max_size=9),
        "tags": st.lists(st.text(max_size=5), max_size=3),
        "place": st.none() | st.fixed_dictionaries({"row": st.integers()}),
    },
)


@settings(deadline=None)
@given(ORDERS, st.lists(ORDERS, max_size=2), st.booleans())
def test_what_the_schema_allows_the_function_gets_unchanged(
    order: dict[str, Any],
    orders: list[dict[str, Any]],
    ready: bool,  # noqa: FBT001
) -> None:
    arguments = {"order": order, "orders": orders, "ready": ready}
    Draft202012Validator(KEEP.parameters).validate(arguments)
    result = KEEP.call(arguments).data
    assert result["ready"] is ready
    for given_order, kept in zip([order, *orders], result["orders"], strict=True):
        assert {**kept, **given_order, "place": kept["place"]} == kept


def test_annotation_that_names_what_is_not_there_is_told_with_its_parameter() -> None:
    def count(places: list[Nowhere]) -> int:  # type: ignore[name-defined]  # noqa: F821
        return len(places)

    with pytest.raises(TypeError, match="count: the annotation of 'places' names 'Nowhere'"):
        tool(count)


def test_function_that_yields_is_no_tool() -> None:
    def walk(steps: int) -> Iterator[int]:
        yield from range(steps)

    def walked(steps: int) -> Iterator[int]:
        return iter(range(steps))

    for function in (walk, walked):
        with pytest.raises(TypeError, match=f"{function.__name__}: it yields"):
            tool(function)
