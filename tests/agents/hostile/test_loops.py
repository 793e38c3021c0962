"""Models that would go on for ever: a limit ends each run, and the person is told which."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from agents.agent import Limits
from agents.running.loops import AGAIN
from tests.agents.hostile.chat_server import Reply, hostile_chat
from tests.agents.hostile.kitchen import Kitchen
from tests.agents.hostile.scripted_model import answering, calling, ending, every_way, watched_run

if TYPE_CHECKING:
    from agents.calling.way import CallingWay


@every_way
def test_the_same_call_for_ever_is_a_loop(way: CallingWay) -> None:
    kitchen = Kitchen()
    same = calling(way, "weigh", {"thing": "salt"})
    with hostile_chat(choose=lambda _: same) as chat:
        run = watched_run(chat, way, kitchen.free)
    assert run.ended_by == "loop"
    assert kitchen.ran == [("weigh", "salt")]
    assert "salt: 5 g" in run.answer


@every_way
def test_two_calls_in_turn_for_ever_are_a_loop(way: CallingWay) -> None:
    kitchen = Kitchen()
    turns = itertools.cycle([calling(way, "weigh", {"thing": thing}) for thing in ("salt", "sand")])
    with hostile_chat(choose=lambda _: next(turns)) as chat:
        run = watched_run(chat, way, kitchen.free, limits=Limits(steps=20))
    assert run.ended_by == "loop"
    assert kitchen.ran == [("weigh", "salt"), ("weigh", "sand")]


@every_way
def test_an_order_of_arguments_makes_no_other_call(way: CallingWay) -> None:
    kitchen = Kitchen()
    turns = itertools.cycle(
        [calling(way, "weigh", text) for text in ('{"thing":"x","grams":1}', '{"grams": 1, "thing": "x"}')]
    )
    with hostile_chat(choose=lambda _: next(turns)) as chat:
        run = watched_run(chat, way, kitchen.free, limits=Limits(steps=20))
    assert (run.ended_by, len(kitchen.ran)) == ("loop", 1)


@pytest.mark.parametrize(
    ("limits", "ended_by"),
    [
        (Limits(steps=5, tool_calls=50), "step_limit"),
        (Limits(steps=50, tool_calls=5), "tool_limit"),
        (Limits(steps=50, tool_calls=50, model_calls=5), "call_limit"),
        (Limits(steps=50, tool_calls=50, tokens=48 * 5), "token_limit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@every_way
def test_calls_that_are_always_new_end_at_a_limit(way: CallingWay, limits: Limits, ended_by: str) -> None:
    kitchen = Kitchen()
    numbers = itertools.count()
    with hostile_chat(choose=lambda _: calling(way, "weigh", {"thing": f"salt {next(numbers)}"})) as chat:
        run = watched_run(chat, way, kitchen.free, limits=limits)
    assert run.ended_by == ended_by
    assert 4 <= len(kitchen.ran) <= 6
    assert len(chat.requests) <= 6
    assert "limit" in run.answer


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": 0}]
)
@pytest.mark.parametrize("engine", ["vllm", "ollama"])
@every_way
def test_a_server_that_counts_nothing_or_nonsense_gets_its_answer_all_the_same(
    way: CallingWay, engine: str, usage: dict[str, int] | None
) -> None:
    kitchen = Kitchen()
    call, answer = calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")
    replies = [Reply(reply.content, calls=reply.calls, usage=usage) for reply in (call, answer)]
    with hostile_chat(*replies) as chat:
        end = ending(chat, way, kitchen.free, fields={"engine": engine})
    assert end.ended_by in ({"answer"} if not usage else {"answer", "token_limit", "error", "model_error"})
    assert kitchen.ran == [("weigh", "salt")]


@every_way
def test_a_tool_that_always_fails_is_not_asked_for_ever(way: CallingWay) -> None:
    numbers = itertools.count()
    with hostile_chat(choose=lambda _: calling(way, "weigh", {"thing": next(numbers)})) as chat:
        end = ending(chat, way, Kitchen().free, limits=Limits(steps=6))
    assert end.ended_by in {"step_limit", "error", "model_error"}
    assert len(chat.requests) <= 13


@pytest.mark.parametrize("reasoning", [False, True])
@every_way
def test_a_thought_that_is_written_where_an_action_should_be_ends_the_run(
    way: CallingWay, *, reasoning: bool
) -> None:
    kitchen = Kitchen()
    thought = Reply("<think>" + "Hmm, let me see. " * 400, finish_reason="length")
    with hostile_chat(choose=lambda _: thought) as chat:
        end = ending(chat, way, kitchen.free, fields={"reasoning": reasoning}, limits=Limits(steps=4))
    assert end.ended_by in {"error", "model_error"}
    assert kitchen.ran == []
    assert len(chat.requests) <= 8


def test_a_thought_without_end_is_cut_before_the_action_is_asked_for() -> None:
    kitchen = Kitchen()
    endless_thought = Reply("<think>" + "Hmm, let me see. " * 900, finish_reason="length")
    call, answer = (
        calling("constrained", "weigh", {"thing": "salt"}),
        answering("constrained", "It weighs 5 g."),
    )
    with hostile_chat(endless_thought, call, endless_thought, answer) as chat:
        end = ending(chat, "constrained", kitchen.free, fields={"reasoning": True})
    assert (end.ended_by, end.said) == ("answer", "It weighs 5 g.")
    assert max(len(chat.prompt(n)) for n in range(len(chat.requests))) < 4 * 4096


@every_way
def test_the_notice_of_a_repeated_call_is_no_answer(way: CallingWay) -> None:
    kitchen = Kitchen()
    same = calling(way, "weigh", {"thing": "salt"})
    replies = iter([same, same, answering(way, f"{AGAIN}\nsalt: 5 g")])
    with hostile_chat(choose=lambda _: next(replies)) as chat:
        run = watched_run(chat, way, kitchen.free)
    assert run.ended_by == "loop"
    assert "very call before" not in run.answer
    assert "salt: 5 g" in run.answer
