"""Which neighbouring sections are packed together: small ones below one heading, and headings without text.

Values in, values out: it is told what each section weighs. A joined passage still has one place: no
group runs across pages, slides or sheets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.passages.packing import Unit
    from rag.passages.placed import PlacedSection

# A section of less than this share of the room is joined with its neighbours: alone it would be found by its
# heading and say little. One that is larger has a subject of its own, which its vector should show.
SMALL_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Weighed:
    """A section and what packing it would take.

    Attributes:
        units: what it is packed from; none for a section of whitespace.
        scrap: it is a heading and nothing else, or nothing.
    """

    section: PlacedSection
    units: tuple[Unit, ...]
    scrap: bool = False

    @property
    def tokens(self) -> int:
        """The sum of its units' tokens."""
        return sum(unit.tokens for unit in self.units)


def join_small(sections: Sequence[Weighed], room: int) -> list[list[int]]:
    """Numbers of the sections that are packed together, in order; every section is in one group."""
    groups: list[list[int]] = []
    for number in range(len(sections)):
        if groups and _takes(groups[-1], number, sections, room):
            groups[-1].append(number)
        else:
            groups.append([number])
    return _without_small_ends(groups, sections, room)


def common_heading(headings: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that stand above all of them.

    Example:
        >>> common_heading([("Engines", "vLLM"), ("Engines", "Ollama")])
        ('Engines',)
    """
    common = headings[0]
    for heading in headings[1:]:
        same = 0
        while same < min(len(common), len(heading)) and common[same] == heading[same]:
            same += 1
        common = common[:same]
    return common


def speaking_headings(members: Sequence[Weighed]) -> list[tuple[str, ...]]:
    """The headings of the sections, without those that only announce a section below them."""
    headings: list[tuple[str, ...]] = []
    for member in reversed(members):
        heading = member.section.heading
        if not (member.scrap and headings and headings[-1][: len(heading)] == heading):
            headings.append(heading)
    return headings[::-1]


def _takes(group: Sequence[int], number: int, sections: Sequence[Weighed], room: int) -> bool:
    """Whether the group goes on with the next section."""
    last, following = sections[group[-1]], sections[number]
    if not _share_a_place(last.section, following.section):
        return False
    depth = len(last.section.heading)
    if last.scrap and following.section.heading[:depth] == last.section.heading:
        return True
    if following.scrap and not last.scrap:
        return False
    tokens = sum(sections[member].tokens for member in group)
    if tokens >= room * SMALL_SHARE or tokens + following.tokens > room:
        return False
    if _belongs_to_its_child(number, sections, room - tokens, room):
        return False
    return _stand_together(group, [number], sections)


def _belongs_to_its_child(number: int, sections: Sequence[Weighed], left: int, room: int) -> bool:
    """Whether a section fits with the first one below it, and would be parted from it by what is before."""
    if number + 1 == len(sections):
        return False
    above, below = sections[number], sections[number + 1]
    depth = len(above.section.heading)
    is_child = depth < len(below.section.heading) and below.section.heading[:depth] == above.section.heading
    return (
        is_child
        and _share_a_place(above.section, below.section)
        and left < above.tokens + below.tokens <= room
    )


def _without_small_ends(groups: list[list[int]], sections: Sequence[Weighed], room: int) -> list[list[int]]:
    """A small group that its follower did not take in goes to the one before it, where it fits."""
    joined: list[list[int]] = []
    for group in groups:
        tokens = sum(sections[member].tokens for member in group)
        if joined and tokens < room * SMALL_SHARE:
            before = joined[-1]
            fits = sum(sections[member].tokens for member in before) + tokens <= room
            close = _share_a_place(sections[before[-1]].section, sections[group[0]].section)
            if fits and close and _stand_together(before, group, sections):
                before.extend(group)
                continue
        joined.append(group)
    return joined


def _share_a_place(first: PlacedSection, second: PlacedSection) -> bool:
    """Whether one locator is true of both; rows below a head or with numbers are never joined."""
    if first.header or second.header or first.row is not None or second.row is not None:
        return False
    return (first.page, first.place) == (second.page, second.place)


def _stand_together(group: Sequence[int], more: Sequence[int], sections: Sequence[Weighed]) -> bool:
    """Whether all stand below one heading, and one of them right below it or as its own text.

    Without that, the sections of two chapters would stand together below the title of the book.
    """
    headings = speaking_headings([sections[member] for member in (*group, *more)])
    return min(len(heading) for heading in headings) - len(common_heading(headings)) <= 1
