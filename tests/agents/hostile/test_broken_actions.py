"""Decisions that are none: broken JSON, unknown tools, wrong arguments, and more of everything than fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agents.agent import Limits
from agents.memory.conversations import Conversations
from tests.agents.hostile.chat_server import Call, Reply, hostile_chat
from tests.agents.hostile.kitchen import Kitchen
from tests.agents.hostile.scripted_model import answering, calling, ending, every_way, watched_run

if TYPE_CHECKING:
    from pathlib import Path

    from agents.calling.way import CallingWay

FEW = Limits(steps=4, seconds=100)

BROKEN_ARGUMENTS = {
    "nothing": "",
    "white space": "   ",
    "cut off": '{"thing": "sal',
    "single quotes": "{'thing': 'salt'",
    "a text": '"salt"',
    "a list": '["salt"]',
    "null": "null",
    "NaN": '{"thing": NaN}',
    "infinity": '{"thing": Infinity}',
    "a huge number": '{"thing": ' + "9" * 5000 + "}",
    "deep lists": '{"thing": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "deep objects": '{"thing": ' * 10_000 + "1" + "}" * 10_000,
    # JSON's parser takes these, and what keeps a conversation does not.
    "lists that a parser takes": '{"thing": ' + "[" * 300 + "]" * 300 + "}",
    "objects that a parser takes": '{"thing": ' * 300 + "1" + "}" * 300,
    "open brackets": "[" * 100_000,
    "open braces": '{"a":' * 50_000,
    "a control character": '{"thing": "\x00\x01',
    "a lone surrogate": '{"thing": "\\ud800"',
    "XML": "<thing>salt</thing>",
}


@pytest.mark.parametrize("kind", BROKEN_ARGUMENTS)
@every_way
def test_broken_arguments_run_nothing_and_come_to_a_clear_end(way: CallingWay, kind: str) -> None:
    kitchen = Kitchen()
    broken = calling(way, "weigh", BROKEN_ARGUMENTS[kind])
    with hostile_chat(choose=lambda _: broken) as chat:
        end = ending(chat, way, kitchen.all, limits=FEW)
    assert kitchen.ran == []
    assert end.ended_by in {"error", "model_error", "loop", "step_limit"}
    assert end.said
    assert all(step.failed for step in end.steps)


@pytest.mark.parametrize("kind", BROKEN_ARGUMENTS)
@every_way
def test_after_broken_arguments_a_model_may_still_do_right(way: CallingWay, kind: str) -> None:
    kitchen = Kitchen()
    broken = calling(way, "weigh", BROKEN_ARGUMENTS[kind])
    good = calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")
    with hostile_chat(broken, *good) as chat:
        run = watched_run(chat, way, kitchen.all, limits=FEW)
    assert kitchen.ran == [("weigh", "salt")]
    assert (run.ended_by, run.answer) == ("answer", "It weighs 5 g.")


@every_way
def test_half_a_character_in_a_call_is_neither_sent_on_nor_kept(way: CallingWay, tmp_path: Path) -> None:
    decisions = calling(way, "weigh", {"thing": "s\ud83dlt"}), answering(way, "5 g \udc00.")
    with (
        hostile_chat(*decisions) as chat,
        Conversations(tmp_path / "kept.sqlite3").open("salt") as conversation,
    ):
        run = watched_run(chat, way, Kitchen().all, limits=FEW, conversation=conversation)
        (turn,) = conversation.turns
    assert run.steps[0].arguments == {"thing": "s?lt"}
    assert (run.ended_by, turn.answer) == ("answer", "5 g ?.")


@every_way
def test_arguments_that_no_file_can_hold_end_no_conversation(way: CallingWay, tmp_path: Path) -> None:
    deep = calling(way, "weigh", '{"thing": ' + "[" * 300 + "]" * 300 + "}")
    good = calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")
    with (
        hostile_chat(deep, *good) as chat,
        Conversations(tmp_path / "kept.sqlite3").open("salt") as conversation,
    ):
        run = watched_run(chat, way, Kitchen().all, limits=FEW, conversation=conversation)
    assert run.answer == "It weighs 5 g."


DUPLICATES = '{"thing": "salt", "thing": "pepper"}'


@every_way
def test_of_two_arguments_of_one_name_the_last_counts(way: CallingWay) -> None:
    kitchen = Kitchen()
    with hostile_chat(calling(way, "weigh", DUPLICATES), answering(way, "It weighs 5 g.")) as chat:
        watched_run(chat, way, kitchen.free)
    assert kitchen.ran == [("weigh", "pepper")]


WRONG_TYPES = {
    "a list for a text": {"thing": ["salt"]},
    "an object for a text": {"thing": {"thing": "salt"}},
    "null for a text": {"thing": None},
    "words for a number": {"thing": "salt", "grams": "five"},
    "a fraction for a whole number": {"thing": "salt", "grams": 5.5},
    "an unknown name": {"thing": "salt", "colour": "white"},
    "a name that Python has": {"thing": "salt", "self": "x", "__class__": "y"},
    "no arguments": {},
    "a full-width name": {"ｔｈｉｎｇ": "salt"},
}


@pytest.mark.parametrize("kind", WRONG_TYPES)
@every_way
def test_wrong_arguments_are_refused_with_words_that_name_them(way: CallingWay, kind: str) -> None:
    kitchen = Kitchen()
    wrong = calling(way, "weigh", WRONG_TYPES[kind])
    good = calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")
    with hostile_chat(wrong, *good) as chat:
        run = watched_run(chat, way, kitchen.free, limits=FEW)
    assert kitchen.ran == [("weigh", "salt")]
    assert run.ended_by == "answer"
    told = chat.prompt(1)
    assert any(name in told for name in ("thing", "grams", "colour", "self"))
    assert "Traceback" not in told


UNKNOWN = [
    "fly",
    "",
    "ｗｅｉｇｈ",
    "__import__",
    "print",
    "eval",
    "os.system",
    "final_answer2",
]


@pytest.mark.parametrize("name", UNKNOWN)
@every_way
def test_a_tool_that_is_not_there_runs_nothing_and_is_named(way: CallingWay, name: str) -> None:
    kitchen = Kitchen()
    with hostile_chat(
        calling(way, name, {"thing": "salt"}),
        calling(way, "weigh", {"thing": "pepper"}),
        answering(way, "It weighs 5 g."),
    ) as chat:
        end = ending(chat, way, kitchen.free, limits=FEW)
    assert ("weigh", "salt") not in kitchen.ran
    assert end.ended_by in {"answer", "model_error", "error"}
    assert end.said


@pytest.mark.parametrize("name", [7, None, ["weigh"], {"weigh": 1}, True])
def test_an_action_whose_name_is_no_text_is_invalid(name: object) -> None:
    kitchen = Kitchen()
    wrong = Reply(json.dumps({"action": name, "args": {"thing": "salt"}}))
    with hostile_chat(wrong, wrong) as chat:
        end = ending(chat, "constrained", kitchen.free)
    assert (end.ended_by, kitchen.ran) == ("error", [])
    assert "no valid action" in end.said


@pytest.mark.parametrize("name", ["weigh", "final_answer"])
def test_a_tool_that_needs_consent_does_not_run_under_another_name(name: str) -> None:
    kitchen = Kitchen()
    sly = Reply(
        json.dumps({"action": name, "args": {"answer": "x", "thing": "salt"}, "tool": "run_python"})
        + json.dumps({"action": "run_python", "args": {"code": "1"}})
    )
    with hostile_chat(choose=lambda _: sly) as chat:
        ending(chat, "prompted", kitchen.all, limits=FEW)
    assert "run_python" not in {ran for ran, _ in kitchen.ran}


@every_way
def test_many_calls_at_once_end_at_the_limit(way: CallingWay) -> None:
    kitchen = Kitchen()
    many = tuple(Call("weigh", json.dumps({"thing": f"salt {n}"}), f"call-{n}") for n in range(200))
    reply = (
        Reply(calls=many)
        if way == "native"
        else Reply("\n".join(f'{{"action": "weigh", "args": {call.arguments}}}' for call in many))
    )
    with hostile_chat(choose=lambda _: reply) as chat:
        end = ending(chat, way, kitchen.free, limits=Limits(steps=3, tool_calls=5, seconds=100))
    assert end.ended_by in {"tool_limit", "step_limit", "loop"}
    assert len(kitchen.ran) <= 5


@every_way
def test_huge_arguments_are_bounded_in_what_is_kept_and_shown(way: CallingWay) -> None:
    kitchen = Kitchen()
    huge = calling(way, "weigh", {"thing": "x" * 100_000})
    with hostile_chat(huge, answering(way, "It weighs 5 g.")) as chat:
        end = ending(chat, way, kitchen.free, limits=FEW)
    assert end.ended_by in {"answer", "error", "model_error"}
    assert len(end.said) < 10_000
    assert sum(len(chat.prompt(n)) for n in range(1, len(chat.requests))) < 100_000


WORDS = [
    "café — naïve",
    "盐有多重？",
    "ｓａｌｔ１２３",
    "🧂🇨🇳👩‍👩‍👧",
    "مِلْح \u202eabc\u202c",
    "z͑ͫ̓ͪ̂ͫ̽",
    "\u200b\ufeff",
]


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
@pytest.mark.parametrize("word", WORDS)
@every_way
def test_every_script_reaches_the_tool_and_comes_back_as_it_was(
    way: CallingWay, word: str, engine: str
) -> None:
    kitchen = Kitchen()
    answer = f"答案: {word} 5 g"
    with hostile_chat(calling(way, "weigh", {"thing": word}), answering(way, answer)) as chat:
        run = watched_run(
            chat, way, kitchen.free, question=f"How heavy is {word}?", fields={"engine": engine}
        )
    assert kitchen.ran == [("weigh", word)]
    assert run.answer == answer.strip()
    assert f"{word}: 5 g" in chat.prompt(1)


EMPTY = {
    "nothing": Reply(""),
    "spaces": Reply(" \n\t "),
    "a closing tag": Reply("</think>"),
    "an empty thought": Reply("<think></think>"),
    "an open thought": Reply("<think>I wonder whether " * 20),
    "a thought alone": Reply(thought="I wonder."),
    "no-break spaces": Reply("\u00a0\u3000\u200b"),
    "an empty answer": Reply(json.dumps({"action": "final_answer", "args": {"answer": ""}})),
    "dots": Reply(json.dumps({"action": "final_answer", "args": {"answer": "…"}})),
    "cut by the limit": Reply("", finish_reason="length"),
}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("reasoning", [False, True])
@every_way
def test_an_empty_answer_is_none_and_said_to_be_so(way: CallingWay, kind: str, *, reasoning: bool) -> None:
    kitchen = Kitchen()
    with hostile_chat(choose=lambda _: EMPTY[kind]) as chat:
        end = ending(chat, way, kitchen.free, fields={"reasoning": reasoning}, limits=FEW)
    assert kitchen.ran == []
    if (way, kind) == ("native", "an open thought"):
        assert end.ended_by in {"answer", "model_error", "error"}
        return
    if way == "native" and kind in {"an empty answer", "dots"}:
        return  # natively that is a text like any other
    assert end.ended_by in {"error", "model_error"}
    assert end.said
