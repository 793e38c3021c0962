"""What is shown of the library so far, and the budget it must keep: a ledger of stretches with their tokens.

Every change is counted before it is made: what would exceed the budget is not done. It counts with the
counter that it is given, and it reads no library.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rag.retrieval.repeats import Wording, adds_nothing
from rag.retrieval.widening import (
    Stretch,
    as_passage,
    beginnings,
    can_merge,
    growing,
    header_of,
    merged,
    shown_text,
    text_of,
    whole_sections,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag.document import Hit
    from rag.retrieval.widening import Source

# How far around a passage is looked for sentences, for each token that it may grow by: no tokenizer in use
# makes more characters of a token in running text.
_CHARACTERS_A_TOKEN = 8


class Arrangement:
    """Stretches of documents that are shown, each with its tokens.

    Args:
        hits: best first.
        sources: the documents' texts by their ids; what lies in others is shown as it was found.
        budget_tokens: the most tokens of all stretches together.
        count_tokens: what showing a text takes.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        sources: Mapping[str, Source],
        *,
        budget_tokens: int,
        count_tokens: Callable[[str], int],
    ) -> None:
        self._sources = sources
        self._rank = {hit.passage.id: number for number, hit in enumerate(hits)}
        self._budget_tokens = budget_tokens
        self._count_tokens = count_tokens
        self._counted: dict[Stretch, int] = {}
        self._worded: dict[Stretch, Wording] = {}
        self.stretches: dict[Stretch, int] = {}

    @property
    def tokens(self) -> int:
        """Of all that is shown."""
        return sum(self.stretches.values())

    def place(self, hit: Hit) -> bool:
        """Show a hit as it was found, in one with those that it touches; False where it does not fit."""
        return self._put(_found(hit), most=self._left()) is not None

    def place_beginning(self, hit: Hit) -> None:
        """Show as much of a hit as fits, from its beginning."""
        source = self._source_of(_found(hit))
        if source is not None:
            self._put_longest(_found(hit), beginnings(source, _found(hit)), most=self._left())

    def widen_all(self) -> list[tuple[Hit, Hit]]:
        """Share out what is left, best first.

        Returns:
            hits that lost their place because a widened passage says what they say, each with its best hit.
        """
        repeats: list[tuple[Hit, Hit]] = []
        waiting = sorted(self.stretches, key=self._rank_of)
        while waiting:
            stretch = waiting.pop(0)
            wide = self._widen(stretch, most=self._left() // (len(waiting) + 1))
            waiting = [other for other in waiting if other in self.stretches]
            for other in self._repeated(wide, waiting) if wide != stretch else ():
                del self.stretches[other]
                waiting.remove(other)
                repeats.extend((hit, wide.hits[0]) for hit in other.hits)
        return repeats

    def shown(self, hit: Hit) -> Stretch | None:
        """The stretch that shows the hit's beginning, if any does."""
        return next(
            (stretch for stretch in self.stretches if hit in stretch.hits or stretch.holds(hit)), None
        )

    def ordered(self) -> tuple[Hit, ...]:
        """What is shown: documents by their best hit, the stretches of one document in reading order."""
        first_ranks: dict[str, int] = {}
        for stretch in sorted(self.stretches, key=self._rank_of):
            first_ranks.setdefault(stretch.document_id, self._rank_of(stretch))
        return tuple(
            dataclasses.replace(stretch.hits[0], passage=as_passage(self._source_of(stretch), stretch))
            for stretch in sorted(
                self.stretches, key=lambda stretch: (first_ranks[stretch.document_id], stretch.start)
            )
        )

    def _widen(self, stretch: Stretch, *, most: int) -> Stretch:
        """The stretch as wide as ``most`` further tokens allow; the one that is shown afterwards."""
        source = self._source_of(stretch)
        if source is None or most <= 0:
            return stretch
        reach = most * _CHARACTERS_A_TOKEN
        spans = growing(source, stretch, most_characters=reach)
        first, last = whole_sections(source, stretch)
        # The whole section is tried first: that it fits is the usual case, and one count tells.
        if (first < stretch.start or stretch.end < last) and last - first <= reach:
            spans.append((min(first, stretch.start), max(last, stretch.end)))
        if not spans or self._said_elsewhere(source, stretch, *spans[-1]):
            return stretch
        return self._put_longest(stretch, spans, most=most)

    def _put_longest(self, stretch: Stretch, spans: Sequence[tuple[int, int]], *, most: int) -> Stretch:
        """Show the longest of the growing spans that fits; the stretch stays as it is where none does."""
        wider = [dataclasses.replace(stretch, start=start, end=end) for start, end in spans]
        if wider and (shown := self._put(wider[-1], most=most)):
            return shown
        fits, too_long = -1, len(wider) - 1
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self._change(wider[middle]) <= most:
                fits = middle
            else:
                too_long = middle
        if fits < 0:
            return stretch
        return self._put(wider[fits], most=most) or stretch

    def _put(self, stretch: Stretch, *, most: int) -> Stretch | None:
        """Show the stretch in one with what it touches, if that takes at most so many tokens more."""
        if self._change(stretch) > most:
            return None
        union, replaced = self._merged(stretch)
        for old in replaced:
            del self.stretches[old]
        self.stretches[union] = self._count(union)
        return union

    def _change(self, stretch: Stretch) -> int:
        """The tokens that showing the stretch would add."""
        union, replaced = self._merged(stretch)
        return self._count(union) - sum(self.stretches[old] for old in replaced)

    def _merged(self, stretch: Stretch) -> tuple[Stretch, list[Stretch]]:
        """The stretch in one with those that it touches, one after the other, and which these are."""
        source = self._source_of(stretch)
        if source is None:
            return stretch, []
        union, replaced = stretch, list[Stretch]()
        others = [other for other in self.stretches if other.document_id == stretch.document_id]
        others.sort(key=lambda other: other.start)
        # Forwards what follows, backwards what precedes: each is tried when what lies between has its answer.
        for other in (*others, *reversed(others)):
            if other not in replaced and can_merge(source, union, other):
                union = merged((union, other), self._rank)
                replaced.append(other)
        return union, replaced

    def _repeated(self, wide: Stretch, others: Sequence[Stretch]) -> list[Stretch]:
        return [other for other in others if adds_nothing(self._wording(other), self._wording(wide))]

    def _said_elsewhere(self, source: Source, stretch: Stretch, start: int, end: int) -> bool:
        """Whether others show all that surrounds a stretch: it may lie in a copy of their document."""
        shown = [self._wording(other) for other in self.stretches if other != stretch]
        around = (Wording(source.text[start : stretch.start]), Wording(source.text[stretch.end : end]))
        return all(
            not wording.text.strip() or any(adds_nothing(wording, other) for other in shown)
            for wording in around
        )

    def _source_of(self, stretch: Stretch) -> Source | None:
        """The stretch's document, unless it was replaced since its hits were found."""
        source = self._sources.get(stretch.document_id)
        if source is None or not all(source.holds(hit.passage) for hit in stretch.hits):
            return None
        return source

    def _count(self, stretch: Stretch) -> int:
        if stretch not in self._counted:
            source = self._source_of(stretch)
            shown = shown_text(header_of(source, stretch), text_of(source, stretch))
            self._counted[stretch] = self._count_tokens(shown)
        return self._counted[stretch]

    def _wording(self, stretch: Stretch) -> Wording:
        if stretch not in self._worded:
            self._worded[stretch] = Wording(text_of(self._source_of(stretch), stretch))
        return self._worded[stretch]

    def _left(self) -> int:
        return self._budget_tokens - self.tokens

    def _rank_of(self, stretch: Stretch) -> int:
        return self._rank[stretch.hits[0].passage.id]


def _found(hit: Hit) -> Stretch:
    return Stretch(hit.passage.start, hit.passage.end, (hit,))
