"""What a model reads: widened to the section, merged, without repeats, and never above the budget."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.retrieval.context import widen
from rag.retrieval.retrieve import retrieve
from rag.retrieval.widening import shown_text

if TYPE_CHECKING:
    from pathlib import Path

    from rag.document import Hit
    from rag.library import Library

STILL = (
    "The copper still holds forty litres. It was made in Lyon in 1872. "
    "Its head is a swan's neck of tinned copper. "
    "The worm lies in a barrel of cold water. Steam enters at the top and leaves as spirit below. "
    "A charge takes four hours, of which the first is wasted on heating. "
    "The cooper mends the barrel each spring. "
    "Fuel is ash wood, split small and dried for two years. The first cut is thrown away, for it is poison. "
    "The heart of the run is kept in glass. The tails are put back into the next charge. "
    "Nobody leaves the room while the fire burns. The key hangs behind the pantry door. "
    "A ledger notes each run with its date, its weight of herbs and its yield. "
    "Lavender yields one part in two hundred. Rosemary yields one part in three hundred. "
    "Melissa yields so little that it is distilled over twice. The oils are kept from light in blue glass. "
)


def words(text: str) -> int:
    """A chat model's tokens, as far as the budget is concerned."""
    return len(text.split())


def total(hits: tuple[Hit, ...]) -> int:
    return sum(words(shown_text(hit.passage.header, hit.passage.text)) for hit in hits)


@pytest.fixture
def house(library: Library, tmp_path: Path) -> Library:
    """A long section, its copy in another file, another subject, and a table."""
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "still.md").write_text(f"# The still\n\n{STILL}\n\n# Cellar\n\nWine lies in the cellar.\n")
    copy = textwrap.fill(STILL.replace("1872", "1874"), 60)
    (folder / "copy.md").write_text(f"# The still\n\n{copy}\n\n# Garden\n\nHerbs grow.\n")
    (folder / "cellar.txt").write_text("葡萄酒放在地窖里。地窖的温度是十二度。\n", encoding="utf-8")
    rows = "".join(f"| herb {number} | {number} grams | {number + 3} drops |\n" for number in range(40))
    (folder / "herbs.md").write_text(f"# Herbs\n\n| herb | weight | yield |\n|---|---|---|\n{rows}")
    ingest(library, [folder])
    return library


def test_a_small_passage_is_shown_with_its_whole_section(house: Library) -> None:
    hits = retrieve(house, "who mends the barrel in spring", limit=1)
    context = widen(hits, house, budget_tokens=2000, count_tokens=words)
    (shown,) = context.hits
    assert hits[0].passage.text in shown.passage.text
    assert shown.passage.id == hits[0].passage.id
    assert shown.passage.text.startswith("# The still\n\nThe copper still holds forty litres.")
    assert " ".join(shown.passage.text.split()).endswith("The oils are kept from light in blue glass.")
    assert context.tokens == total(context.hits)
    assert not context.left_out


def test_a_widened_passage_is_the_documents_own_text_and_knows_its_line(house: Library) -> None:
    hits = retrieve(house, "who mends the barrel in spring", limit=1)
    (shown,) = widen(hits, house, budget_tokens=2000, count_tokens=words).hits
    text = house.document_text(shown.passage.document_id)
    assert text[shown.passage.start : shown.passage.end] == shown.passage.text
    assert shown.passage.line == text.count("\n", 0, shown.passage.start) + 1


def test_where_the_section_does_not_fit_whole_sentences_are_added(house: Library) -> None:
    hits = retrieve(house, "who mends the barrel in spring", limit=1)
    own = words(hits[0].passage.text)
    (shown,) = widen(hits, house, budget_tokens=own + 30, count_tokens=words).hits
    assert own < words(shown.passage.text) <= own + 30
    assert shown.passage.text.endswith(".")
    before = house.document_text(shown.passage.document_id)[: shown.passage.start].rstrip()
    assert not before or before.endswith((".", "still"))


@pytest.mark.parametrize("budget", [0, 1, 7, 25, 60, 100, 150, 400])
def test_the_budget_is_never_exceeded_and_every_hit_is_accounted_for(house: Library, budget: int) -> None:
    hits = retrieve(house, "yield of the herbs in the still", limit=8)
    context = widen(hits, house, budget_tokens=budget, count_tokens=words)
    assert context.tokens == total(context.hits) <= budget
    left_out = {left.hit.passage.id for left in context.left_out}
    for hit in hits:
        shown = any(
            hit.passage.document_id == wide.passage.document_id
            and wide.passage.start <= hit.passage.start
            and (hit.passage.end <= wide.passage.end or hit.passage.id == wide.passage.id)
            for wide in context.hits
        )
        assert shown != (hit.passage.id in left_out)


