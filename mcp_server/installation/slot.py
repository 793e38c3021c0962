"""Where in a configuration one server's entry stands, whatever the file's format.

Three modules edit by it: ``json_text``, ``toml_text`` and ``yaml_text``, each with ``entries``, ``put`` and
``drop``. They never write a document anew: they put text in and take it out, so that every byte that is not
the entry's stays where it was.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one entry.

    Attributes:
        section: the keys that lead to what holds the entries, such as ``("mcpServers",)``.
        name: the entry's key there, or what tells it from the others of a list.
        id_key: empty where entries stand under their names; where they stand in a list, the member that
            holds the name, such as ``id``.
        beside: keys and values that a new document needs besides.
    """

    section: tuple[str, ...]
    name: str
    id_key: str = ""
    beside: tuple[tuple[str, str], ...] = ()


def line_ending(text: str) -> str:
    r"""The line ending that a text uses first; that of Unix where it has no line.

    Example:
        >>> line_ending("a\r\nb\n")
        '\r\n'
    """
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def place(text: str, position: int) -> str:
    r"""A position as a person counts it, from 1.

    Example:
        >>> place("a\nbc", 3)
        'line 2, column 2'
    """
    start = text.rfind("\n", 0, position) + 1
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - start + 1}"
