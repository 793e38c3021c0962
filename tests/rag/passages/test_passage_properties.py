"""What holds of every passage, whatever the document: over generated structures in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.document import Section
from rag.passages.chunker import cut_passages, join_sections

if TYPE_CHECKING:
    from rag.passages.placed import Cut, PlacedSection

WORDS = ["model", "Dr.", "3.5", "GB", "(see", "above)", "e.g.", "cache,", '"quoted"', "don't", "模型，量化。"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join).map("{}.".format)
chinese = st.text(alphabet="蒸馏模型量化的比特，。；！？（）“”、：1.5", min_size=1, max_size=60)
paragraphs = st.lists(sentences | chinese, min_size=1, max_size=6).map(" ".join)
items = st.lists(sentences, min_size=1, max_size=5).map(
    lambda lines: "\n".join(f"- {line}" for line in lines)
)
headings = st.sampled_from(["# Head", "## 标题", "### Deeper one"])
code = st.lists(
    st.sampled_from(["def f(x):", "    return x + 1", "", "x = f(2)", "@cache", "}"]), min_size=1, max_size=12
).map(lambda lines: "```\n" + "\n".join(lines) + "\n```")
noise = st.text(alphabet="ab |\n\t.#`-。\u0301\u200d😀\r\\", max_size=40)


@st.composite
def rows(draw: st.DrawFn) -> str:
    """A table's body."""
    cells = st.lists(
        st.sampled_from(["a", "12.5", "some words", "价格", r"a \| b", ""]), min_size=1, max_size=9
    )
    body = draw(st.lists(cells, min_size=1, max_size=12))
    return "\n".join("| " + " | ".join(row) + " |" for row in body)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table with its own head."""
    columns = draw(st.integers(1, 5))
    head = "| " + " | ".join(f"name {number}" for number in range(columns)) + " |"
    return "\n".join([head, "|" + " --- |" * columns, draw(rows())])


@st.composite
def sections(draw: st.DrawFn) -> list[Section]:
    """Sections as parsers give them: of all kinds, on pages, sheets and under headings."""
    blocks = st.lists(paragraphs | items | headings | tables() | code | noise, max_size=5).map("\n\n".join)
    paths = st.sampled_from([(), ("Head",), ("Head", "标题"), ("Head", "Deeper one"), ("Other",)])
    found = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["prose", "prose", "prose", "table", "code"]))
        page = draw(st.sampled_from([None, None, 1, 2]))
        place = draw(st.sampled_from(["", "", "slide 3"]))
        path = draw(paths)
        if kind == "table":
            row = draw(st.sampled_from([None, 2]))
            header = draw(st.sampled_from(["", "| name | price |", "| " + "long name | " * 12]))
            text = draw(rows())
            found.append(Section(text, page, path, kind="table", place=place, row=row, header=header))
        elif kind == "code":
            found.append(Section(draw(code).strip("`\n"), page, path, kind="code", place=place))
        else:
            text = draw(blocks) + draw(st.sampled_from(["", "\n"]))
            found.append(Section(text, page, path, place=place))
    return found


def count_pieces(text: str) -> int:
    """Two tokens of its own, one each four letters of a word, one a Han character, one a line break."""
    words = sum(-(-sum(c < "\u3000" for c in word) // 4) for word in text.split())
    return 2 + words + sum(c >= "\u3000" for c in text) + text.count("\n")


def touched(cut: Cut, placed: tuple[PlacedSection, ...]) -> list[PlacedSection]:
    """The sections of which the passage holds a part."""
    return [section for section in placed if section.start < cut.end and cut.start < section.end]


@settings(max_examples=120, deadline=None)
@given(sections(), st.integers(4, 60))
def test_any_document_is_covered_in_order_within_the_budget(parts: list[Section], budget: int) -> None:
    text, placed = join_sections(parts)
    position = 0
    for cut in cut_passages(text, placed, count_pieces, budget_tokens=budget):
        passage = text[cut.start : cut.end]
        assert not text[position : cut.start].strip()
        assert passage.strip()
        assert passage == passage.rstrip()
        read = f"{cut.header}\n{passage}" if cut.header else passage
        assert count_pieces(read) <= budget or len(passage) == 1
        position = cut.end
    assert not text[position:].strip()


@settings(max_examples=120, deadline=None)
@given(sections(), st.integers(10, 60))
def test_any_passage_has_one_place_that_is_true(parts: list[Section], budget: int) -> None:
    text, placed = join_sections(parts)
    for cut in cut_passages(text, placed, count_pieces, budget_tokens=budget):
        owners = touched(cut, placed)
        assert {(section.page, section.place) for section in owners} == {(cut.page, cut.place)}
        assert cut.line == text.count("\n", 0, cut.start) + 1
        assert placed[cut.section] in owners
        for section in owners:
            # A heading without text may stand above what it announces.
            shorter = min(len(section.heading), len(cut.heading))
            assert section.heading[:shorter] == cut.heading[:shorter]
        if cut.row is None:
            assert all(section.row is None for section in owners)
        else:
            (section,) = owners
            assert section.row is not None
            assert cut.row == section.row + text.count("\n", section.start, cut.start)


@settings(max_examples=80, deadline=None)
@given(paragraphs, tables() | code, paragraphs, st.integers(30, 120))
def test_a_table_or_code_that_fits_is_never_cut(before: str, block: str, after: str, budget: int) -> None:
    text, placed = join_sections([Section(f"{before}\n\n{block}\n\n{after}")])
    # The sum of its lines' tokens, which is what it is packed by.
    if count_pieces(block) + block.count("\n") > budget:
        return
    cuts = cut_passages(text, placed, count_pieces, budget_tokens=budget)
    whole = block.strip()
    assert sum(whole in text[cut.start : cut.end] for cut in cuts) >= 1


@settings(max_examples=80, deadline=None)
@given(tables(), st.integers(30, 60))
def test_rows_are_read_below_their_head(table: str, budget: int) -> None:
    text, placed = join_sections([Section(table)])
    head = table.split("\n", maxsplit=1)[0]
    first, *others = cut_passages(text, placed, count_pieces, budget_tokens=budget)
    assert text[first.start : first.end].startswith(head)
    assert not first.header
    for cut in others:
        read = f"{head}\n{text[cut.start : cut.end]}"
        whole_rows = text[cut.start - 1] == "\n" and text[cut.end : cut.end + 1] in {"", "\n"}
        if whole_rows and not text.startswith("| ---", cut.start) and count_pieces(read) <= budget:
            assert cut.header == head
