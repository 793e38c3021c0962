# ruff: noqa: INP001  (a program of its own, not a package)
"""A LangChain agent of one's own whose model has no tool calling: two functions and one middleware.

Usage: python examples/own_agent.py http://127.0.0.1:8080/v1 smollm2:135m "Measure how long the rope is."

`stillroom status` names the address and the model of the engine that runs.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelCallLimitMiddleware
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from agents.constrained import ConstrainedActions
from deploy.chat import chat_model
from deploy.chat_errors import model_errors
from deploy.endpoint import Capabilities, Endpoint
from stillroom.errors import ModelError

_USAGE: Final = "usage: python examples/own_agent.py URL MODEL QUESTION"


@tool
def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


@tool
def measure(thing: str) -> str:
    """Measure how long a thing is."""
    return f"{thing}: 2 m"


def main() -> None:
    """Ask the agent, and print each message of the conversation."""
    if len(sys.argv) != len(_USAGE.split()) - 2:
        raise SystemExit(_USAGE)
    url, model, question = sys.argv[1:]
    # reasoning=True: the model thinks before each action. json_schema=False: it is only told the form.
    endpoint = Endpoint(url, model, "embedded", context_tokens=4096, capabilities=Capabilities())
    # Other middlewares stand before it.
    middleware: list[AgentMiddleware[Any, Any, Any]] = [
        ModelCallLimitMiddleware(run_limit=2),
        ConstrainedActions(endpoint),
    ]
    agent = create_agent(
        chat_model(endpoint, max_tokens=512),
        [weigh, measure],
        system_prompt="Be brief.",
        middleware=middleware,
    )
    try:
        # LangChain's clients raise what their server's library raises: one error that names the endpoint.
        with model_errors(endpoint):
            answered = agent.invoke({"messages": [HumanMessage(question)]})
    except ModelError as error:
        raise SystemExit(
            f"error: {error.message}" + (f"\ntry: {error.hint}" if error.hint else "")
        ) from error
    for message in answered["messages"]:
        sys.stdout.write(f"{message.type}: {message.text or getattr(message, 'tool_calls', '')}\n")


if __name__ == "__main__":
    main()
