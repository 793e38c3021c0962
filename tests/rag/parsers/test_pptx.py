"""Presentations: slides with titles, tables, groups, charts and notes, in the order of their places."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pptx
import pytest
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from rag.parsers import parse_document
from stillroom.errors import ParseError

FIXTURES = Path(__file__).parent / "fixtures"


def saved(presentation: Any) -> bytes:  # noqa: ANN401 (python-pptx ships no types)
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


def blank_slide() -> tuple[Any, Any]:
    presentation = pptx.Presentation()
    return presentation, presentation.slides.add_slide(presentation.slide_layouts[6])


def written(slide: Any, left: float, top: float, text: str) -> None:  # noqa: ANN401
    slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1)).text_frame.text = text


def test_a_slides_title_is_its_heading_and_its_notes_follow_it() -> None:
    parsed = parse_document((FIXTURES / "pptx_tables.pptx").read_bytes(), Path("talk.pptx"))

    places = [(section.place, section.heading) for section in parsed.sections]
    assert places[1:3] == [
        ("slide 2", ("Second slide title",)),
        ("slide 2, notes", ("Second slide title",)),
    ]
    assert parsed.sections[2].text == "Some notes on the second slide."
    assert parsed.metadata == {"author": "Maxim Lysak", "created": "2024-09-26T09:15:16Z"}


def test_a_table_keeps_its_labels_over_merged_rows() -> None:
    parsed = parse_document((FIXTURES / "pptx_tables.pptx").read_bytes(), Path("talk.pptx"))
    rows = parsed.sections[0].text.splitlines()

    assert "| R1 | True | False |  | False | True | True |" in rows
    assert sum(row.startswith("| R4 |") for row in rows) == 3


def test_shapes_are_read_from_top_to_bottom_and_left_to_right() -> None:
    presentation, slide = blank_slide()
    written(slide, 5, 1.05, "second")
    written(slide, 1, 3, "third")
    written(slide, 1, 1, "first")
    parsed = parse_document(saved(presentation), Path("a.pptx"))

    assert parsed.sections[0].text.split() == ["first", "second", "third"]


def test_text_in_groups_stands_where_the_group_puts_it() -> None:
    presentation, slide = blank_slide()
    written(slide, 1, 2, "below")
    group = slide.shapes.add_group_shape()
    inner = group.shapes.add_textbox(Inches(1), Inches(5), Inches(1), Inches(1))
    inner.text_frame.text = "in the group"
    group.top, group.left = Inches(0.5), Inches(1)
    parsed = parse_document(saved(presentation), Path("a.pptx"))

    assert parsed.sections[0].text == "in the group\n\nbelow"


def test_a_charts_figures_are_a_table() -> None:
    presentation, slide = blank_slide()
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["2025", "2026"]
    data.add_series("sold", (3, 4))
    box = (Inches(1), Inches(1), Inches(4), Inches(3))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)
    parsed = parse_document(saved(presentation), Path("a.pptx"))

    assert parsed.sections[0].text.splitlines()[-2:] == ["| 2025 | 3 |", "| 2026 | 4 |"]


def test_pictures_and_hidden_slides_are_noted() -> None:
    presentation, slide = blank_slide()
    picture = io.BytesIO()
    Image.new("L", (8, 8)).save(picture, format="PNG")
    slide.shapes.add_picture(picture, 0, 0)
    written(slide, 1, 1, "beside a picture")
    slide._element.set("show", "0")
    parsed = parse_document(saved(presentation), Path("a.pptx"))

    assert parsed.notes == ("pictures not read: 1", "hidden slides, read like the others: 1")


def test_a_presentation_without_a_part_is_damaged() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("ppt/presentation.xml", "<broken")
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(out.getvalue(), Path("a.pptx"))
