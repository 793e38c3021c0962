"""The smallest pieces of a section that make sense alone: sentences, table rows, stretches of code.

Each has the cost of a cut before it, by which places to cut are chosen: little between blocks, more between
the sentences of a paragraph, most behind a heading. Offsets only; nothing here knows tokens or passages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.passages.blocks import Block, split_blocks
from rag.passages.code_segments import code_segments
from rag.passages.sentences import split_sentences
from rag.passages.table_rows import table_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.document import SectionKind
    from rag.passages.blocks import BlockKind

# Costs stand beside the squared deviation of a passage's size from the wished one: 0.1 is what a passage
# costs that is a third too long or too short.
HEADING_COST = 0.0
_BLOCK_COST = 0.03
_ITEM_COST = 0.06
_SENTENCE_COST = 0.12
_ROW_COST = 0.06
# "The prices are:" announces what stands below it.
_ANNOUNCED_COST = 0.5
# So does a short line without a mark at its end: a caption, or a heading that the format does not tell.
_LONGEST_CAPTION_CHARACTERS = 80
_SENTENCE_ENDS = tuple(".。!！?？;；,，、…")
# A heading alone says nothing: it goes with what follows wherever that fits.
_BEHIND_HEADING_COST = 2.0

_ANNOUNCING = (":", "：")


@dataclass(frozen=True, slots=True)
class Piece:
    """``text[start:end]``, and how bad a cut before it would be."""

    start: int
    end: int
    cut_cost: float


@dataclass(frozen=True, slots=True)
class PiecedBlock:
    """A block with its pieces, in order; there is at least one."""

    kind: BlockKind
    pieces: tuple[Piece, ...]


def pieced_blocks(
    text: str, start: int, end: int, *, kind: SectionKind = "prose", title: str = ""
) -> Iterator[PiecedBlock]:
    """The blocks of ``text[start:end]`` with their pieces; only whitespace lies between pieces.

    Args:
        text: the stored text.
        start: where a section begins.
        end: where it ends.
        kind: that section's kind; a table or code is one block.
        title: the section's own heading, which its first line may repeat.
    """
    blocks = split_blocks(text, start, end, title=title) if kind == "prose" else (Block(start, end, kind),)
    before: Block | None = None
    for block in blocks:
        if pieces := tuple(_pieces(text, block, _cost_before(text, block, before))):
            yield PiecedBlock(block.kind, pieces)
        before = block


def _pieces(text: str, block: Block, cost: float) -> Iterator[Piece]:
    if block.kind == "code":
        segments = code_segments(text, block.start, block.end)
        for number, segment in enumerate(segments):
            yield Piece(segment.start, segment.end, segment.cut_cost if number else cost)
        return
    if block.kind == "table":
        spans, inner = table_rows(text, block.start, block.end), _ROW_COST
    else:
        # A sentence of its own is each line of what looks like a list within a paragraph.
        sentences = split_sentences(text[block.start : block.end])
        spans, inner = tuple((block.start + a, block.start + b) for a, b in sentences), _SENTENCE_COST
    for number, (start, end) in enumerate(spans):
        yield Piece(start, end, inner if number else cost)


def _cost_before(text: str, block: Block, before: Block | None) -> float:
    if before is None:
        return HEADING_COST
    if before.kind == "heading":
        return _BEHIND_HEADING_COST
    if block.kind == "heading":
        return HEADING_COST
    if text.endswith(_ANNOUNCING, before.start, before.end) or _is_caption(text, before):
        return _ANNOUNCED_COST
    if _is_caption(text, block):
        return HEADING_COST
    return _ITEM_COST if block.kind == "item" else _BLOCK_COST


def _is_caption(text: str, block: Block) -> bool:
    if block.kind != "paragraph" or block.end - block.start > _LONGEST_CAPTION_CHARACTERS:
        return False
    return "\n" not in text[block.start : block.end] and not text.endswith(
        _SENTENCE_ENDS, block.start, block.end
    )
