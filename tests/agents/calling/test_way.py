"""A wish for a way of calling tools wins over what the server can do, and changes nothing else."""

from __future__ import annotations

import pytest

from agents.calling.way import CALLING_WAYS, called_by, calling_way
from deploy.endpoint import Capabilities, Endpoint, Finding

FOUND = (Finding("tools", "native", "told to call it, the model did"), Finding("thinking", "no", "none seen"))
CAPABLE = Endpoint(
    "http://127.0.0.1:1/v1", "m", "vllm", 4096, Capabilities(native_tools=True, findings=FOUND)
)


@pytest.mark.parametrize("way", CALLING_WAYS)
def test_the_wish_is_the_way(way: str) -> None:
    wished = called_by(CAPABLE, way)  # type: ignore[arg-type]

    assert calling_way(wished) == way
    assert wished.capabilities.findings[1] == FOUND[1]


def test_auto_leaves_the_endpoint_as_it_is() -> None:
    assert called_by(CAPABLE, "auto") is CAPABLE


def test_what_was_found_is_shown_beside_the_wish_once() -> None:
    wished = called_by(called_by(CAPABLE, "constrained"), "constrained")

    assert wished.capabilities.findings[0] == Finding(
        "tools", "constrained", "as agent_calling says; auto would be native: told to call it, the model did"
    )


def test_a_server_that_keeps_to_schemas_still_does_where_tools_are_native() -> None:
    assert called_by(CAPABLE, "native").capabilities.json_schema
