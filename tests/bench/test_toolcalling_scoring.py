"""Calls are judged by the leaderboard's rules: types, acceptable values, texts without marks, any order."""

from __future__ import annotations

from typing import Any

import pytest

from bench.toolcalling_cases import Call, Case, read_case
from bench.toolcalling_scoring import Reply, score

FORECAST = {
    "name": "weather.forecast",
    "description": "Forecast the weather.",
    "parameters": {
        "type": "dict",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "wind": {"type": "float"},
            "alarm": {"type": "boolean"},
            "hours": {"type": "array", "items": {"type": "float"}},
            "point": {"type": "tuple", "items": {"type": "float"}},
            "place": {
                "type": "dict",
                "properties": {"street": {"type": "string"}, "floor": {"type": "integer"}},
            },
            "stops": {"type": "array", "items": {"type": "dict"}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "extra": {"type": "any"},
        },
        "required": ["city"],
    },
}
TIME = {"name": "time", "description": "Tell the time.", "parameters": {"type": "dict", "properties": {}}}


def case(*truth: dict[str, Any], category: str = "simple", functions: tuple[Any, ...] = (FORECAST,)) -> Case:
    entry = {
        "id": f"{category}_0",
        "question": [[{"role": "user", "content": "x"}]],
        "function": [*functions],
    }
    return read_case(entry, category=None, truth=list(truth) or None)


def right(arguments: dict[str, list[Any]], given: dict[str, Any]) -> bool | None:
    """Whether the arguments of one call are right, those of ``city`` aside."""
    asked = case({"weather.forecast": {"city": ["Oslo"], **arguments}})
    return score(asked, Reply((Call("weather_forecast", {"city": "Oslo", **given}),))).right_arguments


@pytest.mark.parametrize(
    ("acceptable", "given", "is_right"),
    [
        ({"days": [3, ""]}, {"days": 3}, True),
        ({"days": [3, ""]}, {}, True),
        ({"days": [3]}, {}, False),
        ({"days": [3]}, {"days": 4}, False),
        ({"days": [3]}, {"days": 3.0}, False),
        ({"days": [1]}, {"days": True}, False),
        ({}, {"days": 3}, False),
        ({"wind": [3.0]}, {"wind": 3}, True),
        ({"wind": [2.5]}, {"wind": "2.5"}, False),
        ({"alarm": [True]}, {"alarm": True}, True),
        ({"alarm": [True]}, {"alarm": "true"}, False),
        ({"hours": [[1.0, 2.5]]}, {"hours": [1, 2.5]}, True),
        ({"hours": [[1.0, 2.5]]}, {"hours": [2.5, 1]}, False),
        ({"hours": [[1.0]]}, {"hours": ["1"]}, False),
        ({"point": [[1.0, 2.0]]}, {"point": [1.0, 2.0]}, True),
        ({"tags": [["New York", "b"]]}, {"tags": ["new-york", "B"]}, True),
        ({"place": [{"street": ["Mill Lane"], "floor": [2, ""]}]}, {"place": {"street": "mill lane"}}, True),
        ({"place": [{"street": ["Mill Lane"], "floor": [2]}]}, {"place": {"street": "Mill Lane"}}, False),
        ({"place": [{"street": ["Mill Lane"]}]}, {"place": {"street": "Mill Lane", "city": "Bath"}}, False),
        ({"place": ["", {"street": ["a"]}]}, {}, True),
        ({"stops": [[{"at": [1]}, {"at": [2, 3]}]]}, {"stops": [{"at": 1}, {"at": 3}]}, True),
        ({"stops": [[{"at": [1]}, {"at": [2]}]]}, {"stops": [{"at": 2}, {"at": 1}]}, False),
        ({"stops": [[{"at": ["a"]}]]}, {"stops": [{"at": ["a"]}]}, False),
        (
            {"place": [{"street": [{"name": "Mill Lane"}]}]},
            {"place": {"street": {"name": "Mill Lane"}}},
            True,
        ),
        ({"place": [{"street": [{"ids": [1, 2]}]}]}, {"place": {"street": {"ids": [1, 2]}}}, True),
        # An empty list stands for one that may be left out.
        ({"tags": [["a"], ""]}, {"tags": []}, True),
        ({"tags": [["a"]]}, {"tags": []}, False),
        # A right list may be of other items than the schema's.
        ({"hours": [["noon", "dusk"]]}, {"hours": ["noon", "dusk"]}, True),
        ({"hours": [["noon", "dusk"]]}, {"hours": ["noon", "dawn"]}, False),
        ({"hours": [[6.0], ["noon"]]}, {"hours": ["6"]}, False),
        ({"extra": [5]}, {"extra": 5}, True),
        ({"extra": ["five"]}, {"extra": "Five"}, True),
        # A variable of the program stands for the value: it is a text, and compared to the letter.
        ({"days": ["day_count"]}, {"days": "day_count"}, True),
        ({"days": ["day_count"]}, {"days": "daycount"}, False),
    ],
)
def test_an_argument_is_right_by_its_type_and_one_of_the_acceptable_values(
    acceptable: dict[str, list[Any]], given: dict[str, Any], *, is_right: bool
) -> None:
    assert right(acceptable, given) is is_right


