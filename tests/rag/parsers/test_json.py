"""JSON, JSON a line and notebooks: readable lines, records that are found again, cells in order."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document

if TYPE_CHECKING:
    from rag.document import ParsedDocument


def parsed(value: object, name: str = "v.json") -> ParsedDocument:
    content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return parse_document(content.encode(), PurePath(name))


def test_an_objects_entries_are_sections_with_paths() -> None:
    document = parsed(
        {"name": "room", "port": 8080, "server": {"hosts": [{"ip": "1.2.3.4"}], "tags": ["a", "b"]}}
    )
    assert [(section.heading, section.text) for section in document.sections] == [
        ((), "- name: room\n- port: 8080"),
        (("server",), "- server.hosts[0].ip: 1.2.3.4\n- server.tags: a, b"),
    ]


def test_numbers_stay_as_they_are_written() -> None:
    text = parsed(
        '{"price": 1.10, "large": 12345678901234567890123, "small": 1e-9, "none": null, "on": true}'
    )
    assert text.sections[0].text == (
        "- price: 1.10\n- large: 12345678901234567890123\n- small: 1e-9\n- none: null\n- on: true"
    )


def test_flat_records_are_a_table_numbered_from_one() -> None:
    (section,) = parsed([{"city": "成都", "food": "火锅"}, {"city": "杭州", "tea": "龙井"}]).sections
    assert (section.kind, section.row, section.header) == ("table", 1, "| city | food | tea |")
    assert section.text == "| 成都 | 火锅 |  |\n| 杭州 |  | 龙井 |"


def test_records_with_long_texts_are_sections_of_their_own() -> None:
    long = "Words that go on. " * 50
    document = parsed([{"title": "One", "text": long}, {"title": "Two", "text": "short"}])
    assert [(section.heading, section.place) for section in document.sections] == [
        (("One",), "entry 1"),
        (("Two",), "entry 2"),
    ]
    assert long.strip() in document.sections[0].text


def test_a_line_of_json_is_found_again_by_its_number() -> None:
    flat = parsed('{"q": "one"}\n\n{"q": "three"}\n', "v.jsonl")
    assert [(section.row, section.text) for section in flat.sections] == [(1, "| one |"), (3, "| three |")]
    deep = parsed('{"q": {"a": "one"}}\n{"q": {"a": "two"}}\n', "v.jsonl")
    assert [(section.place, section.text) for section in deep.sections] == [
        ("line 1", "- q.a: one"),
        ("line 2", "- q.a: two"),
    ]


def test_json_a_line_is_read_whatever_its_suffix_and_a_broken_line_is_named() -> None:
    lines = [json.dumps({"n": {"x": number}}) for number in range(20)]
    lines[4] = '{"cut'
    document = parsed("\n".join(lines))
    assert (len(document.sections), document.notes) == (19, ("lines that are no JSON were left out: 5",))


@pytest.mark.parametrize("content", ['{"a": 1, // why\n}', '{"cut": [1, 2', "[" * 100_000, "just words"])
def test_what_is_no_json_is_read_as_the_text_that_it_is(content: str) -> None:
    document = parsed(content)
    assert document.sections[0].text == content
    assert "read as plain text" in document.notes[0]


def notebook(*cells: dict[str, object]) -> ParsedDocument:
    return parsed({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}, "n.ipynb")


def test_a_notebooks_cells_stand_in_order_under_the_headings_above_them() -> None:
    document = notebook(
        {"cell_type": "markdown", "source": ["# Study\n", "words\n", "## Data\n", "more"]},
        {"cell_type": "code", "source": "# load\nload()", "outputs": []},
        {"cell_type": "markdown", "source": "## Fit"},
        {
            "cell_type": "code",
            "source": "fit()",
            "outputs": [{"output_type": "stream", "text": ["loss 0.1\n"]}],
        },
    )
    assert document.title == "Study"
    assert [(section.place, section.heading, section.kind) for section in document.sections] == [
        ("cell 1", ("Study",), "prose"),
        ("cell 1", ("Study", "Data"), "prose"),
        ("cell 2", ("Study", "Data"), "code"),
        ("cell 3", ("Study", "Fit"), "prose"),
        ("cell 4", ("Study", "Fit"), "code"),
        ("cell 4", ("Study", "Fit"), "code"),
    ]
    assert document.sections[-1].text == "loss 0.1"


def test_a_notebooks_outputs_are_text_capped_and_pictures_counted() -> None:
    document = notebook(
        {
            "cell_type": "code",
            "source": "plot()",
            "outputs": [
                {"data": {"image/png": "iVBOR", "text/plain": ["<Figure size 640x480>"]}},
                {"data": {"text/plain": ["row\n"] * 5_000}},
                {"output_type": "error", "ename": "KeyError", "evalue": "'x'"},
            ],
        }
    )
    assert document.notes == ("1 pictures in outputs were not read",)
    printed = document.sections[1].text
    assert len(printed) < 2_100
    assert "characters in all" in printed
    assert "iVBOR" not in printed
