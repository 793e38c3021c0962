"""One decision of a model, in each of the three ways of calling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.calling.decide import decide
from agents.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]


def weigh(thing: str) -> str:
    """Weigh a thing."""
    raise AssertionError(thing)  # nothing is run


TOOLS = (tool(weigh),)
ACTION = json.dumps({"action": "weigh", "args": {"thing": "salt"}})


def native_call(arguments: str) -> dict[str, Any]:
    function = {"name": "weigh", "arguments": arguments}
    return {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}


def test_a_native_call_is_read_and_its_arguments_checked(scripted_chat: Serve) -> None:
    with scripted_chat(native_call('{"thing": "salt"}'), native_call('{"colour": 1}'), "Hi!") as chat:
        good, bad, answered = (decide(chat.endpoint(), "How?", TOOLS, way="native") for _ in range(3))
    assert (good.calls[0].name, good.calls[0].arguments, good.valid) == ("weigh", {"thing": "salt"}, True)
    assert not bad.valid
    assert "'thing' is missing" in bad.problem
    assert (answered.calls, answered.answer, answered.valid) == ((), "Hi!", True)


def test_a_constrained_decision_counts_its_requests_and_runs_nothing(scripted_chat: Serve) -> None:
    with scripted_chat("no", ACTION) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS, way="constrained")
    assert [(call.name, call.arguments) for call in decision.calls] == [("weigh", {"thing": "salt"})]
    assert (decision.requests, decision.raw, decision.valid) == (3, ACTION, True)
    assert "response_format" in chat.requests[0]
    assert len(chat.choices) == 1


def test_after_a_reply_that_was_cut_off_all_that_is_open_has_to_be_short(scripted_chat: Serve) -> None:
    with scripted_chat('{"action": "weigh", "args": {"thing": "salt and salt and', ACTION) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS, way="constrained", max_tokens=120)
    assert decision.valid
    longest = [
        request["response_format"]["json_schema"]["schema"]["anyOf"][0]["properties"]["args"]["properties"]
        for request in chat.requests
        if "response_format" in request
    ]
    assert [properties["thing"]["maxLength"] for properties in longest] == [200, 14]


def test_two_replies_that_are_no_action_are_an_invalid_decision(scripted_chat: Serve) -> None:
    with scripted_chat("no", "never") as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS, way="prompted")
    assert (decision.valid, decision.calls, decision.raw) == (False, (), "never")
    assert "no complete JSON object" in decision.problem
    assert "response_format" not in chat.requests[0]


@pytest.mark.parametrize("way", ["constrained", "prompted"])
def test_the_bundled_model_decides(bundled_endpoint: Endpoint, way: Any) -> None:  # noqa: ANN401
    decision = decide(bundled_endpoint, "How heavy is salt?", TOOLS, way=way)
    assert decision.requests >= 1
    assert decision.valid or (way, decision.calls) == ("prompted", ())
