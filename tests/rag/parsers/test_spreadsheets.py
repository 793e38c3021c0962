"""Workbooks: each table by itself, with the rows' numbers, and values as the sheet shows them."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from rag.parsers import parse_document
from rag.parsers.number_format import shown
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from rag.document import Section

FIXTURES = Path(__file__).parent / "fixtures"


def sections(workbook: Any) -> tuple[Section, ...]:  # noqa: ANN401 (openpyxl ships no types)
    out = io.BytesIO()
    workbook.save(out)
    return parse_document(out.getvalue(), Path("book.xlsx")).sections


def filled(*rows: tuple[object, ...]) -> Any:  # noqa: ANN401
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.active.title = "Prices"
    return workbook


def test_a_table_has_its_head_apart_and_says_in_which_row_it_begins() -> None:
    (table,) = sections(filled(("model", "GB"), ("7B", 4.2), ("70B", 42)))

    assert (table.kind, table.place, table.row) == ("table", "sheet Prices", 2)
    assert table.header == "| model | GB |"
    assert table.text.splitlines() == ["| 7B | 4.2 |", "| 70B | 42 |"]


def test_blank_rows_and_blank_columns_part_tables() -> None:
    workbook = filled(("a", "b"), (1, 2), (3, 4), (5, 6), (), ("c", "d"), (7, 8))
    for row, cells in enumerate([("x", "y"), (1, 2)], start=3):
        for column, value in enumerate(cells, start=5):
            workbook.active.cell(row, column, value)
    found = [(table.header, table.row) for table in sections(workbook)]

    assert found == [("| a | b |", 2), ("| x | y |", 4), ("| c | d |", 7)]


def test_a_line_of_its_own_is_the_heading_of_the_table_below() -> None:
    line, table = sections(filled(("Prices in 2026",), (), ("model", "price"), ("A", 3)))

    assert (line.text, line.row) == ("Prices in 2026", 1)
    assert table.heading == ("Prices in 2026",)


def test_a_table_with_a_blank_column_inside_stays_one() -> None:
    parsed = parse_document((FIXTURES / "xlsx_gaps.xlsx").read_bytes(), Path("a.xlsx"))
    rows = parsed.sections[-1].text.splitlines()

    assert "| 1.5 | Earth fault current | A | : | 135 kA |  |" in rows
    assert parsed.sections[-1].row == 10


def test_a_merged_cell_labels_each_of_its_rows() -> None:
    workbook = filled(("series", "model", "GB"), ("R1", "7B", 4.2), (None, "70B", 42))
    workbook.active.merge_cells("A2:A3")
    (table,) = sections(workbook)

    assert table.text.splitlines() == ["| R1 | 7B | 4.2 |", "| R1 | 70B | 42 |"]


def test_a_formulas_last_result_is_read_and_hidden_sheets_are_noted() -> None:
    workbook = filled(("a", "b"), (1, 2))
    hidden = workbook.create_sheet("Secret")
    hidden["A1"] = "hidden words"
    hidden.sheet_state = "hidden"
    out = io.BytesIO()
    workbook.save(out)
    parsed = parse_document(out.getvalue(), Path("book.xlsx"))

    assert parsed.notes == ("hidden sheets, read like the others: Secret",)
    assert parsed.sections[-1].place == "sheet Secret"


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (0.125, "0.0%", "12.5%"),
        (1234.5, '"$"#,##0.00', "$1,234.50"),
        (12, "[$€-407]#,##0.00", "€12.00"),
        (-5, "0.00;(0.00)", "(5.00)"),
        (0, '0;-0;"-"', "-"),
        (7, "000", "007"),
        (1234567, '#,##0,"k"', "1,235k"),
        (45, '0"天"', "45天"),
        (0.1 + 0.2, "General", "0.3"),
        (3.0, "General", "3"),
        (True, "General", "TRUE"),
        (dt.datetime(2026, 1, 5), "d-mmm-yy", "2026-01-05"),  # noqa: DTZ001 (sheets know no zones)
        (dt.datetime(2026, 1, 5, 9, 30), "yyyy-mm-dd hh:mm", "2026-01-05 09:30"),  # noqa: DTZ001
        (dt.time(9, 30), "hh:mm", "09:30"),
        (dt.timedelta(hours=30), "[h]:mm:ss", "30:00:00"),
        (None, "General", ""),
    ],
)
def test_values_are_written_as_the_sheet_shows_them(value: object, number_format: str, text: str) -> None:
    assert shown(value, number_format) == text


def test_an_old_excel_file_is_read_like_a_new_one() -> None:
    parsed = parse_document((FIXTURES / "xls_prices.xls").read_bytes(), Path("prices.xls"))
    table, note, merged, _ = parsed.sections

    assert (parsed.format, table.place, table.row) == ("xls", "sheet 价格", 2)
    assert table.header == "| 型号 | 价格 | 折扣 | 日期 |"
    assert table.text.splitlines()[0] == "| A100 | $1,234.50 | 12.5% | 2026-01-05 |"
    assert note.text == "单独一行的说明"
    assert merged.text.splitlines() == ["| 合并 | 甲 | 1 |", "| 合并 | 乙 | 2 |"]
    assert parsed.notes == ("hidden sheets, read like the others: hidden",)


def test_a_workbook_cut_short_is_damaged() -> None:
    content = (FIXTURES / "xls_prices.xls").read_bytes()
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(content[:2000], Path("prices.xls"))


def test_a_workbook_without_its_sheet_is_damaged() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(out.getvalue(), Path("a.xlsx"))


def test_a_row_beyond_excels_last_is_damage_and_not_an_hours_counting() -> None:
    workbook = filled(("a", "b"), (1, 2))
    out = io.BytesIO()
    workbook.save(out)
    changed = io.BytesIO()
    with zipfile.ZipFile(out) as whole, zipfile.ZipFile(changed, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, whole.read(name).replace(b'<row r="2"', b'<row r="2000000000"'))
    with pytest.raises(ParseError, match="a row has a number above 1,048,576"):
        parse_document(changed.getvalue(), Path("book.xlsx"))
