"""What holds of any typed function: its schema says what its validation does, and nothing else comes out."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agents.calling.actions import InvalidActionError, action_schema, read_actions
from agents.tools import Tool, tool
from stillroom.errors import ToolError
from tests.agents.hostile.schemas import instances, json_values

generously = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Unit(enum.Enum):
    """Of weight."""

    GRAM = "g"
    KILOGRAM = "kg"


@dataclass(frozen=True)
class Place:
    """Where."""

    shelf: int
    box: str = ""


class Lid(BaseModel):
    """A model with a limit."""

    colour: Literal["red", "blue"]
    diameters: list[Annotated[int, Field(ge=1, le=90)]] = Field(default_factory=list, max_length=4)


# Each with a value for its default, which says that it may be left out.
KINDS: list[tuple[Any, Any]] = [
    (str, "x"),
    (int, 3),
    (float, 0.5),
    (bool, False),
    (list[str], []),
    (dict[str, int], {}),
    (str | None, None),
    (int | str, 1),
    (Literal["a", "b", 3], "a"),
    (Unit, Unit.GRAM),
    (Place, None),
    (Lid, None),
    (list[Place] | None, None),
    (Annotated[str, Field(min_length=2, max_length=9)], "xx"),
    (Annotated[int, Field(ge=-4, le=12)], 0),
    (tuple[int, str], (1, "a")),
]
NAMES = ["thing", "title", "default", "self_", "名称", "schema_", "value", "type", "items", "description"]


@st.composite
def typed_functions(draw: st.DrawFn) -> Tool:
    """A tool of a function that was never written: its signature is drawn."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    kinds = [draw(st.sampled_from(range(len(KINDS)))) for _ in names]
    optional = [draw(st.booleans()) and KINDS[kind][1] is not None for kind in kinds]
    written = [
        f"{name}: K[{kind}][0]" + (f" = K[{kind}][1]" if may else "")
        for name, kind, may in zip(names, kinds, optional, strict=True)
    ]
    head = f"def drawn({', '.join(['*'] * bool(written) + written)}):"
    source = f"{head}\n    'Does something.'\n    return 'done'\n"
    space: dict[str, Any] = {"K": KINDS}
    exec(source, space)  # noqa: S102 - a signature cannot be drawn otherwise
    return tool(space["drawn"])


@generously
@given(typed_functions())
def test_a_signature_makes_a_closed_schema_and_an_action_schema(drawn: Tool) -> None:
    schema = json.loads(json.dumps(drawn.parameters))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator.check_schema(action_schema((drawn,)))
    assert schema["additionalProperties"] is False
    assert drawn.signature.startswith("drawn(")


@generously
@given(typed_functions(), st.data())
def test_what_the_schema_allows_the_function_takes(drawn: Tool, data: st.DataObject) -> None:
    branch, _ = action_schema((drawn,))["anyOf"], None
    definitions = action_schema((drawn,)).get("$defs", {})
    value = data.draw(instances(branch[0]["properties"]["args"], definitions))
    reply = json.dumps({"action": "drawn", "args": value})
    try:
        arguments = read_actions(reply, (drawn,))[0].arguments
    except InvalidActionError as error:
        assert "drawn" in str(error)  # noqa: PT017
        return
    assert drawn.call(arguments).text == "done"


@generously
@given(typed_functions(), st.dictionaries(st.sampled_from(NAMES), json_values, max_size=4))
def test_whatever_arguments_come_they_are_taken_or_refused_by_name(
    drawn: Tool, arguments: dict[str, Any]
) -> None:
    before = json.dumps(arguments)
    try:
        result = drawn.call(arguments)
    except ToolError as error:
        assert error.message.startswith("drawn")  # noqa: PT017
        assert len(error.message) < 2_000  # noqa: PT017
    else:
        assert result.text == "done"
    assert json.dumps(arguments) == before


@pytest.mark.parametrize(
    "arguments", [{"thing": "x" * 5_000_000}, {"x" * 100_000: 1}, {"thing": [[[]]] * 9_999}]
)
def test_a_refusal_of_huge_arguments_is_short(arguments: dict[str, Any]) -> None:
    def weigh(thing: Annotated[str, Field(max_length=9)]) -> str:
        """Weigh a thing."""
        return thing

    with pytest.raises(ToolError) as refused:
        tool(weigh).call(arguments)
    assert len(refused.value.message) < 2_000
