"""A PDF's lines are the margin's work: paragraphs come back whole, headings and rows stay apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.parsers import parse_document

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "library"


def first_page(name: str) -> list[str]:
    path = EXAMPLES / name
    sections = parse_document(path.read_bytes(), path).sections
    return "\n\n".join(section.text for section in sections if section.page == 1).split("\n\n")


def test_an_english_paragraph_is_one_line_again() -> None:
    paragraphs = first_page("en/sizing-gpu-memory.pdf")

    assert any("There is a rule of thumb that answers in one line" in paragraph for paragraph in paragraphs)


def test_a_chinese_sentence_that_the_margin_cut_is_whole_again_without_a_space() -> None:
    paragraphs = first_page("zh/quantization.pdf")

    assert any("跑得多快，也影响它答得多好。" in paragraph for paragraph in paragraphs)
    assert any("所以 4 比特 AWQ 版的 DeepSeek-R1-Distill-Qwen-7B 占 5.57 GB" in p for p in paragraphs)


def test_headings_and_rows_of_tables_stand_apart() -> None:
    paragraphs = first_page("en/sizing-gpu-memory.pdf")

    assert "The rule of thumb" in paragraphs
    rows = next(paragraph for paragraph in paragraphs if paragraph.startswith("| Parameters |"))
    assert "| 7 billion | 4.2 GB | 8.4 GB | 16.8 GB |" in rows.splitlines()


@pytest.mark.parametrize("name", ["en/sizing-gpu-memory.pdf", "zh/quantization.pdf"])
def test_the_pages_own_number_is_no_text(name: str) -> None:
    assert not first_page(name)[-1].strip().isdigit()
