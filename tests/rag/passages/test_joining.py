"""Small neighbouring sections share a passage where one place and one heading are true of them all."""

from __future__ import annotations

from rag.passages.joining import Weighed, join_small
from rag.passages.packing import Unit
from rag.passages.placed import PlacedSection

ROOM = 90


def section(
    *heading: str,
    tokens: int = 10,
    page: int | None = None,
    place: str = "",
    row: int | None = None,
    scrap: bool = False,
) -> Weighed:
    placed = PlacedSection(0, 1, page, heading, place=place, row=row)
    return Weighed(placed, (Unit(0, 1, tokens),), scrap)


def test_small_siblings_are_joined_until_they_are_no_longer_small() -> None:
    sections = [section("A", str(number)) for number in range(6)]
    assert join_small(sections, ROOM) == [[0, 1, 2], [3, 4, 5]]


def test_a_section_with_a_subject_of_its_own_stays_alone() -> None:
    sections = [section("A", "1", tokens=60), section("A", "2", tokens=60), section("A", "3", tokens=60)]
    assert join_small(sections, ROOM) == [[0], [1], [2]]


def test_a_small_last_section_goes_to_the_one_before_where_it_fits() -> None:
    assert join_small([section("A", "1", tokens=60), section("A", "2")], ROOM) == [[0, 1]]
    assert join_small([section("A", "1", tokens=85), section("A", "2")], ROOM) == [[0], [1]]


def test_sections_below_different_headings_are_not_joined() -> None:
    assert join_small([section("A", "1"), section("B", "1")], ROOM) == [[0], [1]]
    assert join_small([section("A", "1", "x"), section("A", "2", "x")], ROOM) == [[0], [1]]
    assert join_small([section("A", "1", "x"), section("A", "2")], ROOM) == [[0, 1]]


def test_a_section_stays_with_the_first_one_below_it_rather_than_with_the_one_before() -> None:
    sections = [section("A", "1", tokens=20), section("A", "2", tokens=20), section("A", "2", "x", tokens=60)]
    assert join_small(sections, ROOM) == [[0], [1, 2]]


def test_a_headings_own_text_is_joined_with_what_stands_below_it() -> None:
    assert join_small([section("A"), section("A", "1"), section("A", "2")], ROOM) == [[0, 1, 2]]


def test_pages_slides_and_counted_rows_are_never_joined() -> None:
    assert join_small([section("A", page=1), section("A", page=2)], ROOM) == [[0], [1]]
    assert join_small([section(place="slide 1"), section(place="slide 2")], ROOM) == [[0], [1]]
    assert join_small([section(place="sheet X", row=2), section(place="sheet X", row=9)], ROOM) == [[0], [1]]


def test_a_heading_without_text_goes_with_what_follows_however_long_that_is() -> None:
    sections = [
        section("A", tokens=60),
        section("A", "1", scrap=True, tokens=4),
        section("A", "1", "x", tokens=400),
    ]
    assert join_small(sections, ROOM) == [[0], [1, 2]]


def test_headings_without_text_are_joined_with_one_another() -> None:
    sections = [section("A", str(number), scrap=True, tokens=4) for number in range(3)]
    assert join_small(sections, ROOM) == [[0, 1, 2]]
