"""Where definitions begin in Python, by its own grammar: classes, functions and methods, with decorators."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from rag.parsers.code_definitions import Definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# CPython's parser takes two hundred times a text's size for its tree.
_MAX_CHARACTERS = 2_000_000


def python_definitions(text: str) -> list[Definition] | None:
    r"""Where sections begin, ascending, or None where the text is no Python of this version.

    Example:
        >>> [each.heading for each in python_definitions("class A:\n    def f(self): ...\n") or ()]
        [('class A',), ('class A', 'def f')]
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the text's own escapes and comparisons
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return list(_definitions(tree.body, (), text.split("\n")))


def _definitions(
    body: Sequence[ast.stmt], around: tuple[str, ...], lines: Sequence[str]
) -> Iterator[Definition]:
    inside = True  # whether the last section is already that of what stands around
    for statement in body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            kind = "class" if isinstance(statement, ast.ClassDef) else "def"
            heading = (*around, f"{kind} {statement.name}")
            yield Definition(_first_line(statement, lines), heading)
            if isinstance(statement, ast.ClassDef):
                yield from _definitions(statement.body, heading, lines)
            inside = False
        elif not inside:
            yield Definition(_first_line(statement, lines), around)
            inside = True


def _first_line(statement: ast.stmt, lines: Sequence[str]) -> int:
    """From 0, with decorators and the comments right above it."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    first = statement.lineno - 1
    if decorators:
        first = decorators[0].lineno - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first
