"""A recorder that makes OpenTelemetry spans of a run, as ``agents.running.telemetry`` describes them.

Importing this module imports OpenTelemetry: it is imported where its variables ask for it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, Tracer

    from agents.running.agent_run import AgentRun
    from agents.running.recorder import RunStart, Turn
    from agents.running.redaction import Redactor
    from agents.running.step import Step

_NS: Final = 1_000_000_000


class SpanRecorder:
    """A recorder that makes spans.

    Args:
        tracer: of the provider.
        redactor: for content; None where no content is to be captured.
    """

    def __init__(self, tracer: Tracer, redactor: Redactor | None) -> None:
        self._tracer = tracer
        self._redactor = redactor
        self._run: Span | None = None
        self._model = ""
        self._server: dict[str, Any] = {}
        self._calls: dict[int, Span] = {}

    def run_started(self, start: RunStart) -> None:
        """A run begins: ``invoke_agent``."""
        self._model, self._server = start.model, _server_attributes(start.server)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "stillroom",
            "gen_ai.provider.name": "stillroom",
            "gen_ai.request.model": start.model,
            "stillroom.tools": list(start.tools),
            **({"gen_ai.conversation.id": start.conversation} if start.conversation else {}),
            **({"stillroom.way": start.way} if start.way else {}),
            **{f"stillroom.limit.{name}": value for name, value in start.limits.items()},
        }
        self._calls = {}
        self._run = self._tracer.start_span("invoke_agent stillroom", attributes=attributes)
        self._content(self._run, "gen_ai.input.messages", _message("user", start.question))

    def turn_ended(self, turn: Turn) -> None:
        """The model decided: ``chat``."""
        ended = time.time_ns()
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "stillroom",
            "gen_ai.request.model": self._model,
            "gen_ai.output.type": "json" if turn.calls else "text",
            "stillroom.turn": turn.number,
            "stillroom.requests": turn.requests,
            **self._server,
        }
        if turn.prompt_tokens or turn.reply_tokens:
            attributes["gen_ai.usage.input_tokens"] = turn.prompt_tokens
            attributes["gen_ai.usage.output_tokens"] = turn.reply_tokens
        span = self._child(f"chat {self._model}", ended - int(turn.seconds * _NS), attributes, client=True)
        span.end(ended)

    def call_started(self, number: int, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool begins: ``execute_tool``."""
        self._calls[number] = self._tool_span(number, tool, arguments, time.time_ns())

    def call_ended(self, step: Step) -> None:
        """A tool ended; one that was refused or answered from an earlier call did so at once."""
        span = self._calls.pop(step.number, None)
        if span is None:
            span = self._tool_span(step.number, step.tool, step.arguments, time.time_ns())
        span.set_attribute("stillroom.repeated", step.repeated)
        span.set_attribute("stillroom.citations", len(step.citations))
        self._content(span, "gen_ai.tool.call.result", step.result)
        if step.failed:
            _fail(span, "tool_error", self._clean(step.result))
        span.end()

    def consent_given(self, tool: str, decision: str, seconds: float) -> None:
        """A person was asked about a call."""
        self._event("stillroom.consent", {"tool": tool, "decision": decision, "seconds": seconds})

    def noticed(self, text: str) -> None:
        """The reader was told something."""
        self._event("stillroom.notice", {"text": self._clean(text)} if self._redactor else {})

    def run_ended(self, run: AgentRun) -> None:
        """The run ended, whatever ended it."""
        if self._run is None:
            return
        self._run.set_attribute("stillroom.ended_by", run.ended_by)
        self._run.set_attribute("stillroom.tokens", run.tokens)
        self._content(self._run, "gen_ai.output.messages", _message("assistant", run.answer))
        if run.ended_by == "model_error":
            _fail(self._run, "model_error", "")
        self._end()

    def run_failed(self, message: str) -> None:
        """The run ended with an error instead."""
        if self._run is not None:
            _fail(self._run, "model_error", self._clean(message))
            self._end()

    def _end(self) -> None:
        for span in self._calls.values():
            span.end()
        self._calls = {}
        if self._run is not None:
            self._run.end()
        self._run = None

    def _tool_span(self, number: int, tool: str, arguments: Mapping[str, Any], started: int) -> Span:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": str(number),
        }
        span = self._child(f"execute_tool {tool}", started, attributes, client=False)
        self._content(span, "gen_ai.tool.call.arguments", arguments)
        return span

    def _child(self, name: str, started: int, attributes: Mapping[str, Any], *, client: bool) -> Span:
        return self._tracer.start_span(
            name,
            context=set_span_in_context(self._run) if self._run else None,
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=dict(attributes),
            start_time=started,
        )

    def _event(self, name: str, attributes: dict[str, Any]) -> None:
        if self._run is not None:
            self._run.add_event(name, attributes)

    def _content(self, span: Span, attribute: str, value: object) -> None:
        """What a person or a model wrote, where it is to be captured; structured values as JSON."""
        if self._redactor is None:
            return
        clean = self._redactor.value(value)
        text = clean if isinstance(clean, str) else json.dumps(clean, ensure_ascii=False)
        span.set_attribute(attribute, text)

    def _clean(self, text: str) -> str:
        return self._redactor.text(text) if self._redactor else ""


def _server_attributes(base_url: str) -> dict[str, Any]:
    parts = urlsplit(base_url)
    if not parts.hostname:
        return {}
    return {"server.address": parts.hostname, **({"server.port": parts.port} if parts.port else {})}


def _message(role: str, text: str) -> list[dict[str, Any]]:
    """A message as the conventions write it."""
    return [{"role": role, "parts": [{"type": "text", "content": text}]}]


def _fail(span: Span, kind: str, message: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, message or None))
