"""Tables that do not fit: cut between rows below their head, wide rows between cells below their names."""

from __future__ import annotations

from rag.document import Section
from rag.passages.chunker import cut_passages, join_sections
from rag.passages.table_rows import cells, head_above


def words(text: str) -> int:
    """A token a word, bars included."""
    return len(text.split())


def passages(section: Section, budget: int) -> list[tuple[str, str]]:
    text, placed = join_sections([section])
    return [
        (cut.header, text[cut.start : cut.end])
        for cut in cut_passages(text, placed, words, budget_tokens=budget)
    ]


HEAD = "| herb | drops |"
BODY = "\n".join(f"| {name} | {number} |" for number, name in enumerate(("sage", "mint", "dill", "rue")))


def test_a_table_that_fits_is_one_passage() -> None:
    table = f"{HEAD}\n|---|---|\n{BODY}"
    assert passages(Section(table), 40) == [("", table)]


def test_parts_behind_the_first_carry_the_tables_own_head() -> None:
    found = passages(Section(f"{HEAD}\n|---|---|\n{BODY}"), 18)
    assert found == [
        ("", f"{HEAD}\n|---|---|\n| sage | 0 |\n| mint | 1 |"),
        (HEAD, "| dill | 2 |\n| rue | 3 |"),
    ]


def test_every_part_carries_a_head_that_is_no_part_of_the_text() -> None:
    found = passages(Section(BODY, kind="table", row=2, header=HEAD, place="sheet A"), 16)
    assert found == [(HEAD, "| sage | 0 |\n| mint | 1 |"), (HEAD, "| dill | 2 |\n| rue | 3 |")]


def test_rows_keep_their_numbers() -> None:
    text, placed = join_sections([Section("Prices."), Section(BODY, kind="table", row=7, header=HEAD)])
    cuts = cut_passages(text, placed, words, budget_tokens=16)
    assert [cut.row for cut in cuts] == [None, 7, 9]


def test_rows_of_a_table_without_a_head_carry_none() -> None:
    assert passages(Section(BODY, kind="table"), 10) == [
        ("", "| sage | 0 |\n| mint | 1 |"),
        ("", "| dill | 2 |\n| rue | 3 |"),
    ]


def test_a_row_too_wide_for_its_head_is_cut_between_cells_below_their_names() -> None:
    head = "| " + " | ".join(f"name{number}" for number in range(6)) + " |"
    row = "| " + " | ".join(f"v{number}" for number in range(6)) + " |"
    assert passages(Section(row, kind="table", header=head), 14) == [
        ("| name0 | name1 | name2 |", "| v0 | v1 | v2"),
        ("| name3 | name4 | name5 |", "| v3 | v4 | v5 |"),
    ]


def test_a_cell_too_long_for_a_passage_is_cut_like_a_sentence_below_its_name() -> None:
    row = "| " + " ".join(["word"] * 30) + " | end |"
    found = passages(Section(row, kind="table", header="| text | more |"), 16)
    assert len(found) > 2
    assert found[0][0] == "| text |"
    assert "".join(text for _, text in found).replace(" ", "") == row.replace(" ", "")


def test_a_passage_that_holds_a_caption_and_the_first_rows_needs_no_head() -> None:
    found = passages(Section(f"Herbs of the house:\n\n{HEAD}\n|---|---|\n{BODY}"), 22)
    assert found[0][1].startswith("Herbs of the house:\n\n| herb")
    assert [header for header, _ in found] == ["", HEAD]


def test_escaped_bars_end_no_cell() -> None:
    row = r"| a \| b | c |"
    assert [row[start:end] for start, end in cells(row, 0, len(row))] == [r"| a \| b", "| c |"]


def test_the_head_above_a_row_is_that_of_its_own_table() -> None:
    text = f"| other |\n\n{HEAD}\n|---|---|\n{BODY}\n\nEnd."
    assert head_above(text, 0, text.index("| dill"), unmarked=False) == HEAD
    assert head_above(text, 0, text.index(HEAD), unmarked=True) == ""
    assert head_above(text, 0, text.index("End"), unmarked=True) == ""
    assert head_above(text, text.index("| mint"), text.index("| dill"), unmarked=False) == ""


def test_the_first_row_is_the_head_of_a_table_in_text_without_dashes() -> None:
    found = passages(Section(f"{HEAD}\n{BODY}"), 18)
    assert found == [("", f"{HEAD}\n| sage | 0 |\n| mint | 1 |"), (HEAD, "| dill | 2 |\n| rue | 3 |")]
    text = f"{HEAD}\n{BODY}"
    assert head_above(text, 0, text.index("| dill"), unmarked=True) == HEAD
    assert head_above(text, 0, text.index("| dill"), unmarked=False) == ""


def test_a_caption_goes_with_its_table() -> None:
    found = passages(Section(f"Six words that say very little.\n\nHerbs of the house\n\n{HEAD}\n{BODY}"), 32)
    assert found == [("", "Six words that say very little."), ("", f"Herbs of the house\n\n{HEAD}\n{BODY}")]