@pytest.mark.parametrize("city", ["Oslo, Norway", "oslo norway", "OSLO-NORWAY", "Oslo,Norway."])
def test_texts_are_compared_without_spaces_case_and_marks(city: str) -> None:
    asked = case({"weather.forecast": {"city": ["Oslo, Norway"]}})

    assert score(asked, Reply((Call("weather.forecast", {"city": city}),))).right_arguments


def test_a_missing_required_argument_is_wrong_and_invalid() -> None:
    judged = score(case({"weather.forecast": {"city": ["Oslo"]}}), Reply((Call("weather.forecast", {}),)))

    assert (judged.valid, judged.right_tool, judged.right_arguments) == (False, True, False)


def test_an_argument_that_the_schema_does_not_know_is_invalid() -> None:
    call = Call("weather_forecast", {"city": "Oslo", "country": "Norway"})

    judged = score(case({"weather.forecast": {"city": ["Oslo"]}}), Reply((call,)))

    assert (judged.valid, judged.right_arguments) == (False, False)


def test_a_function_that_there_is_none_of_is_no_valid_call() -> None:
    judged = score(case({"weather.forecast": {"city": ["Oslo"]}}), Reply((Call("climate", {}),)))

    assert (judged.valid, judged.right_tool) == (False, False)
    assert "climate" in judged.why


def test_two_calls_are_wrong_where_one_is_right() -> None:
    call = Call("weather_forecast", {"city": "Oslo"})

    judged = score(case({"weather.forecast": {"city": ["Oslo"]}}), Reply((call, call)))

    assert (judged.valid, judged.right_tool, judged.right_arguments) == (True, False, False)


def test_parallel_calls_are_right_in_any_order_and_wrong_when_one_is_missing() -> None:
    truth = [{"weather.forecast": {"city": [city]}} for city in ("Oslo", "Rome")]
    asked = case(*truth, category="parallel")
    oslo, rome = (Call("weather_forecast", {"city": city}) for city in ("Oslo", "Rome"))

    assert score(asked, Reply((rome, oslo))).right_arguments
    assert not score(asked, Reply((oslo, oslo))).right_arguments
    assert score(asked, Reply((oslo, oslo))).right_tool
    assert not score(asked, Reply((oslo,))).right_tool


def test_calls_of_several_functions_are_told_apart() -> None:
    asked = case(
        {"weather.forecast": {"city": ["Oslo"]}},
        {"time": {}},
        category="parallel_multiple",
        functions=(FORECAST, TIME),
    )

    judged = score(asked, Reply((Call("time", {}), Call("weather_forecast", {"city": "Oslo"}))))

    assert (judged.valid, judged.right_tool, judged.right_arguments) == (True, True, True)


def test_only_an_answer_in_words_is_a_right_refusal() -> None:
    asked = case(category="irrelevance")

    said = score(asked, Reply(answer="I have no tool for that."))
    called = score(asked, Reply((Call("weather_forecast", {"city": "Oslo"}),)))
    unreadable = score(asked, Reply(problem="no JSON"))

    assert (said.right_refusal, said.valid, said.right_tool) == (True, None, None)
    assert (called.right_refusal, called.valid) == (False, True)
    assert (unreadable.right_refusal, unreadable.valid) == (False, False)


def test_where_any_call_is_right_a_valid_one_is_enough() -> None:
    asked = case(category="relevance")

    assert score(asked, Reply((Call("weather_forecast", {"city": "Oslo"}),))).right_tool
    assert not score(asked, Reply(answer="No.")).right_tool


def test_an_answer_where_a_call_was_right_is_no_invalid_call() -> None:
    judged = score(case({"weather.forecast": {"city": ["Oslo"]}}), Reply(answer="It is cold."))

    assert (judged.attempted, judged.valid, judged.right_tool) == (False, None, False)
