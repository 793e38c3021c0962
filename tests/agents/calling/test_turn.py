"""What a decision asks of a model, and which way round a server's refusals it knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import Field

from agents.calling.decide import decide
from agents.tools import Tool, tool
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from langchain_core.messages import AnyMessage

    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return thing


def measure(thing: str) -> str:
    """Measure how long a thing is."""
    return thing


TOOLS = (tool(weigh), tool(measure))


def call(thing: str, name: str = "weigh") -> str:
    return json.dumps({"action": name, "args": {"thing": thing}})


def final(answer: str) -> str:
    return json.dumps({"action": "final_answer", "args": {"answer": answer}})


def branches(request: dict[str, Any]) -> list[str]:
    schema = request["response_format"]["json_schema"]["schema"]
    return [branch["properties"]["action"]["const"] for branch in schema["anyOf"]]


# Both as recorded from vLLM 0.32 and an Ollama of 2026-08, whose /v1 hands llama.cpp's words on.
@pytest.mark.parametrize(
    "words",
    [
        "Grammar error: Invalid type: nonsense",
        "Field 'json_schema': JSON schema conversion failed:\nUnrecognized schema: {}",
    ],
)
def test_a_schema_that_the_server_refuses_is_left_out_of_that_request(
    scripted_chat: Serve, words: str
) -> None:
    with scripted_chat((400, words), f"I will.\n{call('salt')}") as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert decision.calls[0].arguments == {"thing": "salt"}
    assert ["response_format" in request for request in chat.requests] == [True, False]


def test_a_refusal_that_has_nothing_to_do_with_schemas_is_an_error(scripted_chat: Serve) -> None:
    with scripted_chat((400, "you are out of luck")) as chat, pytest.raises(ModelError, match="out of luck"):
        decide(chat.endpoint(), "How heavy is salt?", TOOLS)


def test_a_server_that_ignores_the_schema_is_read_all_the_same(scripted_chat: Serve) -> None:
    with scripted_chat('Of course: weigh(thing="salt")') as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert (decision.calls[0].name, decision.valid) == ("weigh", True)


def test_instructions_go_into_the_first_turn_where_the_template_has_no_place_for_them(
    scripted_chat: Serve,
) -> None:
    with scripted_chat((400, "System role not supported"), call("salt"), call("sand")) as chat:
        endpoint = chat.endpoint(identity="without a place for instructions")
        decide(endpoint, "How heavy is salt?", TOOLS)
        decide(endpoint, "How heavy is sand?", TOOLS)
    first, second, third = ([message["role"] for message in request["messages"]] for request in chat.requests)
    assert (first, second, third) == (["system", "user"], ["user"], ["user"])
    assert "Weigh a thing." in chat.requests[2]["messages"][0]["content"]


def test_the_tool_that_was_named_first_is_the_one_offered(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt", "measure")) as chat:
        chat.choice = "measure"
        decide(chat.endpoint(), "How long is salt?", TOOLS)
    assert branches(chat.requests[0]) == ["measure", "final_answer"]


def test_a_server_that_refuses_to_tell_likelihoods_is_not_asked_again(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), call("salt")) as chat:
        chat.choice = (400, "logprobs are not supported")
        for _ in range(2):
            assert decide(chat.endpoint(identity="without likelihoods"), "How heavy is salt?", TOOLS).valid
    assert len(chat.choices) == 1
    assert branches(chat.requests[0]) == ["weigh", "measure", "final_answer"]


def test_a_question_that_is_too_long_for_a_first_choice_says_nothing_of_the_next(
    scripted_chat: Serve,
) -> None:
    with scripted_chat(call("salt"), call("salt")) as chat:
        chat.choice = (
            400,
            "request (4146 tokens) exceeds the available context size (4096 tokens), try increasing it",
        )
        for _ in range(2):
            assert decide(chat.endpoint(identity="of a small context"), "How heavy is salt?", TOOLS).valid
    assert len(chat.choices) == 2


def test_another_model_at_the_same_address_is_asked_what_the_one_before_refused(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), call("salt")) as chat:
        chat.choice = (400, "logprobs are not supported")
        for digest in ("a", "b"):
            assert decide(chat.endpoint(identity=f"digest {digest}"), "How heavy is salt?", TOOLS).valid
    assert len(chat.choices) == 2


def test_a_large_toolbox_is_narrowed_even_for_a_model_that_thinks(scripted_chat: Serve) -> None:
    many = [Tool(f"tool_{number}", f"Do {number}.", weigh, TOOLS[0].parameters) for number in range(40)]
    with scripted_chat("It is seven.", call("salt", "tool_7")) as chat:
        chat.choice = '"tool_7"'
        decision = decide(chat.endpoint(reasoning=True), "Do seven.", many)
    assert decision.calls[0].name == "tool_7"
    assert len(branches(chat.requests[1])) == 6
    assert chat.choices[0]["response_format"]["json_schema"]["schema"]["enum"][0] == "tool_0"


def test_a_toolbox_beyond_the_context_keeps_what_shares_words_with_the_question(scripted_chat: Serve) -> None:
    long = "Lorem ipsum dolor sit amet. " * 6
    many = [Tool(f"tool_{n}", f"{long} {n}", weigh, TOOLS[0].parameters) for n in range(200)]
    many.insert(150, Tool("weather", "Tell the weather of a city.", weigh, TOOLS[0].parameters))
    with scripted_chat(call("Paris", "weather")) as chat:
        chat.choice = "weather"
        decision = decide(chat.endpoint(context_tokens=2048), "What is the weather in Paris?", many)
    assert decision.calls[0].name == "weather"
    assert "weather" in branches(chat.requests[0])


def test_only_what_came_since_the_latest_question_counts_as_tried(scripted_chat: Serve) -> None:
    made = [{"name": "weigh", "args": {"thing": "salt"}, "id": "1"}]
    pair: list[AnyMessage] = [
        AIMessage("", tool_calls=made),
        ToolMessage("5 g", tool_call_id="1", name="weigh"),
    ]
    before: list[AnyMessage] = [
        HumanMessage("How heavy is salt?"),
        *pair,
        *pair,
        AIMessage("<think>easy</think>5 g"),
        HumanMessage("And once more?"),
    ]
    with scripted_chat(call("salt")) as chat:
        decide(chat.endpoint(), before, TOOLS)
    messages = chat.requests[0]["messages"]
    assert branches(chat.requests[0]) == ["weigh", "measure", "final_answer"]
    assert messages[-1]["content"] == "And once more?"
    assert [message["role"] for message in messages[1:]] == ["user", "assistant"] * 3 + ["user"]
    assert not any("easy" in message["content"] for message in messages)


def test_an_answer_without_a_word_is_asked_for_again_without_the_answer(scripted_chat: Serve) -> None:
    with scripted_chat(final("…"), call("salt")) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert decision.calls[0].name == "weigh"
    assert branches(chat.requests[1]) == ["weigh", "measure"]


def test_an_answer_that_was_cut_off_is_kept_as_far_as_it_goes(scripted_chat: Serve) -> None:
    with scripted_chat(final("It weighs 5 g \U0001f600 or")[:-14]) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert decision.answer == "It weighs 5 g …"


def test_without_tools_an_answer_in_plain_words_will_do(scripted_chat: Serve) -> None:
    with scripted_chat(final("…"), "Hello to you.") as chat:
        decision = decide(chat.endpoint(), "Hello!", ())
    assert (decision.answer, decision.valid) == ("Hello to you.", True)
    assert "response_format" not in chat.requests[1]


def test_several_calls_at_once_are_each_checked(scripted_chat: Serve) -> None:
    both = json.dumps({"actions": [json.loads(call("salt")), json.loads(call("rope", "measure"))]})
    wrong = json.dumps({"actions": [json.loads(call("salt")), {"action": "measure", "args": {}}]})
    with scripted_chat(wrong, both) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt, how long the rope?", TOOLS, parallel=True)
    assert [action.name for action in decision.calls] == ["weigh", "measure"]
    assert "'thing' is missing" in chat.requests[1]["messages"][-1]["content"]


def test_where_several_calls_may_be_made_every_reply_is_a_list(
    scripted_chat: Serve,
) -> None:
    listed = json.dumps({"actions": [json.loads(final("Five grams."))]})
    with scripted_chat(listed) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS, parallel=True)
    assert (decision.answer, decision.valid) == ("Five grams.", True)
    told = chat.requests[0]["messages"][0]["content"]
    assert told.count('{"actions": [{"action": ') == told.count("\nTo ") == 4
    schema = chat.requests[0]["response_format"]["json_schema"]["schema"]
    assert [list(branch["properties"]) for branch in schema["anyOf"]] == [["actions"], ["actions"]]


def test_the_last_try_is_made_once_more_in_short_where_it_was_cut_off(scripted_chat: Serve) -> None:
    cut = '{"action": "weigh", "args": {"thing": "salt and salt and'
    with scripted_chat(final("…"), cut, call("salt")) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert (decision.valid, decision.requests) == (True, 4)  # with the first choice
    with scripted_chat(call("salt", "fly"), cut, cut, call("salt")) as chat:
        decision = decide(chat.endpoint(), "How heavy is salt?", TOOLS)
    assert (decision.valid, decision.requests) == (False, 4)
    assert "it was cut off" in decision.problem


def test_a_thought_without_end_is_cut_to_its_conclusion(scripted_chat: Serve) -> None:
    with scripted_chat("<think>" + "so and " * 5_000 + "thus weigh it.", call("salt")) as chat:
        decide(chat.endpoint(reasoning=True, context_tokens=2048), "How heavy is salt?", TOOLS)
    asked = chat.requests[1]["messages"][-1]["content"]
    assert "thus weigh it." in asked
    assert len(asked) < 512 * 4 + 300


def test_a_failure_names_what_was_wrong_and_what_to_try(scripted_chat: Serve) -> None:
    with scripted_chat(*["no"] * 2) as chat:
        assert "no complete JSON object" in decide(chat.endpoint(), "How?", TOOLS).problem


def test_the_bundled_model_names_the_tool_that_a_message_asks_for(bundled_endpoint: Endpoint) -> None:
    clear = decide(bundled_endpoint, "Measure how long the rope is.", TOOLS)
    assert (clear.valid, clear.calls[0].name) == (True, "measure")
    assert decide(bundled_endpoint, "Hello, how are you today?", TOOLS).calls == ()


def test_a_request_that_the_server_finds_too_long_is_made_again_with_less_of_the_results(
    scripted_chat: Serve,
) -> None:
    refused = (
        400,
        "request (4146 tokens) exceeds the available context size (4096 tokens), try increasing it",
    )
    asked: list[AnyMessage] = [
        HumanMessage("Weigh salt."),
        AIMessage("", tool_calls=[{"name": "weigh", "args": {"thing": "salt"}, "id": "1"}]),
        ToolMessage("0123456789abcdef " * 300, tool_call_id="1", name="weigh"),
    ]
    with scripted_chat(refused, refused, final("5 g")) as chat:
        decided = decide(chat.endpoint(), asked, TOOLS, way="constrained")
    lengths = [len(json.dumps(request["messages"])) for request in chat.requests]
    assert decided.answer == "5 g"
    assert lengths[0] > lengths[1] > lengths[2] > 400


def test_a_number_out_of_bounds_is_repaired_under_a_grammar_that_holds_it(scripted_chat: Serve) -> None:
    def set_brightness(share: Annotated[float, Field(ge=0.5, le=32)]) -> str:
        """Set how bright it is."""
        return str(share)

    wrong, right = (json.dumps({"action": "set_brightness", "args": {"share": n}}) for n in (128, 32))
    with scripted_chat(wrong, right) as chat:
        decided = decide(chat.endpoint(), "Brighter!", (tool(set_brightness),), way="constrained")
    first, second = (
        request["response_format"]["json_schema"]["schema"]["anyOf"][0]["properties"]["args"]["properties"]
        for request in chat.requests
    )
    assert decided.calls[0].arguments == {"share": 32}
    assert (first["share"], second["share"]) == (
        {"type": "number"},
        {"type": "integer", "minimum": 1, "maximum": 32},
    )


def test_a_search_is_shown_with_the_question_to_search_for(scripted_chat: Serve) -> None:
    def look_up(query: str) -> str:
        """Look something up."""
        return query

    wanted = json.dumps({"action": "look_up", "args": {"query": "How heavy is salt?"}})
    with scripted_chat(wanted) as chat:
        decide(chat.endpoint(), "How heavy is salt?", (tool(look_up),), way="constrained")
    assert wanted in chat.requests[0]["messages"][0]["content"]
