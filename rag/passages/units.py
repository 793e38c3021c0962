"""What a section is packed from: its pieces with their tokens; tables and code whole where they fit.

It turns pieces that are too long into smaller ones. It knows no neighbouring sections and makes no passages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.passages.code_segments import code_lines
from rag.passages.packing import Unit
from rag.passages.pieces import pieced_blocks
from rag.passages.table_units import table_units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.document import SectionKind
    from rag.passages.counting import TokenCounter
    from rag.passages.pieces import Piece


def section_units(
    counter: TokenCounter,
    start: int,
    end: int,
    *,
    kind: SectionKind = "prose",
    title: str = "",
    header: str = "",
) -> tuple[tuple[Unit, ...], bool]:
    """The units of ``text[start:end]``, in order, and whether it is a scrap: headings and nothing else.

    Args:
        counter: of the stored text.
        start: where a section begins.
        end: where it ends.
        kind: what it holds.
        title: its own heading, which its first line may repeat.
        header: the head of a table whose rows it holds, where that is no part of the text.
    """
    units: list[Unit] = []
    scrap = True
    for block in pieced_blocks(counter.text, start, end, kind=kind, title=title):
        scrap = scrap and block.kind == "heading"
        if block.kind == "table":
            # A section that is a table says by itself whether it has a head.
            table = table_units(counter, block.pieces, header=header, unmarked_head=kind == "prose")
            units.extend(table)
        elif block.kind == "code":
            units.extend(_code_units(counter, block.pieces))
        else:
            for piece in block.pieces:
                units.extend(counter.units(piece.start, piece.end, piece.cut_cost))
    return tuple(units), scrap


def _code_units(counter: TokenCounter, pieces: Sequence[Piece]) -> Iterator[Unit]:
    """Code as one unit where it fits, else its stretches, else their lines."""
    counted = [counter.tokens(piece.start, piece.end) for piece in pieces]
    start, end = pieces[0].start, pieces[-1].end
    # Together they may have more: a tokenizer may count the lines' ends.
    if sum(counted) <= counter.room and (together := counter.tokens(start, end)) <= counter.room:
        yield Unit(start, end, together, pieces[0].cut_cost)
        return
    for piece, tokens in zip(pieces, counted, strict=True):
        if tokens <= counter.room:
            yield Unit(piece.start, piece.end, tokens, piece.cut_cost)
            continue
        for number, line in enumerate(code_lines(counter.text, piece.start, piece.end)):
            yield from counter.units(line.start, line.end, line.cut_cost if number else piece.cut_cost)
