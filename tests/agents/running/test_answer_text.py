"""The answer is read out of JSON that is still being written, wherever its chunks are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.running.answer_text import AnswerReader


def read(text: str, *, size: int = 1) -> str:
    reader = AnswerReader()
    return "".join(reader.feed(text[at : at + size]) for at in range(0, len(text), size))


def action(answer: str, *, plain: bool = False) -> str:
    value = {"action": "final_answer", "args": {"answer": answer}}
    return json.dumps(value, ensure_ascii=not plain)


@given(answer=st.text(), size=st.integers(1, 9), plain=st.booleans())
def test_any_answer_comes_out_as_it_was_written(answer: str, size: int, *, plain: bool) -> None:
    assert read(action(answer, plain=plain), size=size) == answer


@given(text=st.text(alphabet='{}[]":,\\u0dna final_answer', max_size=80))
def test_whatever_is_no_action_is_survived(text: str) -> None:
    read(text)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (f"Sure, here it is:\n```json\n{action('5 g')}\n```", "5 g"),
        ('{"actions": [{"action": "weigh", "args": {"answer": "no"}}, ' + action("yes") + "]}", "yes"),
        ('{"action":"final_answer","answer":"flat"}', "flat"),
        ('{"action": "weigh", "args": {"answer": "not this"}}', ""),
        ('{"thought": "\\"action\\": \\"final_answer\\"", "args": {"answer": "nor this"}}', ""),
        (action("first") + action("second"), "first"),
        (r'{"action":"final_answer","args":{"answer":"a\ud83dz\udc00"}}', "a\ufffdz\ufffd"),
        ('{"action":"final_answer","args":{"answer":"cut o', "cut o"),
    ],
)
def test_only_the_final_answer_is_told(reply: str, answer: str) -> None:
    assert read(reply) == answer


def test_a_megabyte_that_is_no_answer_is_read_quickly_and_what_follows_it_too() -> None:
    reader = AnswerReader()
    reader.feed('{"plan": "' + "long " * 200_000 + '", ')
    assert reader.feed('"action": "final_answer", "args": {"answer": "5 g"}}') == "5 g"
