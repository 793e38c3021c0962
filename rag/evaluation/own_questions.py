"""Questions about a person's own library, from a file: which of its documents each line means.

A line names documents as a person knows them: by a path or the end of one, by id, or by title. Nothing is
guessed: a name that fits no document, or documents with different texts, is an error that says which.
"""

from __future__ import annotations

import difflib
from pathlib import PurePath
from typing import TYPE_CHECKING

from rag.evaluation.jsonl import read_numbered_lines
from rag.evaluation.question_set import Question
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.document import Document

_FORMAT = '{"question": "…", "documents": ["a/path.pdf"]} on each line'


def read_own_questions(path: Path, documents: Sequence[Document]) -> tuple[tuple[Question, ...], int]:
    """The questions that name documents, and the number of those that were left out.

    Left out are the questions that are said to have no answer in the library.

    Raises:
        LibraryError: the file cannot be read, a line is not a question, an id comes twice, a name fits no
            document or several, or no question is left.
    """
    from rag.evaluation.lines import OwnQuestionLine

    lines = read_numbered_lines(path, OwnQuestionLine, key=lambda line: line.id)
    questions = []
    for number, line in lines:
        if not line.answerable:
            continue
        if not line.documents:
            raise LibraryError(
                f"{path}, line {number}: the question names no document that answers it",
                hint=f'{_FORMAT}, or "answerable": false',
            )
        grades = {_named(name, documents, f"{path}, line {number}").id: 1 for name in line.documents}
        answers = tuple(filter(str.strip, line.answers))
        questions.append(Question(line.id or f"line {number}", line.question, grades, answers))
    if not questions:
        raise LibraryError(f"{path} has no question that names a document", hint=_FORMAT)
    return tuple(questions), len(lines) - len(questions)


def _named(name: str, documents: Sequence[Document], where: str) -> Document:
    """The one document that is meant by a name."""
    for fits in (_has_id, _has_path, _has_title):
        found = [document for document in documents if fits(document, name)]
        if len(found) > 1:
            paths = ", ".join(document.path for document in found[:3])
            raise LibraryError(
                f"{where}: {name!r} fits {len(found)} documents: {paths}", hint="write more of the path"
            )
        if found:
            return found[0]
    names = [PurePath(document.path).name for document in documents]
    near = difflib.get_close_matches(PurePath(name).name, names, n=1)
    raise LibraryError(
        f"{where}: no document of the library has the path, id or title {name!r}"
        + (f"; did you mean {near[0]}?" if near else ""),
        hint="stillroom sources",
    )


def _has_id(document: Document, name: str) -> bool:
    return document.id == name


def _has_path(document: Document, name: str) -> bool:
    parts = PurePath(name).parts
    return bool(parts) and any(
        PurePath(path).parts[-len(parts) :] == parts for path in (document.path, *document.other_paths)
    )


def _has_title(document: Document, name: str) -> bool:
    return document.title.casefold() == name.strip().casefold()
