"""PDFs as they are met: columns, tables, bookmarks, running heads, passwords and damage."""

from __future__ import annotations

import io
from pathlib import Path

import pypdf
import pytest

from rag.parsers import parse_document
from rag.parsers.options import ParseOptions
from rag.parsers.pdf_file import iso_date
from stillroom.errors import ParseError

FIXTURES = Path(__file__).parent / "fixtures"


def text_of(name: str) -> str:
    parsed = parse_document((FIXTURES / name).read_bytes(), Path(name))
    return "\n\n".join(section.text for section in parsed.sections)


def drawn_pdf(*streams: str) -> bytes:
    """A PDF of A4 pages whose content streams are written by hand; /F1 is Helvetica."""
    writer = pypdf.PdfWriter()
    font = pypdf.generic.DictionaryObject(
        {
            pypdf.generic.NameObject("/Type"): pypdf.generic.NameObject("/Font"),
            pypdf.generic.NameObject("/Subtype"): pypdf.generic.NameObject("/Type1"),
            pypdf.generic.NameObject("/BaseFont"): pypdf.generic.NameObject("/Helvetica"),
        }
    )
    fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
    for stream in streams:
        page = writer.add_blank_page(595, 842)
        content = pypdf.generic.StreamObject()
        content.set_data(stream.encode("latin-1"))
        page[pypdf.generic.NameObject("/Contents")] = writer._add_object(content)
        page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
            {pypdf.generic.NameObject("/Font"): fonts}
        )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def written(x: float, y: float, text: str, size: float = 10) -> str:
    return f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n"


def test_two_columns_are_read_one_after_the_other() -> None:
    text = text_of("pdf_two_columns.pdf")

    places = [text.index(word) for word in ("Abstract.", "alpha", "beta", "gamma", "delta", "epsilon")]
    assert places == sorted(places)
    assert "The gamma statement opens the data section. Lorem ipsum" in text


def test_a_sentence_that_goes_on_in_the_next_column_is_whole() -> None:
    line = "some words that fill the line of the column to its end"
    left = "".join(written(50, 700 - 12 * row, line) for row in range(12))
    right = "".join(written(320, 700 - 12 * row, line) for row in range(12))
    parsed = parse_document(drawn_pdf(left + right), Path("columns.pdf"))

    assert parsed.sections[0].text == " ".join([line] * 24)


def test_running_heads_and_feet_are_left_out_and_a_title_is_not() -> None:
    text = text_of("pdf_two_columns.pdf")

    assert "Journal of Small Models" not in text
    assert "Under review" not in text
    assert text.startswith("Distilling Small Models for Private Libraries")


def test_the_same_first_line_of_text_on_two_pages_is_no_running_head() -> None:
    text = text_of("pdf_bookmarks.pdf")

    assert "Sample Agreement" not in text
    assert text.count("This clause is provided for demonstration purposes") == 8


def test_bookmarks_are_the_headings_above_a_section() -> None:
    parsed = parse_document((FIXTURES / "pdf_bookmarks.pdf").read_bytes(), Path("a.pdf"))

    headings = {section.heading: section.page for section in parsed.sections}
    assert headings["PART I - DEFINITIONS", "2. Construction of Terms"] == 1
    assert headings["PART II - OBLIGATIONS", "3. Payment Terms", "3.1 Payment Schedule"] == 2
    assert headings["PART II - OBLIGATIONS", "4. Termination"] == 3


def test_a_table_without_lines_keeps_its_row_labels_and_its_gaps() -> None:
    rows = text_of("pdf_borderless_table.pdf").splitlines()

    assert "| Product Code | Location | Expected | Actual | Variance | Status |" in rows
    assert "| SKU-9201 |  | 780 | 778 |  | OK |" in rows
    assert "|  | B-07 |  | 289 | -23 |  |" in rows


