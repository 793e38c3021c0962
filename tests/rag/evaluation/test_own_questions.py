"""Questions about one's own library: which documents a line means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rag.document import Document
from rag.evaluation.own_questions import read_own_questions
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path


def document(identity: str, path: str, title: str, *others: str) -> Document:
    return Document(identity, path, title, "text", "0", "en", 1, 1, other_paths=others)


LIBRARY = (
    document("a1", "/docs/en/tea.md", "Tea"),
    document("b2", "/docs/zh/tea.md", "茶"),
    document("c3", "/docs/lease.pdf", "The lease", "/copies/contract.pdf"),
)


def asked(folder: Path, *lines: dict[str, object]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("b2", "b2"),
        ("/docs/en/tea.md", "a1"),
        ("zh/tea.md", "b2"),
        ("lease.pdf", "c3"),
        ("contract.pdf", "c3"),
        ("the LEASE", "c3"),
        ("茶", "b2"),
    ],
)
def test_a_document_may_be_named_by_id_path_end_or_title(tmp_path: Path, name: str, identity: str) -> None:
    questions, _ = read_own_questions(asked(tmp_path, {"question": "?", "documents": [name]}), LIBRARY)

    assert questions[0].grades == {identity: 1}


def test_a_line_may_name_one_document_several_or_that_there_is_none(tmp_path: Path) -> None:
    path = asked(
        tmp_path,
        {"id": "one", "question": "which?", "document": "lease.pdf", "quote": "the rent"},
        {"text": "what?", "documents": ["en/tea.md", "茶"]},
        {"question": "who won?", "answerable": False},
    )

    questions, left_out = read_own_questions(path, LIBRARY)

    assert [(each.id, dict(each.grades), each.answers) for each in questions] == [
        ("one", {"c3": 1}, ("the rent",)),
        ("line 2", {"a1": 1, "b2": 1}, ()),
    ]
    assert left_out == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"question": "?", "documents": ["tea.md"]}, "line 1: 'tea.md' fits 2 documents: /docs/en/tea.md"),
        ({"question": "?", "documents": ["lese.pdf"]}, "'lese.pdf'; did you mean lease.pdf?"),
        ({"question": "?"}, "line 1: the question names no document"),
        ({"documents": ["tea.md"]}, "line 1: question: Field required"),
        ({"question": "?", "answerable": False}, "has no question that names a document"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_line(
    tmp_path: Path, line: dict[str, object], said: str
) -> None:
    with pytest.raises(LibraryError) as failure:
        read_own_questions(asked(tmp_path, line), LIBRARY)

    assert said in failure.value.message
    assert failure.value.hint
