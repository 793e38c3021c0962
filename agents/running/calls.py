"""The tool calls of a run: numbered in the model's order, run together where that is safe, and recorded.

Calls of one turn that only read run at the same time. One that changes something waits for those before it,
and those after it wait for it. A call that came before is answered from then. Nothing runs that is not one of
the given tools, that nobody allowed, or that a limit forbids. It knows neither models nor how a person is
asked.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from agents.call_context import CallContext
from agents.running.ending import outcome
from agents.running.events import ToolEnded, ToolProgressed, ToolStarted
from agents.running.loops import AGAIN, LoopGuard, call_key
from agents.running.step import Step
from agents.running.trace import SHOWN_CHARACTERS, shorten
from agents.tools import ToolResult
from rag.prompt_text import as_data, without_turns
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agents.running.consent import Consent, Decision
    from agents.running.ending import Ending
    from agents.running.events import AgentEvent
    from agents.running.recorder import Recorder, Turn
    from agents.running.trace import Trace
    from agents.tools import Tool

# How often a call that waits for another looks whether the run has ended meanwhile.
_LOOK_SECONDS: Final = 0.05
_NOT_RUN: Final = "not run: the run has ended"


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call as the model wrote it; ``id`` is unique in the run."""

    id: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass
class _Planned:
    """A call that has its place in the order.

    Attributes:
        number: of its step; 0 for one that a limit forbids.
        turn: the decision that it is of.
        after: calls that have to end first.
        earlier: the same call, whose result is given back.
        ended: set when the result is there.
    """

    call: WantedCall
    number: int
    turn: Turn
    tool: Tool | None
    after: list[_Planned] = field(default_factory=list)
    earlier: _Planned | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    result: ToolResult = field(default_factory=lambda: ToolResult(_NOT_RUN))
    failed: bool = False


