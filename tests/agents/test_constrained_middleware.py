"""``ConstrainedActions`` in LangChain's own agent, with its tools and beside its other middlewares."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool as langchain_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel, Field, field_validator

from agents.constrained import ConstrainedActions
from deploy.chat import chat_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.runnables import RunnableConfig

    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]


@langchain_tool
def weigh(thing: str, unit: str = "g") -> str:
    """Weigh a thing."""
    return f"{thing}: 5 {unit}"


@langchain_tool
def measure(thing: str) -> str:
    """Measure how long a thing is."""
    return f"{thing}: 2 m"


def call(thing: str, name: str = "weigh") -> str:
    return json.dumps({"action": name, "args": {"thing": thing}})


def final(**arguments: Any) -> str:  # noqa: ANN401
    return json.dumps({"action": "final_answer", "args": arguments})


ANSWER = final(answer="It weighs 5 g.")


def agent(endpoint: Endpoint, *middleware: AgentMiddleware[Any, Any, Any], **options: Any) -> Any:  # noqa: ANN401
    model = chat_model(endpoint, max_tokens=256)
    constrained = options.pop("constrained", None) or ConstrainedActions(endpoint)
    return create_agent(model, [weigh, measure], middleware=[*middleware, constrained], **options)


def asked(question: str = "How heavy is salt?") -> dict[str, Any]:
    return {"messages": [("user", question)]}


def kinds(state: dict[str, Any]) -> list[str]:
    return [message.type for message in state["messages"]]


def offered(request: dict[str, Any]) -> list[str]:
    schema = request["response_format"]["json_schema"]["schema"]
    return [branch["properties"]["action"]["const"] for branch in schema["anyOf"]]


def test_langchains_own_tools_are_called_and_never_sent(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), ANSWER) as chat:
        state = agent(chat.endpoint(), system_prompt="Be brief.").invoke(asked())
    assert kinds(state) == ["human", "ai", "tool", "ai"]
    assert state["messages"][-1].text == "It weighs 5 g."
    assert not any("tools" in request for request in chat.requests)
    system = chat.requests[0]["messages"][0]["content"]
    assert system.startswith("Be brief.")
    assert "weigh(thing: string, unit?: string): Weigh a thing." in system


def test_it_works_in_an_event_loop(scripted_chat: Serve) -> None:
    with scripted_chat("<think>salt first", call("salt"), "<think>done</think>", ANSWER) as chat:
        state = asyncio.run(agent(chat.endpoint(reasoning=True)).ainvoke(asked()))
    assert kinds(state) == ["human", "ai", "tool", "ai"]
    assert state["messages"][1].additional_kwargs["reasoning_content"] == "salt first"


def test_limits_of_langchain_count_its_calls(scripted_chat: Serve) -> None:
    limit = ToolCallLimitMiddleware(run_limit=1, exit_behavior="end")
    with scripted_chat(call("salt"), call("sand"), ANSWER) as chat:
        state = agent(chat.endpoint(), limit).invoke(asked())
    assert kinds(state).count("tool") == 2
    assert "limit" in state["messages"][-1].text.lower()
    with scripted_chat(call("salt"), call("sand")) as chat:
        state = agent(chat.endpoint(), ModelCallLimitMiddleware(run_limit=1)).invoke(asked())
    assert len(chat.requests) == 1


def test_a_person_says_yes_to_a_call_before_it_runs(scripted_chat: Serve) -> None:
    asks = HumanInTheLoopMiddleware(interrupt_on={"weigh": True})
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    with scripted_chat(call("salt"), ANSWER) as chat:
        working = agent(chat.endpoint(), asks, checkpointer=InMemorySaver())
        interrupted = working.invoke(asked(), config)
        assert interrupted["__interrupt__"][0].value["action_requests"][0]["args"] == {"thing": "salt"}
        state = working.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
    assert state["messages"][-1].text == "It weighs 5 g."


def test_a_long_conversation_is_summarized_and_goes_on(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), "They spoke of salt.", ANSWER) as chat:
        summarizer = SummarizationMiddleware(
            chat_model(chat.endpoint(), max_tokens=64), trigger=("messages", 3), keep=("messages", 1)
        )
        state = agent(chat.endpoint(), summarizer).invoke(asked())
    assert state["messages"][-1].text == "It weighs 5 g."
    assert "They spoke of salt." in chat.requests[2]["messages"][1]["content"]


def test_a_tool_that_fails_is_tried_again(scripted_chat: Serve) -> None:
    tries: list[str] = []

    @langchain_tool
    def flaky(thing: str) -> str:
        """Weigh a thing."""
        tries.append(thing)
        if len(tries) == 1:
            raise ConnectionError("away")
        return "5 g"

    with scripted_chat(call("salt", "flaky"), ANSWER) as chat:
        endpoint = chat.endpoint()
        retry = ToolRetryMiddleware(max_retries=1, initial_delay=0.0)
        working = create_agent(
            chat_model(endpoint, max_tokens=256),
            [flaky],
            middleware=[retry, ConstrainedActions(endpoint)],
        )
        state = working.invoke({"messages": [HumanMessage("How heavy is salt?")]})
    assert len(tries) == 2
    assert state["messages"][-1].text == "It weighs 5 g."


def test_tools_that_another_middleware_adds_or_drops_are_those_offered(scripted_chat: Serve) -> None:
    function = {"name": "ToolSelectionResponse", "arguments": json.dumps({"tools": ["measure"]})}
    selection = {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    with scripted_chat(selection, ANSWER) as chat:
        selector = LLMToolSelectorMiddleware(model=chat_model(chat.endpoint(), max_tokens=64), max_tools=1)
        agent(chat.endpoint(), selector, TodoListMiddleware()).invoke(asked())
    assert set(offered(chat.requests[-1])) <= {"measure", "write_todos", "final_answer"}
    with scripted_chat(ANSWER) as chat:
        agent(chat.endpoint(), TodoListMiddleware()).invoke(asked())
    assert offered(chat.requests[0]) == ["write_todos", "weigh", "measure", "final_answer"]


class Weight(BaseModel):
    """A weight."""

    grams: float = Field(description="How many grams.")

    @field_validator("grams")
    @classmethod
    def _positive(cls, grams: float) -> float:
        if grams <= 0:
            raise ValueError("must weigh something")
        return grams


def test_an_answer_can_have_a_shape_and_is_repaired_where_its_type_refuses_it(scripted_chat: Serve) -> None:
    with scripted_chat(call("salt"), final(grams=-1), final(grams=5)) as chat:
        state = agent(chat.endpoint(), response_format=Weight).invoke(asked())
    assert state["structured_response"] == Weight(grams=5)
    assert "must weigh something" in chat.requests[2]["messages"][-1]["content"]


def test_several_calls_at_once_all_run(scripted_chat: Serve) -> None:
    both = json.dumps({"actions": [json.loads(call("salt")), json.loads(call("rope", "measure"))]})
    with scripted_chat(both, ANSWER) as chat:
        endpoint = chat.endpoint()
        constrained = ConstrainedActions(endpoint, parallel=True)
        state = agent(endpoint, constrained=constrained).invoke(asked("How heavy is salt, how long a rope?"))
    assert kinds(state) == ["human", "ai", "tool", "tool", "ai"]


@pytest.mark.parametrize("question", ["Weigh the salt."])
def test_the_bundled_model_calls_langchains_tool(bundled_endpoint: Endpoint, question: str) -> None:
    limit = ModelCallLimitMiddleware(run_limit=2)
    state = agent(bundled_endpoint, limit).invoke(asked(question))
    assert state["messages"][1].tool_calls[0]["name"] == "weigh"
    assert state["messages"][2].text
