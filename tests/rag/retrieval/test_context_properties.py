"""What holds of every context: over generated documents, hits and budgets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.document import Hit, Passage, Section
from rag.passages.chunker import cut_passages, join_sections
from rag.retrieval.context import Context, arrange
from rag.retrieval.widening import Source, shown_text

words = st.sampled_from(
    ["copper", "still", "herb", "not", "1872", "glass", "oil", "wine", "蒸馏模型。", "barrel."]
)
paragraphs = st.lists(words, min_size=1, max_size=12).map(" ".join)
tables = st.lists(paragraphs, min_size=3, max_size=6).map(
    lambda rows: "\n".join(f"| {row} |" for row in rows)
)
texts = st.lists(paragraphs | tables, min_size=1, max_size=5).map("\n\n".join)
pages = st.sampled_from([None, 1, 2])
prose = st.builds(Section, texts, page=pages, heading=st.sampled_from([(), ("A",), ("A", "B")]))
rows = st.builds(
    Section,
    tables,
    kind=st.just("table"),
    place=st.just("sheet X"),
    row=st.just(2),
    header=st.sampled_from(["", "| name |"]),
)
documents = st.lists(prose | rows, min_size=1, max_size=4)


def count(text: str) -> int:
    """Tokens of a chat model, as far as a budget is concerned."""
    return 2 + len(text.split())


def passages_of(name: str, parts: list[Section]) -> tuple[Source, list[Passage]]:
    text, placed = join_sections(parts)
    cuts = cut_passages(text, placed, count, budget_tokens=14)
    return Source(text, placed), [
        Passage(
            f"{name}-{number}",
            name,
            name,
            f"/{name}",
            text[cut.start : cut.end],
            cut.start,
            cut.end,
            cut.page,
            cut.line,
            cut.heading,
            cut.place,
            cut.row,
            cut.header,
            cut.section,
        )
        for number, cut in enumerate(cuts)
    ]


@st.composite
def searches(draw: st.DrawFn) -> tuple[dict[str, Source], list[Hit]]:
    """Documents, and some of their passages as hits, best first."""
    sources, found = {}, []
    for number in range(draw(st.integers(1, 3))):
        source, passages = passages_of(f"d{number}", draw(documents))
        sources[f"d{number}"] = source
        found.extend(passages)
    chosen = draw(st.permutations(found))[: draw(st.integers(1, 8))]
    scores = sorted((draw(st.floats(0, 1)) for _ in chosen), reverse=True)
    return sources, [
        Hit(passage, score, 0.0, 0.0, 0.0) for passage, score in zip(chosen, scores, strict=True)
    ]


def lies_in(hit: Hit, wide: Hit) -> bool:
    inner, outer = hit.passage, wide.passage
    return inner.document_id == outer.document_id and outer.start <= inner.start and inner.end <= outer.end


def arranged(search: tuple[dict[str, Source], list[Hit]], budget: int) -> Context:
    sources, hits = search
    return arrange(hits, sources, budget_tokens=budget, count_tokens=count)


@settings(max_examples=150, deadline=None)
@given(searches(), st.integers(0, 150))
def test_the_budget_holds_and_every_hit_is_shown_or_listed(
    search: tuple[dict[str, Source], list[Hit]], budget: int
) -> None:
    context = arranged(search, budget)
    assert (
        context.tokens
        == sum(count(shown_text(hit.passage.header, hit.passage.text)) for hit in context.hits)
        <= budget
    )
    listed = {left.hit.passage.id for left in context.left_out}
    shown_ids = {hit.passage.id for hit in context.hits}
    for hit in search[1]:
        whole = any(lies_in(hit, wide) for wide in context.hits)
        assert whole != (hit.passage.id in listed) or hit.passage.id in shown_ids
    assert all(left.instead in shown_ids for left in context.left_out if left.reason == "repeat")


@settings(max_examples=150, deadline=None)
@given(searches(), st.integers(10, 200))
def test_what_is_shown_is_the_documents_own_text_at_one_place(
    search: tuple[dict[str, Source], list[Hit]], budget: int
) -> None:
    sources, _ = search
    context = arranged(search, budget)
    for hit in context.hits:
        passage, source = hit.passage, sources[hit.passage.document_id]
        assert source.text[passage.start : passage.end] == passage.text
        assert passage.line == source.text.count("\n", 0, passage.start) + 1
        owners = [source.sections[number] for number in source.touched(passage.start, passage.end)]
        assert {(section.page, section.place) for section in owners} == {(passage.page, passage.place)}
        if passage.row is not None:
            (section,) = owners
            assert passage.row == 2 + source.text.count("\n", section.start, passage.start)
    for document in sources:
        spans = sorted(
            (hit.passage.start, hit.passage.end)
            for hit in context.hits
            if hit.passage.document_id == document
        )
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


@settings(max_examples=60, deadline=None)
@given(searches())
def test_with_room_for_all_only_repeats_are_left_out(search: tuple[dict[str, Source], list[Hit]]) -> None:
    assert all(left.reason == "repeat" for left in arranged(search, 100_000).left_out)


@settings(max_examples=60, deadline=None)
@given(searches())
def test_a_lone_hit_with_room_is_shown_with_its_whole_section(
    search: tuple[dict[str, Source], list[Hit]],
) -> None:
    sources, hits = search
    source, found = sources[hits[0].passage.document_id], hits[0].passage
    numbers = source.touched(found.start, found.end)
    whole = source.text[source.sections[numbers[0]].start : source.sections[numbers[-1]].end]
    (shown,) = arranged((sources, hits[:1]), 100_000).hits
    assert shown.passage.text == whole.strip()
    assert shown.passage.id == found.id
