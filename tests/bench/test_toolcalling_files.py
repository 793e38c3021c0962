"""Cases are read in the leaderboard's layout and near it; what cannot be measured is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from bench.toolcalling_cases import BadEntryError, category_in, json_schema, read_functions
from bench.toolcalling_files import CasesError, read_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN_CASES = Path(__file__).resolve().parents[2] / "bench" / "sets" / "toolcalling"
DOUBLE = {
    "name": "math.double",
    "description": "Double a number.",
    "parameters": {"type": "dict", "properties": {"n": {"type": "float"}}, "required": ["n"]},
}
TRUTH = [{"math.double": {"n": [2.0]}}]


def entry(identifier: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    question = [[{"role": "user", "content": "Double two."}]]
    return {"id": identifier, "question": question, "function": [DOUBLE], **more}


def write(path: Path, entries: Sequence[object], *, whole: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(entries) if whole else "\n".join(json.dumps(one) for one in entries)
    path.write_text(text, encoding="utf-8")


def test_own_cases_are_half_chinese_and_of_all_kinds() -> None:
    cases = read_cases(OWN_CASES).cases
    counts = Counter((case.category, case.language) for case in cases)

    assert len(cases) >= 60
    assert len({case.id for case in cases}) == len(cases)
    for category in ("simple", "multiple", "parallel", "parallel_multiple", "irrelevance"):
        assert counts[category, "en"] == counts[category, "zh"] > 0


def test_the_first_acceptable_answer_of_every_own_case_keeps_to_its_schema() -> None:
    for case in read_cases(OWN_CASES).cases:
        for call in case.expected:
            function = case.function(call.function)
            assert function is not None, case.id
            Draft202012Validator.check_schema(dict(function.schema))
            assert set(call.arguments) <= set(function.schema.get("properties", {})), case.id
            assert set(function.schema.get("required", ())) <= set(call.arguments), case.id


def test_answers_come_from_the_file_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "BFCL_v3_simple.json", [entry("simple_0")])
    write(tmp_path / "possible_answer" / "BFCL_v3_simple.json", [{"id": "simple_0", "ground_truth": TRUTH}])
    write(tmp_path / "BFCL_v4_live_irrelevance.json", [entry("live_irrelevance_0-0-0")])

    irrelevant, simple = sorted(read_cases(tmp_path).cases, key=lambda case: case.category)

    assert (simple.category, simple.expected[0].arguments) == ("simple", {"n": [2.0]})
    assert (irrelevant.category, irrelevant.expected) == ("irrelevance", ())


def test_answers_beside_the_question_and_a_whole_list_are_read_too(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", [entry("a", ground_truth=TRUTH), entry("b", ground_truth=[])])
    write(tmp_path / "more.json", [entry("parallel_7", ground_truth=TRUTH * 2)], whole=True)

    assert [(case.id, case.category) for case in read_cases(tmp_path).cases] == [
        ("a", "simple"),
        ("b", "irrelevance"),
        ("parallel_7", "parallel"),
    ]


def test_what_is_not_measured_is_told_with_its_reason(tmp_path: Path) -> None:
    turns = [[{"role": "user", "content": "One."}], [{"role": "user", "content": "Two."}]]
    write(tmp_path / "BFCL_v4_multi_turn_base.json", [{"id": "multi_turn_base_0"}])
    write(tmp_path / "BFCL_v4_simple_java.json", [entry("simple_java_0")])
    write(
        tmp_path / "BFCL_v4_simple_python.json",
        [
            entry("simple_python_0", ground_truth=TRUTH),
            entry("simple_python_1"),
            {**entry("simple_python_2"), "question": turns},
        ],
    )

    read = read_cases(tmp_path)

    assert [case.id for case in read.cases] == ["simple_python_0"]
    assert read.skipped == (
        "BFCL_v4_multi_turn_base.json: a kind that is not measured here",
        "BFCL_v4_simple_java.json: a kind that is not measured here",
        "BFCL_v4_simple_python.json: there is no right answer to it (1 entries)",
        "BFCL_v4_simple_python.json: it has several turns (1 entries)",
    )


@pytest.mark.parametrize(
    ("content", "reason"), [("{]", "line 1: no JSON"), ("", "holds no cases"), ("[1]", "holds no cases")]
)
def test_a_folder_without_cases_is_an_error_that_names_it(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "simple.json").write_text(content, encoding="utf-8")

    with pytest.raises(CasesError, match=reason):
        read_cases(tmp_path)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("BFCL_v3_simple", "simple"),
        ("BFCL_v4_simple_python", "simple"),
        ("BFCL_v4_live_parallel_multiple", "parallel_multiple"),
        ("live_irrelevance_3-0-1", "irrelevance"),
        ("BFCL_v4_live_relevance", "relevance"),
        ("BFCL_v3_exec_parallel", None),
        ("BFCL_v4_web_search", None),
        ("handmade", None),
    ],
)
def test_a_category_is_told_by_a_name(name: str, category: str | None) -> None:
    assert category_in(name) == category


def test_the_formats_types_become_json_schema_at_any_depth() -> None:
    given = {
        "type": "dict",
        "properties": {
            "at": {"type": "tuple", "items": {"type": "float"}, "description": "Where."},
            "any": {"type": "any"},
            "rows": {"type": "array", "items": {"type": "dict", "properties": {"n": {"type": "integer"}}}},
            "kind": {"type": "string", "enum": ["a", "b"], "optional": True},
            "level": {"type": "integer", "enum": ["1", "2"]},
            "tags": {"type": "array", "enum": ["a", "b"], "items": {"type": "string"}},
            "pairs": {"type": "array", "enum": [[1, 2]], "items": {"type": "integer"}},
        },
        "required": ["at"],
    }

    assert json_schema(given) == {
        "type": "object",
        "properties": {
            "at": {"type": "array", "items": {"type": "number"}, "description": "Where."},
            "any": {},
            "rows": {
                "type": "array",
                "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": []},
            },
            "kind": {"type": "string", "enum": ["a", "b"]},
            # No value of the enumeration is of the type, so that nothing would be allowed.
            "level": {"enum": ["1", "2"]},
            # What is enumerated is no list, so that it is meant for the items.
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            "pairs": {"type": "array", "enum": [[1, 2]], "items": {"type": "integer"}},
        },
        "required": ["at"],
    }


def test_names_become_such_as_servers_take_and_stay_apart() -> None:
    functions = read_functions([{**DOUBLE, "name": name} for name in ("a.b", "a_b", "汇率", "x" * 80)])

    assert [function.called for function in functions] == ["a_b", "a_b_2", "__", "x" * 64]


def test_a_schema_in_a_text_and_openais_wrapping_are_taken() -> None:
    text = json.dumps(DOUBLE["parameters"])
    (wrapped,) = read_functions([{"type": "function", "function": {**DOUBLE, "parameters": text}}])

    assert wrapped.schema["properties"] == {"n": {"type": "number"}}
    with pytest.raises(BadEntryError, match="no JSON"):
        read_functions([{**DOUBLE, "parameters": "{"}])


def test_right_answer_that_is_no_list_of_values_is_named_with_its_file_and_case(tmp_path: Path) -> None:
    path = tmp_path / "simple.json"
    write(path, [entry("simple_0", ground_truth=[{"math.double": {"n": 2.0}}])])
    with pytest.raises(CasesError) as caught:
        read_cases(tmp_path)
    said = "its right answer math.double.n = 2.0 is no list of acceptable values"
    assert str(caught.value) == f"{path}, case simple_0: {said}"
