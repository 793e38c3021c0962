"""reStructuredText: its structure kept, no file read, and Sphinx's own directives not lost."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document

if TYPE_CHECKING:
    from rag.document import ParsedDocument

TEXT = """
Memory
======

:Author: Ada
:Date: 2026-03-01

Weights *come* first; see `the docs <https://example.org>`_ and ``num_ctx``.

Cache
-----

.. note:: Keys and values.

.. code-block:: python

   def f():
       return 1

======  ====
Model   GB
======  ====
7B      4.2
70B     42
======  ====

- one
- two

  1. inner

Term
    Its meaning.

.. comment, unseen
"""


def parsed(text: str) -> ParsedDocument:
    document = parse_document(text.encode(), PurePath("notes.rst"))
    assert document.format == "rst"
    return document


def test_sections_tables_lists_and_code_keep_their_structure() -> None:
    document = parsed(TEXT)
    assert document.title == "Memory"
    assert document.metadata == {"author": "Ada", "date": "2026-03-01"}
    assert [section.heading for section in document.sections] == [("Memory",), ("Memory", "Cache")]
    assert document.sections[0].text.endswith("Weights come first; see the docs and `num_ctx`.")
    assert document.sections[1].text == (
        "## Cache\n\nNote: Keys and values.\n\n```python\ndef f():\n    return 1\n```\n\n"
        "| Model | GB |\n| --- | --- |\n"
        "| 7B | 4.2 |\n| 70B | 42 |\n\n- one\n- two\n  1. inner\n\nTerm: Its meaning."
    )


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: {}",
        ".. literalinclude:: {}",
        ".. raw:: html\n   :file: {}",
        ".. csv-table::\n   :file: {}",
        ".. code-block:: text\n   :file: {}",
    ],
)
def test_no_other_file_is_read(directive: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET", encoding="utf-8")
    document = parsed("words\n\n" + directive.format(secret))
    assert "SECRET" not in "".join(section.text for section in document.sections)


def test_what_only_sphinx_knows_keeps_its_words() -> None:
    text = (
        parsed(
            "See :ref:`the cache <cache>` and :class:`Room`.\n\n.. versionadded:: 1.2\n   Heating.\n\n"
            ".. toctree::\n   :maxdepth: 2\n\n   intro\n"
        )
        .sections[0]
        .text
    )
    assert text == "See the cache and Room.\n\nversionadded: 1.2\nHeating."


@pytest.mark.parametrize(
    "text",
    [
        "Title\n===\n\nwords\n\nOther\n-----\n\nwords\n\nThird\n~~~\n\n   odd\n",
        "*unclosed and `half\n\n.. code::\n\n\n",
        "+---+\n| a |\n+--\n\nwords",
        "- " * 400 + "deep",
        "|sub| and [1]_ and words_ and `a`__\n",
    ],
)
def test_broken_markup_keeps_its_words(text: str) -> None:
    document = parsed(text)
    assert any(word in "".join(s.text for s in document.sections) for word in ("words", "deep", "unclosed"))
