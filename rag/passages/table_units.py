"""Cut a table that is too long between its rows, and a row that is too long between its cells.

Every part but the one that begins with the head itself carries the head: rows without it are numbers without
names. Where a row does not fit below the whole head, its cells carry their own columns' names. Nothing here
knows sections or pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.passages.packing import Unit, pack
from rag.passages.table_rows import cells, head_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.passages.counting import TokenCounter
    from rag.passages.pieces import Piece


def table_units(
    counter: TokenCounter, rows: Sequence[Piece], *, header: str = "", unmarked_head: bool = False
) -> Iterator[Unit]:
    """The table as one unit where it fits, else as parts that stand alone.

    Args:
        counter: of the text that holds the table.
        rows: its rows, in order, with those of its own head.
        header: a head that is no part of the text; without it the table's own is carried, if it has one.
        unmarked_head: see `rag.passages.table_rows.head_rows`.
    """
    counted = [Unit(row.start, row.end, counter.tokens(row.start, row.end), row.cut_cost) for row in rows]
    spans = [(row.start, row.end) for row in rows]
    heading = 0 if header else head_rows(counter.text, spans, unmarked=unmarked_head)
    if heading:
        header = counter.text[rows[0].start : rows[0].end]
    header_tokens = counter.tokens_of(header + "\n") if header else 0
    cutter = _TableCutter(counter, header, rows[0].cut_cost)
    total = sum(unit.tokens for unit in counted) + (0 if heading else header_tokens)
    if total <= counter.room:
        yield from cutter.part(counted[heading:], lead=counted[:heading])
        return
    lead = counted[:heading]
    for group in pack(counted[heading:], max(1, counter.room - header_tokens), counter.together):
        yield from cutter.part(group, lead=lead)
        lead = []


@dataclass(frozen=True, slots=True)
class _TableCutter:
    """Makes units of rows below one head; each part is counted as it will be read."""

    counter: TokenCounter
    header: str
    cut_cost: float

    def part(self, rows: Sequence[Unit], *, lead: Sequence[Unit]) -> Iterator[Unit]:
        """The rows as one unit where they fit, else by halves, else by cells.

        Args:
            rows: of the table's body; none only behind a lead.
            lead: the table's own head where the part begins with it.
        """
        header = "" if lead else self.header
        start, end = (lead or rows)[0].start, (rows or lead)[-1].end
        tokens = self.counter.tokens(start, end, header=header)
        if tokens <= self.counter.room:
            yield Unit(start, end, tokens, self.cut_cost if lead else 0.0, header, alone=bool(header))
        elif len(rows) > 1:
            middle = len(rows) // 2
            yield from self.part(rows[:middle], lead=lead)
            yield from self.part(rows[middle:], lead=())
        elif lead:
            for line in lead:
                yield from self.counter.units(line.start, line.end, line.cut_cost)
            if rows:
                yield from self.part(rows, lead=())
        else:
            yield from self._cells(rows[0])

    def _cells(self, row: Unit) -> Iterator[Unit]:
        """One row, cut between cells; each part below the names of its own columns, where they are known."""
        spans = cells(self.counter.text, row.start, row.end)
        names = self._names(len(spans))
        units = [
            Unit(start, end, self.counter.tokens(start, end) + (self.counter.tokens_of(name) if name else 0))
            for (start, end), name in zip(spans, names, strict=True)
        ]
        position = 0
        for group in pack(units, self.counter.room, self.counter.together):
            yield from self._cell_part(group, names[position : position + len(group)])
            position += len(group)

    def _cell_part(self, group: Sequence[Unit], names: Sequence[str]) -> Iterator[Unit]:
        start, end = group[0].start, group[-1].end
        header = _row(names)
        tokens = self.counter.tokens(start, end, header=header)
        if tokens <= self.counter.room:
            yield Unit(start, end, tokens, 0.0, header, alone=True)
            return
        if len(group) > 1:
            middle = len(group) // 2
            yield from self._cell_part(group[:middle], names[:middle])
            yield from self._cell_part(group[middle:], names[middle:])
            return
        room = self.counter.room - (self.counter.tokens_of(header + "\n") if header else 0)
        if room < self.counter.room // 2:
            header, room = "", self.counter.room
        for unit in self.counter.units(start, end, 0.0, room=room):
            fits = self.counter.tokens(unit.start, unit.end, header=header) <= self.counter.room
            yield Unit(unit.start, unit.end, unit.tokens, 0.0, header if fits else "", alone=True)

    def _names(self, columns: int) -> list[str]:
        """The name above each column; empty ones where the head has not as many cells as the row."""
        spans = cells(self.header, 0, len(self.header))
        if len(spans) != columns or "\n" in self.header:
            return [""] * columns
        return [self.header[start:end] for start, end in spans]


def _row(names: Sequence[str]) -> str:
    if not any(name.strip("| ") for name in names):
        return ""
    return " ".join(names).removesuffix("|").rstrip() + " |"
