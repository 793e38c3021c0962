"""Run the agent: a model decides, tools are called, until there is an answer or something ends it.

It builds LangChain's agent for an endpoint and turns what happened into one value. How a model without tool
calling is made to call tools, what tools exist, and how an endpoint is reached are other modules' business.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from agents.calling.actions import require_names
from agents.calling.situation import tokens_for_action
from agents.calling.way import calling_way
from agents.running.agent_run import AgentRun
from agents.running.calls import ToolCalls
from agents.running.citing import cite_answer
from agents.running.consent import Consent
from agents.running.ending import Ending, RunStopped, outcome
from agents.running.events import AgentEvent, Noticed
from agents.running.langchain_tools import langchain_tool
from agents.running.limits import Limits
from agents.running.loops import is_notice_copied
from agents.running.partial import failed_run, partial_run
from agents.running.recorder import RunStart
from agents.running.speech import Speech
from agents.running.step import Step
from agents.running.trace import Trace
from agents.running.wording import wording
from deploy.chat import chat_model, split_reasoning
from deploy.chat_errors import model_errors
from rag.language import detect_language
from rag.model_call import thinking_tokens
from stillroom.errors import ModelError, StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import Durability

    from agents.running.listening import Listener
    from agents.running.recorder import Recorder
    from agents.running.remembered import Remembered
    from agents.running.speech import RequestKind
    from agents.tools import Tool
    from deploy.endpoint import Endpoint

__all__ = ["AgentRun", "Limits", "Step", "run_agent"]

# Tools that were told to stop have a second to do so; then the loop around them comes to its end.
_GRACE_SECONDS: Final = 2.0


def run_agent(
    question: str,
    *,
    endpoint: Endpoint,
    tools: Sequence[Tool],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    consent: Consent | None = None,
    conversation: Remembered | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[AgentEvent], None] = lambda _: None,
    recorder: Recorder | None = None,
) -> AgentRun:
    """Let the model at ``endpoint`` work on the question with the tools.

    Args:
        question: its language is asked for in the answer.
        endpoint: a model without native tools is made to act under a JSON schema.
        tools: a tool that fails gives its message to the model; the run goes on.
        limits: end the run with a partial result that says so.
        consent: says which calls may run that change something; without it none of them does.
        conversation: is gone on with, and keeps this run's turns; without it nothing is kept.
        cancelled: ends the run when it is set, from any thread, within about two seconds.
        on_event: is told what happens while it happens, from other threads, never two at a time.
        recorder: keeps what happened.

    Raises:
        ModelError: the endpoint refused or did not answer, or gave no valid action, before any tool
            returned something. After that, the run ends with what there is.
        ToolError: two of the tools have one name, or one has a name that stands for the answer.

    Example:
        >>> run_agent("What does 7B at 4 bits take?", endpoint=endpoint, tools=tools).answer  # doctest: +SKIP
        'About 4.2 GB [1].'
    """
    require_names(tools)
    question = _printable(question)
    events = _Events(on_event)
    trace = Trace(limits)
    ending = Ending(limits.seconds, cancelled or threading.Event())
    calls = ToolCalls(tools, trace, ending, consent or Consent(), tell=events.tell, recorder=recorder)
    working = _Working(
        question, endpoint, tools, trace, ending, calls, Speech(events.tell), conversation, recorder
    )
    if recorder:
        recorder.run_started(
            RunStart(
                question,
                model=endpoint.model,
                tools=tuple(tool.name for tool in tools),
                conversation=conversation.name if conversation else "",
                server=endpoint.address,
                way=calling_way(endpoint),
                limits=asdict(limits),
            )
        )
    try:
        run = working.run()
    except BaseException as error:
        failed = failed_run(trace, error, seconds=ending.elapsed_seconds)
        if recorder:
            recorder.run_failed(failed.notice)
        if conversation:
            with suppress(StillroomError):  # what ended the run matters more than that it is not kept
                conversation.record(question, failed, model=endpoint.model)
        raise
    finally:
        events.close()
    if recorder:
        recorder.run_ended(run)
    if conversation:
        conversation.record(question, run, model=endpoint.model)
    return run


class _Events:
    """Tells them, one at a time."""

    def __init__(self, on_event: Callable[[AgentEvent], None]) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        self._over = False

    def tell(self, event: AgentEvent) -> None:
        with self._lock:
            if not self._over:
                self._on_event(event)

    def close(self) -> None:
        """Tell nothing any more: a thread that was left behind may still have something to say."""
        with self._lock:
            self._over = True


@dataclass(frozen=True, slots=True)
class _Reply:
    """The agent's last message.

    Attributes:
        text: empty where it is no answer.
        cut_off: it ended at the most tokens that a reply may have.
        in_words: JSON was asked for.
        earlier: the conversation before it.
    """

    text: str
    cut_off: bool = False
    in_words: bool = False
    earlier: tuple[str, ...] = ()


@dataclass
class _Working:
    """One run, from the question to what it comes to."""

    question: str
    endpoint: Endpoint
    tools: Sequence[Tool]
    trace: Trace
    ending: Ending
    calls: ToolCalls
    speech: Speech
    conversation: Remembered | None
    recorder: Recorder | None

    def run(self) -> AgentRun:
        """What it comes to.

        Raises:
            ModelError: the model failed before any tool returned something.
        """
        detail, reply = "", _Reply("")
        with self.ending.watched():
            try:
                reply = self._reply()
            except ModelError as error:
                if not self.ending.look():
                    if not self.trace.results:
                        self.speech.withdraw()
                        raise
                    self.trace.end("model_error")
                    detail = error.message
            except (RunStopped, TimeoutError):
                self.ending.look()
        if is_notice_copied(reply.text):
            # It made the call again, and has nothing to say of the result: a circle, and no answer.
            self.trace.end("loop")
        if self.ending.why and not reply.text:
            self.trace.end(self.ending.why)
        run = self._answered(reply) if reply.text and not self.trace.ended_by else self._partial(detail)
        return replace(
            run,
            tokens=self.trace.tokens,
            seconds=self.ending.elapsed_seconds,
            conversation=self.conversation.name if self.conversation else "",
        )

    def _reply(self) -> _Reply:
        """The agent's last message; the loop is left alone where it does not end when it is told to.

        Raises:
            ModelError: the model failed.
            RunStopped: a limit, or somebody from outside, ended it.
            TimeoutError: it went on in spite of that.
        """
        try:
            return outcome(self._loop, until=self.ending.stopped.is_set, grace_seconds=_GRACE_SECONDS)
        except (KeyboardInterrupt, SystemExit):
            self.ending.stop("cancelled")
            raise

    def _loop(self) -> _Reply:
        from langchain.agents import create_agent
        from langchain_core.messages import HumanMessage

        action_tokens = tokens_for_action(self.endpoint)
        native = self._speaks_plainly
        reply_tokens = action_tokens + (thinking_tokens(self.endpoint) if native else 0)
        model, listener = self._model("reply" if native else "action", reply_tokens)
        words = wording(detect_language(self.question))
        instructions = words.instructions if self.tools else words.without_tools
        agent = create_agent(
            model,
            [langchain_tool(tool, _refuse) for tool in self.tools],
            system_prompt=instructions.format(date=datetime.now().astimezone().date().isoformat()),
            middleware=self._middleware(model, listener, action_tokens, reply_tokens),
            checkpointer=self.conversation.open_checkpointer() if self.conversation else None,
        )
        # Two nodes a turn and one for each middleware's hook: the trace's own limits come first.
        config: RunnableConfig = {"recursion_limit": 10 * (self.trace.limits.steps + 2)}
        if self.conversation:
            config["configurable"] = {"thread_id": self.conversation.thread_id}
        # A call is on the disk before its tool runs.
        durability: Durability | None = "sync" if self.conversation else None
        with model_errors(self.endpoint):
            state = agent.invoke({"messages": [HumanMessage(self.question)]}, config, durability=durability)
        earlier: list[BaseMessage] = state["messages"]
        last = earlier.pop()
        said = split_reasoning(last)[1] if last.type == "ai" else ""
        return _Reply(
            _printable(said),
            native and listener.heard.end == "length",
            bool(last.additional_kwargs.get("in_words")),
            _before_question(earlier),
        )

    @property
    def _speaks_plainly(self) -> bool:
        """The model's reply is its answer, or a call of its own: it has native tools, or there are none."""
        return self.endpoint.capabilities.native_tools or not self.tools

    def _model(self, kind: RequestKind, max_tokens: int) -> tuple[BaseChatModel, Listener]:
        """A chat model, and who hears it."""
        from agents.running.listening import Listener

        model = chat_model(
            self.endpoint,
            max_tokens=max_tokens,
            # Ending looks at the clock as well, and knows of the time that a person takes to decide.
            timeout_seconds=max(1.0, self.ending.remaining_seconds),
            streaming=True,
            hang_up=self.ending.hang_up,
        )
        opened = self.endpoint.capabilities.reasoning_form == "opened"
        listener = Listener(self.speech, kind, opened=opened, stop=self.ending.hang_up.once)
        model.callbacks = [listener]
        return model, listener

    def _middleware(
        self, model: BaseChatModel, listener: Listener, action_tokens: int, reply_tokens: int
    ) -> list[AgentMiddleware[Any, Any, Any]]:
        """What stands between LangChain's agent and the model, outermost first."""
        from agents.constrained import ConstrainedActions
        from agents.running.native_calls import NativeCalls
        from agents.running.requests import Requests
        from agents.running.watch import FitHistory, Watch

        heard = [(model, listener)]
        if self._speaks_plainly:
            way: list[AgentMiddleware[Any, Any, Any]] = [
                NativeCalls(self.endpoint, {tool.name for tool in self.tools}, listener),
                FitHistory(self.endpoint, answer_tokens=reply_tokens),
            ]
        else:
            thinker = None
            if self.endpoint.capabilities.reasoning:
                thinker, thinking = self._model("thought", thinking_tokens(self.endpoint))
                heard.append((thinker, thinking))
            way = [
                ConstrainedActions(self.endpoint, self.tools, thinker=thinker, action_tokens=action_tokens)
            ]
        return [
            *self._remembering(action_tokens),
            Watch(self.trace, self.ending, self.calls, self.recorder),
            *way,
            Requests(self.endpoint, self.trace, self.ending, heard),
        ]

    def _remembering(self, action_tokens: int) -> Sequence[AgentMiddleware[Any, Any, Any]]:
        if self.conversation is None:
            return ()
        return self.conversation.middleware(
            self.endpoint,
            self.tools,
            answer_tokens=action_tokens,
            tell=self._notice,
            wanted=lambda: not self.ending.look(),
        )

    def _notice(self, text: str) -> None:
        self.speech.tell(Noticed(text))
        if self.recorder:
            self.recorder.noticed(text)

    def _answered(self, reply: _Reply) -> AgentRun:
        self.speech.settle(reply.text)
        words = wording(detect_language(self.question))
        cited = cite_answer(self.question, reply.text, self.trace.results, known=reply.earlier)
        told = {words.cut_off: reply.cut_off, words.in_words: reply.in_words}
        notices = [*cited.notices, *(text for text, holds in told.items() if holds)]
        return AgentRun(cited.text, cited.citations, self.trace.steps, "answer", " ".join(notices))

    def _partial(self, detail: str) -> AgentRun:
        self.speech.withdraw()
        words = wording(detect_language(self.question))
        if not self.trace.ended_by:
            detail = words.empty
        return partial_run(self.trace, words, detail=detail)


def _refuse(tool: Tool, _: object) -> str:
    """Stands where LangChain would run a tool itself: ``ToolCalls`` runs them, after asking."""
    raise AssertionError(tool.name)


def _before_question(messages: Sequence[BaseMessage]) -> tuple[str, ...]:
    """The texts of earlier turns. What the model wrote in this one proves nothing."""
    asked = max((index for index, message in enumerate(messages) if message.type == "human"), default=0)
    return tuple(message.text for message in messages[:asked])


def _printable(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