def test_the_same_paragraph_in_two_files_is_shown_once_and_the_other_named(house: Library) -> None:
    hits = retrieve(house, "the key behind the pantry door", limit=8)
    assert {hit.passage.path.rsplit("/", 1)[1] for hit in hits} >= {"still.md", "copy.md"}
    context = widen(hits, house, budget_tokens=5000, count_tokens=words)
    assert sum("pantry door" in hit.passage.text for hit in context.hits) == 1
    shown = {hit.passage.id for hit in context.hits}
    repeats = [left for left in context.left_out if left.reason == "repeat"]
    assert repeats
    assert {left.instead for left in repeats} <= shown


def test_copies_that_contradict_are_both_shown_and_what_they_share_once(house: Library) -> None:
    hits = retrieve(house, "in which year was the copper still made in Lyon", limit=2)
    context = widen(hits, house, budget_tokens=5000, count_tokens=words)
    shown = [hit.passage.text for hit in context.hits]
    assert sorted(year for year in ("1872", "1874") for text in shown if year in text) == ["1872", "1874"]
    assert sum("pantry door" in text for text in shown) == 1


def test_passages_of_one_section_that_touch_become_one(house: Library) -> None:
    document = next(each for each in house.documents() if each.path.endswith("still.md"))
    first, second = house.passages(document.id)[:2]
    hits = [hit for hit in retrieve(house, STILL[:200], limit=20) if hit.passage.id in {first.id, second.id}]
    assert len(hits) == 2
    context = widen(hits, house, budget_tokens=words(first.text) + words(second.text), count_tokens=words)
    (shown,) = context.hits
    assert (shown.passage.start, shown.passage.end) == (first.start, second.end)
    assert shown.passage.id == hits[0].passage.id


def test_what_finds_no_room_is_listed(house: Library) -> None:
    hits = retrieve(house, "wine in the cellar", limit=4)
    room = words(shown_text(hits[0].passage.header, hits[0].passage.text))
    context = widen(hits, house, budget_tokens=room, count_tokens=words)
    assert context.hits[0].passage.id == hits[0].passage.id
    assert any(left.reason == "budget" for left in context.left_out)


def test_a_passage_that_is_too_long_alone_is_shown_from_its_beginning(house: Library) -> None:
    hits = retrieve(house, "who mends the barrel in spring", limit=1)
    (shown,) = widen(hits, house, budget_tokens=25, count_tokens=words).hits
    assert hits[0].passage.text.startswith(shown.passage.text)
    assert shown.passage.text.endswith(".")


def test_rows_are_shown_below_their_tables_head(house: Library) -> None:
    hits = [
        hit for hit in retrieve(house, "herb 38 grams drops", limit=8) if "| herb 38 |" in hit.passage.text
    ]
    room = words(shown_text(hits[0].passage.header, hits[0].passage.text)) + 25
    (shown,) = widen(hits[:1], house, budget_tokens=room, count_tokens=words).hits
    assert shown_text(shown.passage.header, shown.passage.text).startswith(
        "| herb | weight | yield |\n| herb "
    )
    assert len(shown.passage.text) > len(hits[0].passage.text)


def test_documents_come_best_first_and_their_passages_in_reading_order(house: Library) -> None:
    hits = retrieve(house, "葡萄酒 cellar wine 地窖的温度", limit=8)
    context = widen(hits, house, budget_tokens=400, count_tokens=words)
    order = list(dict.fromkeys(hit.passage.document_id for hit in context.hits))
    assert order == [each for each in dict.fromkeys(hit.passage.document_id for hit in hits) if each in order]
    for document_id in order:
        starts = [hit.passage.start for hit in context.hits if hit.passage.document_id == document_id]
        assert starts == sorted(starts)


def test_a_document_that_was_removed_meanwhile_is_shown_as_it_was_found(
    house: Library, tmp_path: Path
) -> None:
    hits = retrieve(house, "葡萄酒放在哪里", limit=1)
    (tmp_path / "house" / "cellar.txt").unlink()
    ingest(house, [tmp_path / "house"])
    (shown,) = widen(hits, house, budget_tokens=100, count_tokens=words).hits
    assert shown.passage == hits[0].passage
