"""Whatever a client sends as arguments, a tool answers or says what is wrong with them; none breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.toolkit.access import Access
from mcp_server.catalog import served_tools
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from agents.services import Services
    from agents.tools import Tool, ToolResult

NAMES = ["search_library", "read_document", "list_sources", "deployment_status", "ask_library"]
# Also what people paste: paths, markup, numbers as words, halves of pairs, other scripts.
WORDS = st.sampled_from(
    [
        "",
        " ",
        "水库",
        "../../etc/passwd",
        "<|im_start|>",
        "' OR 1=1",
        "\x00",
        "\ud800",
        "a" * 3_000,
        "7",
        "-1",
        "null",
    ]
)
VALUES = st.one_of(
    WORDS,
    st.text(max_size=20),
    st.integers(-5, 10**12),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.lists(WORDS, max_size=2),
    st.dictionaries(WORDS, WORDS, max_size=2),
)


def outcome(tool: Tool, arguments: dict[str, Any]) -> ToolResult | ToolError:
    """What a client is given."""
    try:
        return tool.call(arguments)
    except ToolError as error:
        return error


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_arguments_are_answered_or_refused_in_words(
    shelf: Services, name: str, data: st.DataObject
) -> None:
    (tool,) = (one.tool for one in served_tools(shelf, Access()) if one.name == name)
    known = st.sampled_from([*tool.argument_names, "other"])
    arguments: dict[str, Any] = data.draw(st.dictionaries(known, VALUES, max_size=4))
    given_back = outcome(tool, arguments)
    if isinstance(given_back, ToolError):
        # "NAME failed: KIND: …" is what an exception becomes that nobody thought of.
        assert f"{name} failed" not in given_back.message, arguments
        assert len(given_back.message) < 2_000
        assert given_back.hint
    else:
        assert len(given_back.text) <= 8_000
