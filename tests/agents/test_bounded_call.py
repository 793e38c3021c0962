"""A tool's call ends in time, whatever its function does, and what it gives later is dropped."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from agents.background import start_in_background
from agents.call_context import CallContext, current_call
from agents.result_pages import ResultPages
from agents.tools import tool
from deploy.chat import chat_model
from stillroom.errors import ToolError
from tests.agents.chat_script import Reply, chat_script
from tests.processes import wait_until

SPAN: ContextVar[str] = ContextVar("span", default="none")


def hang() -> str:
    """Hang for ever."""
    threading.Event().wait()
    return "never"


def test_tool_that_hangs_ends_with_its_time() -> None:
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"hang gave no result within 0\.2 s"):
        tool(hang, timeout_seconds=0.2).call({})
    assert time.monotonic() - began < 60


def test_tool_that_hangs_ends_with_the_run() -> None:
    context = CallContext(ends_at=time.monotonic() + 0.2)
    with pytest.raises(ToolError, match="hang gave no result before the run was over"):
        tool(hang).call({}, context)


def test_tool_that_hangs_ends_soon_after_the_run_is_cancelled() -> None:
    context = CallContext()
    threading.Timer(0.1, context.cancelled.set).start()
    with pytest.raises(ToolError, match="hang was stopped"):
        tool(hang).call({}, context)


def test_model_that_a_tool_asks_is_left_when_nobody_wants_its_answer_any_more() -> None:
    silent = Reply(silent=True)
    context = CallContext()
    with chat_script(silent) as script:

        def ask() -> str:
            """Ask a model that says nothing."""
            return str(chat_model(script.endpoint(), max_tokens=8, streaming=True).invoke("Well?").content)

        called = start_in_background(lambda: tool(ask).call({}, context))
        assert wait_until(lambda: bool(script.requests))
        context.cancelled.set()

        with pytest.raises(ToolError, match="ask was stopped"):
            called.result(timeout=120)
        assert silent.left.wait(120)


def test_cancelled_call_does_not_begin() -> None:
    ran: list[int] = []

    def note() -> None:
        """Note."""
        ran.append(1)

    context = CallContext()
    context.cancelled.set()
    with pytest.raises(ToolError, match="nobody waits"):
        tool(note).call({}, context)
    assert not ran


def test_function_sees_that_nobody_waits_and_its_late_result_and_progress_are_dropped() -> None:
    told: list[str] = []
    ended: list[int | None] = []
    pages = ResultPages()

    def work() -> str:
        """Work until nobody waits."""
        call = current_call()
        call.progress("working", 0.5)
        call.cancelled.wait()
        call.progress("too late", 1.0)
        ended.append(len(told))
        return "late " * 10_000

    from dataclasses import replace

    slow = replace(tool(work, timeout_seconds=2), pages=pages)
    with pytest.raises(ToolError, match="no result within"):
        slow.call({}, CallContext(progress=lambda message, _: told.append(message)))
    assert wait_until(lambda: bool(ended))
    assert told == ["working"]
    with pytest.raises(ToolError, match="there are none"):
        pages.read_result("r1")


def test_time_left_to_the_function_is_the_shorter_of_its_own_and_the_runs() -> None:
    def left() -> float:
        """Tell the time that is left."""
        return current_call().remaining_seconds or 0.0

    own = tool(left, timeout_seconds=200).call({}).data["result"]
    runs = (
        tool(left, timeout_seconds=200).call({}, CallContext(ends_at=time.monotonic() + 100)).data["result"]
    )
    assert 100 < own <= 200
    assert 0 < runs <= 100


def test_function_runs_in_a_daemon_thread_with_the_callers_context_variables() -> None:
    def where() -> list[object]:
        """Tell where it runs."""
        return [threading.current_thread().daemon, SPAN.get()]

    token = SPAN.set("outer")
    try:
        assert tool(where).call({}).data["result"] == [True, "outer"]
    finally:
        SPAN.reset(token)


def test_coroutine_function_is_run() -> None:
    async def double(n: int) -> int:
        """Double."""
        await asyncio.sleep(0)
        return 2 * n

    assert tool(double).call({"n": "２１"}).text == "42"


def test_coroutine_is_cancelled_once_nobody_waits() -> None:
    cleaned = threading.Event()

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()
        return "never"

    with pytest.raises(ToolError, match="no result within"):
        tool(wait, timeout_seconds=2).call({})
    assert cleaned.wait(120)
