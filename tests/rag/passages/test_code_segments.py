"""Program text is cut before definitions and after blank lines, in many languages."""

from __future__ import annotations

import pytest

from rag.passages.code_segments import code_lines, code_segments

PYTHON = """import os

# Why f is there.
@cache
def f(x):
    if x:

        return 1
    else:
        return 2


class C:
    def one(self):
        pass
    def two(self):
        pass
"""


def segments(code: str) -> list[str]:
    return [code[segment.start : segment.end] for segment in code_segments(code, 0, len(code))]


def test_a_definition_keeps_its_comment_its_decorator_and_its_body() -> None:
    assert segments(PYTHON) == [
        "import os",
        "# Why f is there.\n@cache\ndef f(x):\n    if x:",
        "        return 1\n    else:\n        return 2",
        "class C:",
        "    def one(self):\n        pass",
        "    def two(self):\n        pass",
    ]


@pytest.mark.parametrize(
    "definitions",
    [
        ["export async function load() {\n  return 1\n}", "class A {\n}"],
        ["pub(crate) fn one() {\n}", "impl Still for Copper {\n}"],
        ["func One() int {\n\treturn 1\n}", "func Two() {\n}"],
        ["CREATE TABLE a (x);", "CREATE TABLE b (y);"],
        ["public static final class A {\n}", "interface B {\n}"],
    ],
)
def test_definitions_of_many_languages_are_known(definitions: list[str]) -> None:
    assert segments("\n".join(definitions)) == definitions


def test_outer_definitions_are_better_places_to_cut_than_inner_ones() -> None:
    costs = {
        PYTHON[s.start : s.end].strip().split("\n")[0]: s.cut_cost
        for s in code_segments(PYTHON, 0, len(PYTHON))
    }
    assert costs["class C:"] < costs["def one(self):"] < costs["return 1"]


def test_a_line_that_closes_a_block_is_a_bad_place_to_cut() -> None:
    code = "f(\n  1,\n)\nx = 2\n"
    costs = [line.cut_cost for line in code_lines(code, 0, len(code))]
    assert costs[2] > max(costs[1], costs[3])