def test_a_table_with_lines_above_and_below_only_is_found_in_a_column_and_across_both() -> None:
    rows = text_of("pdf_two_columns.pdf").splitlines()

    assert rows[rows.index("| Model | Recall | MRR |") + 4] == "| Hybrid search | 0.847 | 0.905 |"
    assert "| Quantization | Bits per weight | Size in GiB | Tokens per second | Perplexity |" in rows


def test_a_ruled_table_without_outer_lines_loses_no_column() -> None:
    cells = [["model", "GB", "licence"], ["7B", "4.2", "MIT"], ["70B", "42", "Llama"]]
    text = "".join(
        written(104 + 100 * column, 686 - 20 * row, cell)
        for row, line in enumerate(cells)
        for column, cell in enumerate(line)
    )
    # One line below the head and one above the last row; two between the columns.
    lines = "100 680 m 400 680 l S\n100 660 m 400 660 l S\n200 640 m 200 700 l S\n300 640 m 300 700 l S\n"
    parsed = parse_document(drawn_pdf(text + lines), Path("table.pdf"))

    assert parsed.sections[0].text.splitlines() == [
        "| model | GB | licence |",
        "| --- | --- | --- |",
        "| 7B | 4.2 | MIT |",
        "| 70B | 42 | Llama |",
    ]


def test_a_cell_over_two_rows_labels_both_of_them() -> None:
    text = "".join(
        written(x, y, cell)
        for x, y, cell in [
            (104, 676, "Qwen"),
            (204, 686, "4-bit"),
            (204, 666, "8-bit"),
            (304, 686, "5"),
            (304, 666, "9"),
        ]
    )
    box = "100 660 300 40 re S\n200 660 m 200 700 l S\n300 660 m 300 700 l S\n200 680 m 400 680 l S\n"
    parsed = parse_document(drawn_pdf(text + box), Path("table.pdf"))

    assert parsed.sections[0].text.splitlines() == ["| Qwen | 4-bit | 5 |", "| Qwen | 8-bit | 9 |"]


def test_a_tables_head_is_marked_so_that_it_can_be_repeated() -> None:
    rows = text_of("pdf_two_columns.pdf").splitlines()

    assert rows[rows.index("| Model | Recall | MRR |") + 1] == "| --- | --- | --- |"


def test_a_numbered_list_is_no_table() -> None:
    items = "".join(
        written(50, 700 - 14 * row, f"{row + 1}.") + written(80, 700 - 14 * row, "An item.")
        for row in range(5)
    )
    parsed = parse_document(drawn_pdf(items), Path("list.pdf"))

    assert "|" not in parsed.sections[0].text


def test_text_with_numbered_lines_is_no_table() -> None:
    prose = "the parties to this agreement have read each of its clauses and understood them"
    lines = "".join(
        written(50, 700 - 14 * row, f"{row + 1}") + written(80, 700 - 14 * row, prose) for row in range(6)
    )
    parsed = parse_document(drawn_pdf(lines), Path("contract.pdf"))

    assert "|" not in parsed.sections[0].text


def test_text_that_runs_upwards_is_read_as_such() -> None:
    lines = "".join(
        f"BT /F1 10 Tf 0 1 -1 0 {100 + 14 * row} 100 Tm (Line {row} of it.) Tj ET\n" for row in range(3)
    )
    parsed = parse_document(drawn_pdf(lines), Path("turned.pdf"))

    assert parsed.sections[0].text.split("\n") == ["Line 0 of it.", "Line 1 of it.", "Line 2 of it."]


def test_a_password_opens_an_encrypted_file() -> None:
    content = (FIXTURES / "pdf_encrypted_aes256_pw_foo.pdf").read_bytes()
    parsed = parse_document(content, Path("secret.pdf"), ParseOptions(passwords=("wrong", "foo")))

    assert parsed.sections[0].text == "Secret!"


