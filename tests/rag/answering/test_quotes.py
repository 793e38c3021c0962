"""A quote is found where it stands, whatever was done to its marks, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.quotes import citation, find_quote
from rag.document import Passage

TABLE = "| Model | Size in GiB |\n| --- | ---: |\n| Llama 8B | 4.7 |\n| Qwen 7B | 4.4 |"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("all information is kept", "It says that all infor-\nmation is kept."),
        ("state-of-the-art results", "It has state-of-\nthe-art results."),
        ("a well known fact", "This is a well-known fact."),
        ("It is fast - and small", "It is fast — and small."),
        ("wastes under 4 % of the cache", "It wastes under 4 % of\n> the cache."),
        ("first do this then do that", "1. first do this\n- then do that"),
        ("set num_ctx to 4096", "Always set `num_ctx` to **4096**."),
        ("see the manual for more", "For that, see [the manual](https://example.org/m#x) for more."),
        ("Llama 8B 4.7", TABLE),
        ("Model, Size in GiB".replace(",", ""), TABLE),
        ("Size in GiB Llama 8B 4.7", TABLE),
        ("他说“显存不足”", "那天他说「显存不足」，就停了。"),
        ("他说『显存不足』", "那天他说“显存不足”，就停了。"),
        ("价格为３，６００元", "价格为 3,600 元。"),
        ("北京-上海的列车", "北京—上海的列车"),
    ],
)
def test_a_quote_is_found_despite_marks_that_a_model_does_not_copy(quote: str, text: str) -> None:
    assert find_quote(quote, text) is not None


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("needs 12 units", "It needs 1 2 units."),
        ("12 units", "| 1 | 2 units |"),
        ("It is fast", "It is not fast"),
        ("4.7", "14.7"),
        ("显存不足", "显存并非不足"),
    ],
)
def test_what_does_not_stand_there_is_not_found(quote: str, text: str) -> None:
    assert find_quote(quote, text) is None


WORDS = st.lists(
    st.sampled_from(["cache", "it's", "4.7", "well-known", "“KV”", "显存", "不足。", "**bold**", "A"]),
    min_size=1,
    max_size=12,
)


@given(WORDS, WORDS, WORDS, st.sampled_from([" ", "\n", "  \n> "]))
def test_whole_words_that_were_copied_are_found(
    before: list[str], copied: list[str], after: list[str], between: str
) -> None:
    quote = " ".join(["needle", *copied, "end"])
    text = between.join([*before, "needle", *copied, "end", *after])

    span = find_quote(quote, text)

    assert span is not None
    assert text[span[0] : span[1]].startswith("needle")
    assert text[span[0] : span[1]].endswith("end")


def test_finding_takes_no_longer_for_text_that_is_all_marks() -> None:
    text = "-" * 2000 + "x " + "| - " * 1000 + "[" * 2000 + " " * 2000
    assert find_quote("nothing like it", text) is None


def test_a_citation_points_into_the_documents_stored_text() -> None:
    stored = "Intro.\n\nThe cache grows.\nIt never shrinks.\n"
    start = stored.index("The cache")
    passage = Passage("p", "d", "Cache", "/c.md", stored[start:].rstrip(), start, len(stored) - 1, None, 3)

    span = find_quote("It never shrinks", passage.text)
    assert span is not None
    cited = citation(1, passage, *span)

    assert stored[cited.start : cited.end] == cited.quote == "It never shrinks"
    assert cited.locator == "line 4"


def test_a_quote_of_a_sheet_names_the_row_that_it_stands_in() -> None:
    rows = "| pump | 12 |\n| valve | 3 |"
    passage = Passage(
        "p", "d", "Parts", "/p.xlsx", rows, 40, 40 + len(rows), None, 9, place="sheet Parts", row=7
    )

    span = find_quote("valve 3", rows)
    assert span is not None

    assert citation(1, passage, *span).locator == "sheet Parts, row 8"