class ToolCalls:
    """Runs them.

    Args:
        tools: what may be called.
        trace: keeps the records, and is told of loops and limits.
        ending: says when nobody waits any longer.
        consent: is asked before a call that needs a yes.
        tell: takes events, from any thread.
        recorder: is told as well.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        trace: Trace,
        ending: Ending,
        consent: Consent,
        *,
        tell: Callable[[AgentEvent], None],
        recorder: Recorder | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._trace = trace
        self._ending = ending
        self._consent = consent
        self._tell = tell
        self._recorder = recorder
        self._loops = LoopGuard()
        self._planned: dict[str, _Planned] = {}
        self._first: dict[str, _Planned] = {}
        self._numbered = 0
        self._ran = 0
        self._lock = threading.Lock()  # of events and records; never held while a tool runs

    def plan(self, turn: Turn, calls: Sequence[WantedCall]) -> None:
        """Give the calls of a turn their numbers and their order, before any of them runs."""
        keys = [call_key(call.tool, call.arguments) for call in calls]
        looping = self._loops.decided(turn.thought, keys)
        of_turn: list[_Planned] = []
        for call, key in zip(calls, keys, strict=True):
            planned = _Planned(call, 0, turn, self._tools.get(call.tool))
            self._planned[call.id] = planned
            planned.earlier = self._first.get(key)
            if planned.earlier is None and not self._may_run(planned):
                continue
            self._numbered += 1
            planned.number = self._numbered
            self._first.setdefault(key, planned)
            planned.after = _before(planned, of_turn)
            of_turn.append(planned)
        if looping:
            self._trace.end("loop")

    def run(self, call_id: str) -> tuple[str, bool]:
        """Run a planned call; the text for the model, and whether it failed."""
        planned = self._planned[call_id]
        try:
            for other in (*planned.after, *([planned.earlier] if planned.earlier else ())):
                self._wait_for(other)
            if planned.number:
                self._run(planned)
            # What comes from outside cannot pass for a turn of the chat. Our own tools fence it; an error
            # may quote it unfenced.
            text = planned.result.text
            ours = planned.tool is not None and not planned.tool.server and not planned.failed
            return without_turns(text) if ours else as_data(text), planned.failed
        finally:
            planned.ended.set()

    def _wait_for(self, other: _Planned) -> None:
        while not other.ended.wait(_LOOK_SECONDS):
            if self._ending.stopped.is_set():
                return

    def _may_run(self, planned: _Planned) -> bool:
        """Count a call that would really run; a limit ends the run instead."""
        if planned.tool is None:
            return True  # nothing runs: the model is told that there is no such tool
        if self._ran >= self._trace.limits.tool_calls:
            self._trace.end("tool_limit")
            return False
        self._ran += 1
        return True

    def _run(self, planned: _Planned) -> None:
        started = time.monotonic()
        if planned.earlier:
            planned.failed = planned.earlier.failed
            planned.result = replace(planned.earlier.result, text=f"{AGAIN}\n{planned.earlier.result.text}")
        else:
            try:
                planned.result = self._result(planned)
            except ToolError as error:
                planned.failed = True
                hint = f" ({error.hint})" if error.hint else ""
                planned.result = ToolResult(f"Error: {error.message}{hint}")
                with self._lock:
                    looping = self._loops.failed(planned.call.tool, planned.call.arguments)
                if looping:
                    self._trace.end("loop")
        self._keep(planned, time.monotonic() - started)

    def _result(self, planned: _Planned) -> ToolResult:
        """What the tool gives.

        Raises:
            ToolError: there is no such tool, it may not run, it failed, or it gave nothing in time.
        """
        tool, call = planned.tool, planned.call
        if tool is None:
            known = ", ".join(self._tools) or "none"
            raise ToolError(f"there is no tool {call.tool!r}; there are {known}")
        self._ask(tool, call.arguments)
        if self._ending.look():
            raise ToolError(f"{tool.name} was not run: the run has ended")
        with self._lock:
            self._tell(ToolStarted(planned.number, tool.name, call.arguments))
            if self._recorder:
                self._recorder.call_started(planned.number, tool.name, call.arguments)
        ends_at = time.monotonic() + self._ending.remaining_seconds
        return tool.call(call.arguments, CallContext(self._ending.stopped, ends_at, self._progress(planned)))

    def _ask(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """Return if the call may run; a person who is asked takes time that is not the run's."""
        if not tool.needs_consent:
            return
        started = time.monotonic()

        def decided(decision: Decision) -> None:
            if self._recorder:
                with self._lock:
                    self._recorder.consent_given(tool.name, decision.value, time.monotonic() - started)

        def agreed() -> None:
            # A person is not asked about what would be refused all the same.
            tool.check(arguments)
            self._consent.check(tool, arguments, waiting=self._ending.person_decides, decided=decided)

        try:
            outcome(agreed, until=self._ending.stopped.is_set)
        except TimeoutError:
            raise ToolError(f"{tool.name} was not run: nobody said yes before the run ended") from None

    def _progress(self, planned: _Planned) -> Callable[[str, float | None], None]:
        def progress(message: str, done: float | None) -> None:
            with self._lock:
                if not planned.ended.is_set():
                    self._tell(ToolProgressed(planned.number, message, done))

        return progress

    def _keep(self, planned: _Planned, seconds: float) -> None:
        turn, result = planned.turn, planned.result
        step = Step(
            number=planned.number,
            thought=turn.thought,
            tool=planned.call.tool,
            arguments=dict(planned.call.arguments),
            result=shorten(result.text, SHOWN_CHARACTERS),
            failed=planned.failed,
            repeated=planned.earlier is not None,
            model_seconds=turn.seconds,
            tool_seconds=0.0 if planned.earlier else seconds,
            tokens=turn.prompt_tokens + turn.reply_tokens or None,
            citations=result.citations,
        )
        cited = None if planned.failed or planned.earlier else result
        with self._lock:
            planned.ended.set()
            self._trace.keep(step, cited)
            if self._recorder:
                self._recorder.call_ended(step)
            self._tell(ToolEnded(step))


def _before(planned: _Planned, earlier: Sequence[_Planned]) -> list[_Planned]:
    """Those of the same turn that have to end first."""
    changes = planned.tool is not None and not planned.tool.read_only
    return [other for other in earlier if changes or (other.tool is not None and not other.tool.read_only)]