@pytest.mark.parametrize("passwords", [(), ("wrong",)])
def test_without_its_password_an_encrypted_file_is_an_error_that_names_the_option(
    passwords: tuple[str, ...],
) -> None:
    content = (FIXTURES / "pdf_encrypted_aes256_pw_foo.pdf").read_bytes()
    with pytest.raises(ParseError, match="is encrypted") as caught:
        parse_document(content, Path("secret.pdf"), ParseOptions(passwords=passwords))

    assert "--password" in caught.value.hint
    assert "wrong" not in str(caught.value)


def test_a_file_whose_table_of_contents_is_broken_is_read_all_the_same() -> None:
    parsed = parse_document((FIXTURES / "pdf_corrupt_xref.pdf").read_bytes(), Path("zen.pdf"))

    assert "Explicit is better than implicit." in parsed.sections[0].text
    assert parsed.metadata["created"] == "2018-05-30T13:31:07+02:00"


def test_what_the_file_says_of_itself_is_kept() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(drawn_pdf(written(50, 700, "words"))))
    writer.add_metadata({"/Title": "On words", "/Author": "A. Writer", "/Keywords": "a, b", "/Subject": ""})
    out = io.BytesIO()
    writer.write(out)
    parsed = parse_document(out.getvalue(), Path("a.pdf"))

    assert parsed.title == "On words"
    assert {"author": "A. Writer", "keywords": "a, b"}.items() <= parsed.metadata.items()


@pytest.mark.parametrize(
    ("stated", "iso"),
    [
        ("D:20260625130811+08'00'", "2026-06-25T13:08:11+08:00"),
        ("D:20261101000000Z", "2026-11-01T00:00:00Z"),
        ("D:202611", "2026-11"),
        ("yesterday", ""),
    ],
)
def test_a_pdfs_date_is_as_exact_as_it_was_stated(stated: str, iso: str) -> None:
    assert iso_date(stated) == iso


def test_a_table_of_contents_keeps_its_pages_without_the_dots() -> None:
    line = written(50, 700, "1 Introduction ................................. 12")
    parsed = parse_document(drawn_pdf(line), Path("contents.pdf"))

    assert parsed.sections[0].text == "1 Introduction … 12"


def test_running_feet_with_roman_numbers_at_about_the_same_height_are_left_out() -> None:
    names = ["i", "ii", "iii", "iv"]
    pages = [
        written(50, 700, f"Text of page {name}.") + written(50, 40 + 0.9 * index, f"Handbook {name}")
        for index, name in enumerate(names)
    ]
    parsed = parse_document(drawn_pdf(*pages), Path("handbook.pdf"))

    assert [section.text for section in parsed.sections] == [
        f"Text of page {n}." for n in ("i", "ii", "iii", "iv")
    ]


def test_program_text_keeps_its_lines_and_its_indentation() -> None:
    text = text_of("pdf_code.pdf")

    assert "\n\n```\ndef count(path: Path) -> int:\n" in text
    assert "\n    for line in path.read_text().splitlines():\n        total += len(line.split())\n" in text
    assert "\n```\n\nIt is called with the path of a file" in text


def test_prose_in_a_typewriters_face_is_no_program() -> None:
    assert "```" not in text_of("pdf_corrupt_xref.pdf")


def test_a_file_whose_trailer_names_no_catalogue_is_mended() -> None:
    content = (FIXTURES / "pdf_bookmarks.pdf").read_bytes().replace(b"/Root", b"/Rxxx")
    parsed = parse_document(content, Path("a.pdf"))

    assert parsed.sections[-1].heading == ("PART III - MISCELLANEOUS",)


@pytest.mark.parametrize("lost", [b"trailer", b"/Pages"])
def test_a_file_that_cannot_be_mended_is_an_error(lost: bytes) -> None:
    content = (FIXTURES / "pdf_bookmarks.pdf").read_bytes().replace(lost, b"x" * len(lost))
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(content, Path("a.pdf"))
