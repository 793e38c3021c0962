"""What a model writes is told as thought and answer, and taken back where it was no answer."""

from __future__ import annotations

import pytest

from agents.running.events import AgentEvent, AnswerPiece, AnswerWithdrawn, ThoughtPiece
from agents.running.speech import RequestKind, Speech, Utterance


def told(kind: RequestKind, *chunks: str, opened: bool = False, is_call: bool = False) -> list[str]:
    """Thought and answer of a reply in those chunks, each letter of them a chunk of its own."""
    events: list[AgentEvent] = []
    utterance = Utterance(Speech(events.append), kind, opened=opened)
    for chunk in "".join(chunks):
        utterance.feed("", chunk)
    utterance.finish(is_call=is_call)
    return summed(events)


def summed(events: list[AgentEvent]) -> list[str]:
    texts: list[str] = []
    for event in events:
        match event:
            case ThoughtPiece(text):
                mark = "thought "
            case AnswerPiece(text):
                mark = "answer "
            case AnswerWithdrawn():
                mark, text = "withdrawn", ""
            case _:
                raise AssertionError(event)
        if texts and texts[-1].startswith(mark):
            texts[-1] += text
        else:
            texts.append(mark + text)
    return texts


@pytest.mark.parametrize("reply", ["<think>salt first</think>", "salt first</think> rest", "salt first"])
def test_a_thought_is_one_however_its_tags_stand(reply: str) -> None:
    assert told("thought", reply) == ["thought salt first"]


def test_an_action_tells_its_answer_and_nothing_of_a_call() -> None:
    assert told("action", '{"action": "weigh", "args": {"thing": "salt"}}') == []
    assert told("action", '<think>so</think>{"action": "final_answer", "args": {"answer": "5 g"}}') == [
        "thought so",
        "answer 5 g",
    ]


def test_json_that_a_server_took_for_reasoning_is_an_action_all_the_same() -> None:
    events: list[AgentEvent] = []
    utterance = Utterance(Speech(events.append), "action")
    for character in '{"action": "final_answer", "args": {"answer": "5 g"}}':
        utterance.feed(character, "")
    assert summed(events) == ["answer 5 g"]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("It weighs 5 g.", ["answer It weighs 5 g."]),
        ("<think>so</think>\n\nIt weighs < 5 g.", ["thought so", "answer It weighs < 5 g."]),
        ("A set {1} and [2] <b>bold</b>", ["answer A set {1} and [2] <b>bold</b>"]),
        ('{"weights": [5]} is the answer', ['answer {"weights": [5]} is the answer']),
    ],
)
def test_an_answer_in_words_is_told_whole(reply: str, expected: list[str]) -> None:
    assert told("reply", reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        '<tool_call>{"name": "weigh"}',
        '{"name": "weigh", "arguments": {}}',
        "[TOOL_CALLS][]",
        "<｜tool▁calls▁begin｜>",
    ],
)
def test_a_call_that_is_written_as_text_is_never_shown(reply: str) -> None:
    assert told("reply", reply, is_call=True) == []


def test_words_before_a_call_as_text_are_taken_back() -> None:
    assert told("reply", "I weigh it. <tool_call>{}", is_call=True) == ["answer I weigh it.", "withdrawn"]


def test_words_before_a_native_call_become_a_thought() -> None:
    events: list[AgentEvent] = []
    utterance = Utterance(Speech(events.append), "reply")
    utterance.feed("", "I weigh it.")
    utterance.called()
    utterance.finish()
    assert summed(events) == ["answer I weigh it.", "withdrawn", "thought I weigh it."]


def test_an_opened_thought_of_a_native_reply_needs_no_opening_tag() -> None:
    assert told("reply", "so</think>5 g", opened=True) == ["thought so", "answer 5 g"]


def test_the_answer_is_settled_where_it_was_told_otherwise_or_not_at_all() -> None:
    events: list[AgentEvent] = []
    speech = Speech(events.append)
    speech.settle("5 g")
    speech.settle("5 g")
    speech.settle("6 g")
    assert summed(events) == ["answer 5 g", "withdrawn", "answer 6 g"]
