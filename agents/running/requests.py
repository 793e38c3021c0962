"""The innermost middleware: one request to the model, within the limits, heard, and complete.

Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
It does not know what is asked, nor what is made of the reply.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage

from agents.running.ending import RunStopped
from deploy.chat_errors import is_away
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.language_models import BaseChatModel

    from agents.running.ending import Ending
    from agents.running.listening import Listener
    from agents.running.trace import Trace
    from deploy.endpoint import Endpoint

# An engine that answered in this run and is away now may be starting anew: a small one takes some seconds.
# The first request of a run does not wait.
_RESTART_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5


class Requests(AgentMiddleware):
    """Sends what comes to it, if that may be sent.

    Args:
        endpoint: for messages to people.
        trace: counts requests and tokens, and says when there are too many.
        ending: says whether the run was ended from outside.
        listeners: each with the model that it hears.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        trace: Trace,
        ending: Ending,
        listeners: Sequence[tuple[BaseChatModel, Listener]],
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._trace = trace
        self._ending = ending
        self._listeners = tuple(listeners)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model's reply.

        Raises:
            RunStopped: a limit is reached, or the run was ended from outside.
            ModelError: the reply broke off. One that said the same again and again was ended; what came of it
                is a reply, and usually no valid one.
        """
        listener = next((heard for model, heard in self._listeners if model is request.model), None)
        if listener is None:
            return handler(request)
        response = self._send(request, handler, listener)
        if listener.heard.stuck:
            return _as_far_as_it_came(listener)
        message = response.result[0]
        if not listener.heard.end:
            where = f"{self._endpoint.model} at {self._endpoint.address}"
            raise ModelError(
                f"{where} broke off before its answer was complete",
                hint="stillroom status",
            )
        if listener.heard.reasoning and isinstance(message, AIMessage):
            message.additional_kwargs["reasoning_content"] = listener.heard.reasoning
        return response

    def _send(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
        listener: Listener,
    ) -> ModelResponse[Any]:
        """The reply, asked for again where the server is away for a moment and computed nothing."""
        patient_until = time.monotonic() + (_RESTART_SECONDS if self._trace.requests else 0.0)
        while True:
            if self._ending.look() or not self._trace.may_request():
                raise RunStopped
            try:
                return handler(request)
            except Exception as error:
                if self._ending.look():
                    raise RunStopped from error
                if listener.heard.stuck:
                    return _as_far_as_it_came(listener)
                if not is_away(error) or listener.heard.chunks or time.monotonic() >= patient_until:
                    raise
                self._ending.stopped.wait(_AGAIN_SECONDS)
            finally:
                if listener.heard.chunks:
                    self._trace.count_request(
                        prompt_tokens=listener.heard.prompt_tokens, reply_tokens=listener.heard.reply_tokens
                    )


def _as_far_as_it_came(listener: Listener) -> ModelResponse[Any]:
    """The reply that got stuck: a thought is of use all the same, anything else is as good as none."""
    heard = listener.heard
    reasoning = {"reasoning_content": heard.reasoning} if heard.reasoning else {}
    text = heard.text if listener.kind == "thought" else ""
    return ModelResponse(result=[AIMessage(text, additional_kwargs=reasoning)])
