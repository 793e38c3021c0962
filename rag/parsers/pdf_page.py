"""From a page's words and rules to its strips of lines and tables, in reading order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.parsers.pdf_aligned_tables import with_tables
from rag.parsers.pdf_code import with_code
from rag.parsers.pdf_layout import in_reading_order, runs_of
from rag.parsers.pdf_ruled_tables import ruled_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.parsers.pdf_code import Code
    from rag.parsers.pdf_layout import Line, Table
    from rag.parsers.pdf_words import Rule, Word


def strips_of(words: Sequence[Word], rules: Sequence[Rule]) -> list[list[Line | Table | Code]]:
    """What a reader would read, in that order: tables found, columns one after the other."""
    tables, rest = ruled_tables(words, rules)
    return [with_tables(with_code(strip)) for strip in in_reading_order(runs_of(rest), tables)]
