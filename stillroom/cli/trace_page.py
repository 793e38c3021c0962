"""A run's trace as a person reads it on a terminal: a line for each request of the model and each tool call.

Pure: events of ``agents.running.trace_events`` in, text out. Secrets were taken out before.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from stillroom.cli.pages import counted, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agents.running.trace_events import TraceEvent

_ARGUMENT_CHARACTERS: Final = 100
_TEXT_CHARACTERS: Final = 200


def trace_text(events: Iterable[TraceEvent]) -> str:
    """The lines of all events that have one."""
    return "\n".join(line for line in map(trace_line, events) if line)


def trace_line(event: TraceEvent) -> str:
    """One event in one line; empty for a tool that only begins.

    Example:
        >>> trace_line({"event": "model_called", "turn": 1, "ms": 812.4, "requests": 1, "prompt_tokens": 420,
        ...     "reply_tokens": 31, "calls": ["calculate"]})
        'model  1      812 ms  420 + 31 tokens  → calculate'
    """
    line = _LINES.get(event["event"])
    return line(event) if line else ""


def _started(event: TraceEvent) -> str:
    where = f" at {event['server']}" if event.get("server") else ""
    way = f", {event['way']} calls" if event.get("way") else ""
    return f"run    {event['run']}  {event['model']}{where}{way}, {counted(len(event['tools']), 'tool')}"


def _model(event: TraceEvent) -> str:
    told = event["prompt_tokens"] or event["reply_tokens"]
    tokens = f"{event['prompt_tokens']:,} + {event['reply_tokens']:,} tokens" if told else "not counted"
    requests = f" in {event['requests']} requests" if event["requests"] > 1 else ""
    decided = f"→ {', '.join(event['calls'])}" if event["calls"] else "→ answer"
    return f"model {event['turn']:>2}  {_ms(event)}  {tokens}{requests}  {decided}"


def _tool(event: TraceEvent) -> str:
    arguments = event["arguments"]
    told = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    marks = [counted(event["citations"], "quote")] if event["citations"] else []
    marks += [word for word in ("failed", "repeated") if event[word]]
    after = f"  ({', '.join(marks)})" if marks else ""
    called = f"{event['tool']} {excerpt(told, limit=_ARGUMENT_CHARACTERS)}"
    why = f"  {excerpt(str(event['result']), limit=_TEXT_CHARACTERS)}" if event["failed"] else ""
    return f"tool  {event['call']:>2}  {_ms(event)}  {called}{after}{why}"


def _consent(event: TraceEvent) -> str:
    return f"asked     {_ms(event)}  {event['tool']}: {event['decision']}"


def _noticed(event: TraceEvent) -> str:
    return f"note                  {excerpt(str(event['text']), limit=_TEXT_CHARACTERS)}"


def _ended(event: TraceEvent) -> str:
    tokens = f", {event['tokens']:,} tokens" if event["tokens"] else ""
    return f"ended     {_ms(event)}  by {event['ended_by']}, {counted(event['calls'], 'tool call')}{tokens}"


def _failed(event: TraceEvent) -> str:
    return f"failed    {_ms(event)}  {excerpt(str(event['error']), limit=_TEXT_CHARACTERS)}"


def _ms(event: TraceEvent) -> str:
    return f"{event['ms']:>7,.0f} ms"


_LINES: Final[dict[str, Callable[[TraceEvent], str]]] = {
    "run_started": _started,
    "model_called": _model,
    "tool_called": _tool,
    "consent": _consent,
    "noticed": _noticed,
    "run_ended": _ended,
    "run_failed": _failed,
}
