"""Markdown on a terminal keeps to its width, also in Chinese, and shows where a link leads."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from stillroom.cli.chatting.prose import Prose

CHINESE = (
    "深度求索的蒸馏模型 DeepSeek-R1-Distill-Qwen-7B 是一个很长的句子，它在任何一个汉字之后都可以换行，"
    "而不只是在空格处（这样才对）。**加粗**的字也一样！"
)


def lines(text: str, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(Prose(text))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [12, 30, 47, 80])
def test_chinese_fills_lines_and_never_crosses_the_edge(width: int) -> None:
    shown = lines(CHINESE, width)

    assert max(cell_len(line) for line in shown) <= width
    assert "".join("".join(shown).split()) == "".join(CHINESE.replace("*", "").split())
    if width >= 47:
        assert all(cell_len(line) > width - 28 for line in shown[:-1])


def test_no_line_begins_with_a_mark_that_ends_a_clause() -> None:
    assert not [
        line for width in range(8, 60) for line in lines(CHINESE, width) if line and line[0] in "，。）！"
    ]


def test_a_table_with_chinese_is_aligned() -> None:
    shown = lines("| 名称 | g |\n|---|--:|\n| 食盐 | 5 |\n| tea | 10 |", 40)

    assert {cell_len(line) for line in shown} == {8}


def test_lines_that_were_broken_stay_broken() -> None:
    assert lines("Roses are red,\nviolets are blue.", 40) == ["Roses are red,", "violets are blue."]


def test_a_link_shows_where_it_leads() -> None:
    assert lines("[your bank](https://example.org/x)", 60) == ["your bank (https://example.org/x)"]


def test_code_stands_at_the_edge_so_that_it_can_be_copied() -> None:
    assert lines("```sh\nls -l\n  echo\n```", 40) == ["ls -l", "  echo"]


def test_an_escape_sequence_is_text() -> None:
    assert lines("a\x1b]52;c;eA==\x07b", 60) == ["a\\x1b]52;c;eA==\\x07b"]
