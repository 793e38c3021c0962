"""CSV: rows numbered as a spreadsheet would, the head repeated, whatever parts the cells."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from rag.document import Passage
from rag.parsers import parse_document

PEOPLE = "name,age\nAda,36\nAlan,41\n"


def table(content: str | bytes, name: str = "t.csv") -> list[tuple[int | None, str, str]]:
    data = content.encode() if isinstance(content, str) else content
    document = parse_document(data, PurePath(name))
    assert document.format == "csv"
    assert all(section.kind == "table" for section in document.sections)
    return [(section.row, section.header, section.text) for section in document.sections]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_what_parts_cells_and_lines_is_found_out(delimiter: str, line_end: str) -> None:
    content = PEOPLE.replace(",", delimiter).replace("\n", line_end)
    assert table(content) == [(2, "| name | age |", "| Ada | 36 |\n| Alan | 41 |")]


def test_a_row_with_line_breaks_in_quotes_is_one_row() -> None:
    rows = table('city,food\n"Xi\'an","bread\nnoodles"\nChengdu,"hot, spicy ""pot"""\n')
    assert rows == [(2, "| city | food |", '| Xi\'an | bread noodles |\n| Chengdu | hot, spicy "pot" |')]


def test_a_row_is_found_again_by_its_number() -> None:
    ((row, header, text),) = table(PEOPLE)
    passage = Passage("p", "d", "t", "t.csv", text, 0, len(text), None, 1, row=row, header=header)
    assert passage.locator_at(text.index("Alan")) == "row 3"


def test_empty_rows_are_counted() -> None:
    assert [row for row, _, _ in table("name,age\n\nAda,36\n\n,\nAlan,41\n")] == [3, 6]


def test_values_at_the_top_are_no_head() -> None:
    assert table("张三,25,北京\n李四,30,上海\n") == [(1, "", "| 张三 | 25 | 北京 |\n| 李四 | 30 | 上海 |")]


def test_what_stands_above_the_head_is_kept() -> None:
    assert table("Report of 2026\n\nname,age\nAda,36\nAlan,41\n") == [
        (1, "", "| Report of 2026 |"),
        (4, "| name | age |", "| Ada | 36 |\n| Alan | 41 |"),
    ]


def test_a_head_alone_is_text() -> None:
    assert table("name,age\n") == [(1, "", "| name | age |")]


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    content = 'name,height\nAda,5"\nAlan,"6\n' + "x,1\n" * 300
    document = parse_document(content.encode(), PurePath("t.csv"))
    assert document.sections[0].text.startswith('| Ada | 5" |\n| Alan | "6 |\n| x | 1 |')
    assert "never closed" in document.notes[0]


def test_the_line_that_spreadsheets_write_for_each_other_is_obeyed() -> None:
    assert table("sep=;\nname;age\nAda;3,6\n") == [(3, "| name | age |", "| Ada | 3,6 |")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gbk", "gb18030"])
def test_the_encoding_is_found_out(encoding: str) -> None:
    rows = table("城市,特产\n成都,火锅\n杭州,龙井茶\n".encode(encoding))
    assert rows == [(2, "| 城市 | 特产 |", "| 成都 | 火锅 |\n| 杭州 | 龙井茶 |")]


def test_a_page_that_is_called_a_table_is_a_page() -> None:
    document = parse_document(b"<html><body>Log in, please</body></html>", PurePath("t.csv"))
    assert (document.format, document.notes) == ("html", ("it is called .csv and is html",))
