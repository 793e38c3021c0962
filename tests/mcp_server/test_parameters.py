"""Whoever sends wrong parameters hears which, what was seen and what is needed; over stdio as over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ValidationError

from mcp_server.parameters import wrong_parameters

if TYPE_CHECKING:
    from tests.mcp_server.conftest import RawServer

REF: dict[str, Any] = {"ref": {"type": "x"}, "argument": {"name": "a", "value": "b"}}


def test_each_wrong_parameter_is_named_with_what_is_needed(raw_server: RawServer) -> None:
    raw_server.send("tools/list", {}, number=1)
    early = raw_server.receive()["error"]
    assert early["code"] == -32602
    assert early["message"] == "tools/list came before initialize, which comes first"

    raw_server.shake_hands()
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("tools/call", {}, "tools/call: 'params.name' is needed and missing"),
        ("tools/call", {"name": 5}, "tools/call: 'params.name' = 5: a text is needed"),
        ("tools/call", {"name": "x", "arguments": []}, "'params.arguments' = []: an object is needed"),
        ("logging/setLevel", {"level": "loud"}, "'params.level' = 'loud': it may be 'alert', 'critical'"),
        ("resources/read", {"uri": "x" * 500, "_meta": 5}, "'params._meta' = 5: an object is needed"),
        ("completion/complete", REF, "'params.ref.type' = 'x': it may be 'ref/prompt'"),
    ]
    for number, (method, params, said) in enumerate(wrong, start=2):
        raw_server.send(method, params, number=number)
        answer = raw_server.receive()
        assert answer["id"] == number
        assert answer["error"]["code"] == -32602
        assert said in answer["error"]["message"]
        assert "data" not in answer["error"]


def test_what_is_not_of_the_request_is_not_told() -> None:
    class Inner(BaseModel):
        secret: int

    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({"secret": "x7y8z9"})
    assert wrong_parameters(caught.value) == ""


def test_many_wrong_parameters_are_counted() -> None:
    class Request(BaseModel):
        params: dict[str, int]

    with pytest.raises(ValidationError) as caught:
        Request.model_validate({"params": dict.fromkeys("abcde", "x" * 200)})
    said = wrong_parameters(caught.value)
    assert said.endswith("...: a whole number is needed; and 2 more")
    assert len(said) < 500
