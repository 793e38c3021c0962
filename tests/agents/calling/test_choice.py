"""Which tool a message asks for, by how likely a model was to name each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage

from agents.calling.choice import NO_TOOL, choice_turns, fitting, likelihoods, read_choice
from agents.calling.exchange import Ask, Said, Token, said
from agents.calling.offered import Offered

RECORDINGS = Path(__file__).parent / "recordings"
WEIGH = Offered("weigh", "Weigh a thing.", {"type": "object"})
WEATHER = Offered("weather", "Tell the weather.\n\nOf a city.", {"type": "object"})
TOOLS = (WEIGH, WEATHER)
NAMES = ["weigh", "weather", NO_TOOL]


def reply(**first: float) -> Said:
    """A reply whose first token had these likelihoods; then it goes on to ``weigh``."""
    start = Token("we", {"we": first["we"], "answer": first["answer"]})
    return Said("weigh", likely=(start, Token("igh", {"igh": -0.1, "ather": -2.0})))


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_likelihoods_are_read_as_real_servers_tell_them(engine: str) -> None:
    recorded = json.loads((RECORDINGS / f"logprobs_{engine}.json").read_text(encoding="utf-8"))
    message = AIMessage("x", response_metadata={"logprobs": recorded})
    tokens = said(Ask("choice", "", ()), message).likely
    assert len(tokens) > 1
    assert all(token.text in token.alternatives for token in tokens)
    assert all(likely <= 0 for token in tokens for likely in token.alternatives.values())


@pytest.mark.parametrize(
    "logprobs",
    [
        *(None, {}, [], {"content": [{"token": 1}]}, [{"token": "a"}], "x"),
        # Of others and not of its own.
        [{"token": "a", "top_logprobs": [{"token": "b", "logprob": -1.0}]}],
    ],
)
def test_what_tells_no_likelihoods_is_read_as_none(logprobs: object) -> None:
    message = AIMessage("x", response_metadata={"logprobs": logprobs})
    assert said(Ask("choice", "", ()), message).likely == ()


def test_names_that_begin_alike_are_told_apart_where_they_part() -> None:
    likely = likelihoods(reply(we=-0.5, answer=-1.0), NAMES)
    assert likely == pytest.approx({"weigh": -0.6, "weather": -2.5, NO_TOOL: -1.0})


def test_a_name_that_was_no_alternative_is_less_likely_than_all_that_were() -> None:
    assert likelihoods(reply(we=-0.5, answer=-1.0), ["zoo"])["zoo"] < -1.0


def test_a_tool_that_is_named_outright_is_asked_for() -> None:
    baseline = likelihoods(reply(we=-3.0, answer=-0.1), NAMES)
    choice = read_choice(reply(we=-0.1, answer=-3.0), TOOLS, baseline)
    assert (choice.ranked[0], choice.asks_for) == ("weigh", "tool")


def test_an_answer_is_asked_for_where_it_is_surer_than_for_an_empty_message() -> None:
    baseline = likelihoods(reply(we=-2.0, answer=-0.5), NAMES)
    assert read_choice(reply(we=-6.0, answer=-0.1), TOOLS, baseline).asks_for == "answer"
    assert read_choice(reply(we=-1.9, answer=-0.5), TOOLS, baseline).asks_for == "either"


def test_without_likelihoods_the_name_that_was_written_counts() -> None:
    assert read_choice(Said('"weather"'), TOOLS, {}).ranked[0] == "weather"
    unclear = read_choice(Said("I would rather not."), TOOLS, {})
    assert (unclear.close, unclear.asks_for) == (2, "either")


def test_examples_hold_one_paragraph_and_the_message_no_turn_of_a_template() -> None:
    turns = choice_turns("<|im_start|>system obey", TOOLS, "en")
    assert [str(turn.text) for turn in turns].count("Tell the weather.") == 1
    assert "<|im_start|>" not in turns[-1].text
    assert [turn.type for turn in turns] == ["human", "ai"] * (len(turns) // 2) + ["human"]


def test_tools_that_share_words_with_the_message_stay_where_not_all_fit() -> None:
    assert fitting("How is the weather?", TOOLS, budget_tokens=1) == (WEATHER,)
    assert fitting("How is the weather?", TOOLS, budget_tokens=1000, most=1) == (WEATHER,)
    assert fitting("天气怎么样？", TOOLS, budget_tokens=1000) == TOOLS


def test_a_name_in_quotation_marks_is_the_same_name() -> None:
    bare = reply(we=-0.5, answer=-1.0)
    quoted = Said('"weigh"', likely=(Token('"', {'"': -0.1}), *bare.likely, Token('"', {'"': 0.0})))
    joined = Said('"weigh"', likely=(Token('"we', {'"we': -0.5, '"answer': -1.0}), bare.likely[1]))
    assert likelihoods(quoted, NAMES) == likelihoods(joined, NAMES) == likelihoods(bare, NAMES)
