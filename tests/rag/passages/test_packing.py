"""Packing: equal sizes, cuts where they cost least, and a limit that holds whatever a tokenizer adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.passages.packing import Unit, pack

if TYPE_CHECKING:
    from collections.abc import Sequence


def units(*tokens: int, costs: Sequence[float] = (), alone: Sequence[int] = ()) -> list[Unit]:
    made = []
    for number, size in enumerate(tokens):
        cost = costs[number] if costs else 0.0
        made.append(Unit(number, number + 1, size, cost, alone=number in alone))
    return made


def total(group: Sequence[Unit]) -> int:
    return sum(unit.tokens for unit in group)


def sizes(made: Sequence[Unit], room: int) -> list[list[int]]:
    return [[unit.tokens for unit in group] for group in pack(made, room, total)]


def test_what_fits_is_one_group() -> None:
    assert sizes(units(3, 4, 3), 10) == [[3, 4, 3]]


def test_groups_are_about_equal_and_no_scrap_is_left_over() -> None:
    assert sizes(units(4, 4, 4), 10) == [[4, 4], [4]]
    assert sizes(units(*[1] * 12), 10) == [[1] * 6, [1] * 6]


def test_a_cheap_cut_is_taken_before_an_even_one() -> None:
    assert sizes(units(2, 2, 2, 2, 2, 2, costs=[0, 0.3, 0.3, 0.3, 0, 0.3]), 10) == [[2, 2, 2, 2], [2, 2]]


def test_a_heading_goes_with_what_follows() -> None:
    # The cut behind the third unit, a heading, costs the most.
    assert sizes(units(4, 4, 1, 4, 4, costs=[0, 0.1, 0, 2.0, 0.1]), 10) == [[4, 4], [1, 4, 4]]


def test_a_unit_that_stands_alone_shares_with_nothing() -> None:
    assert sizes(units(1, 1, 1, alone=[1]), 10) == [[1], [1], [1]]


def test_what_is_larger_than_the_room_is_a_group_of_its_own() -> None:
    assert sizes(units(1, 30, 1), 10) == [[1], [30], [1]]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.floats(0, 2)), max_size=40),
    st.integers(4, 30),
    st.integers(0, 2),
)
def test_groups_keep_the_order_and_the_limit(made: list[tuple[int, float]], room: int, between: int) -> None:
    def weigh(group: Sequence[Unit]) -> int:
        return total(group) + between * (len(group) - 1)

    everything = units(*(tokens for tokens, _ in made), costs=[cost for _, cost in made])
    groups = list(pack(everything, room, weigh))
    assert [unit for group in groups for unit in group] == everything
    assert all(len(group) == 1 or weigh(group) <= room for group in groups)
