"""Which documents a search may look at: by what is known of them, by path, by day and by language.

Pure but for one query against the truth. It knows no index and no score.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stillroom.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_CONDITION = re.compile(r"\s*([\w.-]+)\s*(!=|=)\s*(.*?)\s*", re.DOTALL)
_HINT = "stillroom search QUESTION --where tag=NAME --path '*.pdf' --after 2026-01-31"
_COLUMNS = ("title", "format", "language")

# What the file says of itself, or a person said of one of its files.
_SAID = """(
EXISTS (SELECT 1 FROM json_each(documents.metadata) WHERE lower(key) = ? AND lower(value) GLOB ?)
OR EXISTS (SELECT 1 FROM file_metadata JOIN files USING (path)
    WHERE document_id = documents.id AND lower(key) = ? AND lower(file_metadata.value) GLOB ?)
)"""


@dataclass(frozen=True, slots=True)
class Condition:
    """``key=value`` or ``key!=value``; ``*`` in the value is any characters, and case does not count."""

    key: str
    operator: Literal["=", "!="]
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What a document must be; an empty filter lets every document through.

    Attributes:
        where: all of them must hold, on ``title``, ``format``, ``language``, ``tag``, ``author`` or whatever
            else a file or a person says of the document.
        paths: shell patterns, of which one must match one of its files: ``*.pdf``, ``reports/*``.
        after: the earliest day, by the date that the document gives itself, else its file's.
        before: the latest day.
        languages: one of them must be its language.
    """

    where: tuple[Condition, ...] = ()
    paths: tuple[str, ...] = ()
    after: dt.date | None = None
    before: dt.date | None = None
    languages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return self != Filter()


def parse_filter(
    *,
    where: Sequence[str] = (),
    paths: Sequence[str] = (),
    after: str | None = None,
    before: str | None = None,
    languages: Sequence[str] = (),
) -> Filter:
    """A filter as a person wrote it.

    Raises:
        LibraryError: a condition has no ``=``, a day is not written as 2026-01-31, or a language is unknown.

    Example:
        >>> parse_filter(where=["tag=tax"]).where[0].value
        'tax'
    """
    for language in languages:
        if language not in {"en", "zh"}:
            raise LibraryError(f"documents are in 'en' or 'zh', not {language!r}", hint=_HINT)
    return Filter(
        where=tuple(_condition(text) for text in where),
        paths=tuple(paths),
        after=_day(after),
        before=_day(before),
        languages=tuple(languages),
    )


def matching_documents(connection: sqlite3.Connection, wanted: Filter) -> frozenset[str] | None:
    """Ids of the documents that the filter lets through; None where it lets all through."""
    if not wanted:
        return None
    clauses: list[str] = []
    values: list[str] = []
    for condition in wanted.where:
        clause, value = _where(condition)
        clauses.append(clause)
        values += value
    if wanted.paths:
        patterns = [pattern if pattern.startswith("/") else f"*/{pattern}" for pattern in wanted.paths]
        any_of = " OR ".join(["files.path GLOB ?"] * len(patterns))
        clauses.append(f"documents.id IN (SELECT document_id FROM files WHERE {any_of})")  # noqa: S608
        values += patterns
    if wanted.after:
        clauses.append("dated >= ?")
        values.append(wanted.after.isoformat())
    if wanted.before:
        clauses.append("dated <= ?")
        values.append(wanted.before.isoformat())
    if wanted.languages:
        clauses.append(f"language IN ({', '.join('?' * len(wanted.languages))})")
        values += wanted.languages
    rows = connection.execute(f"SELECT id FROM documents WHERE {' AND '.join(clauses)}", values)  # noqa: S608
    return frozenset(identity for (identity,) in rows)


def _where(condition: Condition) -> tuple[str, list[str]]:
    """The clause of one condition, with its values; nothing of what a person wrote stands in it."""
    pattern = condition.value.lower().replace("[", "[[]").replace("?", "[?]")
    key = condition.key.lower()
    if key in _COLUMNS:
        found, values = f"lower({key}) GLOB ?", [pattern]
    else:
        found = _SAID
        values = [key, pattern, key, pattern]
    return (f"NOT {found}" if condition.operator == "!=" else found), values


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise LibraryError(f"{text!r} is no condition: it needs KEY=VALUE or KEY!=VALUE", hint=_HINT)
    key, operator, value = match.groups()
    return Condition(key, "!=" if operator == "!=" else "=", value)


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise LibraryError(f"{text!r} is no day; a day is written as 2026-01-31", hint=_HINT) from error
